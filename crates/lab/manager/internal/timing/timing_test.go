// A guard: a new remotedialer must not change the lab's timings unseen.

package timing

import (
	"testing"
	"time"
)

func TestTimingsAreRanchers(t *testing.T) {
	for name, pair := range map[string][2]time.Duration{
		"ping":            {PingInterval, 5 * time.Second},
		"read deadline":   {ReadDeadline, 60 * time.Second},
		"handshake":       {Handshake, 10 * time.Second},
		"between dials":   {BetweenDials, 10 * time.Second},
		"condition check": {ConditionCheck, 15 * time.Second},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %s, Rancher's is %s", name, pair[0], pair[1])
		}
	}
}
