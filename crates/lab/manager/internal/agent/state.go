// The state file, for the lab's status: {"state":"connected","since":"...","reason":""}.

package agent

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

const (
	stateConnected    = "connected"
	stateDisconnected = "disconnected"
)

// stateFile is written by one goroutine. It is of use to readers only, so a failure to write is logged, no more.
type stateFile struct {
	path string
	log  *slog.Logger
	last stateEntry
}

type stateEntry struct {
	State  string    `json:"state"`
	Since  time.Time `json:"since"` // of the state; a new reason alone does not change it
	Reason string    `json:"reason"`
}

func (f *stateFile) set(state, reason string) {
	if f.path == "" {
		return
	}
	next := stateEntry{State: state, Since: f.last.Since, Reason: reason}
	if f.last.State != state {
		next.Since = time.Now().UTC().Truncate(time.Second)
	}
	f.last = next
	if err := f.write(next); err != nil {
		f.log.Warn("cannot write state", "file", f.path, "reason", err)
	}
}

// write replaces the file, so that a reader never sees half of one.
func (f *stateFile) write(entry stateEntry) error {
	content, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(f.path), ".state-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // gone already when all went well
	if _, err := temporary.Write(append(content, '\n')); err != nil {
		_ = temporary.Close()
		return err
	}
	if err := temporary.Chmod(0o644); err != nil {
		_ = temporary.Close()
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), f.path)
}
