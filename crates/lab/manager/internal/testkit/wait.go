// Waiting by looking, with a deadline far beyond what any machine needs.

package testkit

import (
	"testing"
	"time"
)

// Eventually looks until seen is true.
func Eventually(t *testing.T, what string, seen func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !seen() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
