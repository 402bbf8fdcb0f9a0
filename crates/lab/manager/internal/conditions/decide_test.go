// Decide as a table of before, seen and after.

package conditions

import (
	"reflect"
	"testing"
	"time"
)

var (
	noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	old  = "2020-01-01T00:00:00Z"
)

func condition(kind, status, reason, message, at string) map[string]any {
	c := map[string]any{"type": kind, "status": status, "lastUpdateTime": at}
	setOrDelete(c, "reason", reason)
	setOrDelete(c, "message", message)
	return c
}

func TestDecide(t *testing.T) {
	at := noon.Format(time.RFC3339)
	connected, ready := condition("Connected", "True", "", "", old), condition("Ready", "True", "", "", old)
	gone := condition("Connected", "False", "", "", old)
	unready := condition("Ready", "False", "Disconnected", "Cluster agent is not connected", old)
	foreign := condition("Updated", "True", "", "", old)
	for name, test := range map[string]struct {
		before []any
		seen   Observation
		after  []any
		write  bool
	}{
		"new and absent": {nil, Observation{At: noon},
			[]any{condition("Connected", "False", "", "", at),
				condition("Ready", "False", "Disconnected", "Cluster agent is not connected", at)}, true},
		"still connected": {[]any{connected, ready}, Observation{Connected: true, At: noon}, []any{connected, ready}, false},
		"stale after a restore": {[]any{connected, ready}, Observation{At: noon},
			[]any{condition("Connected", "False", "", "", at),
				condition("Ready", "False", "Disconnected", "Cluster agent is not connected", at)}, true},
		"still gone": {[]any{gone, unready}, Observation{At: noon}, []any{gone, unready}, false},
		"back, others untouched": {[]any{foreign, unready, gone}, Observation{Connected: true, At: noon},
			[]any{foreign, condition("Ready", "True", "", "", at), condition("Connected", "True", "", "", at)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			after, write := Decide(test.before, test.seen)
			if write != test.write || !reflect.DeepEqual(after, test.after) {
				t.Errorf("write %v\n got %v\nwant %v", write, after, test.after)
			}
		})
	}
}
