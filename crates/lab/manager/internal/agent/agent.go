// Package agent is the other end: it finds the manager by name, pins its CA, and keeps a tunnel to it.
//
// Start at Run. dial.go is one tunnel from dial to end; pin.go the check of the CA before the first dial;
// credentials.go what is read from files; state.go the file for the lab's status.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"lifeboat.invalid/lab/manager/internal/timing"
	"lifeboat.invalid/lab/manager/internal/tunnel"
)

// Messages that tests and the lab's status look for; do not reword.
const (
	msgConnected      = "connected"
	msgDisconnected   = "disconnected"
	msgRefused        = "refused"
	msgUnreachable    = "cannot reach manager"
	msgChecksum       = "CA checksum mismatch"
	msgBadCertificate = "certificate not valid"
)

// Config is what an agent runs with. The last three are fixed outside tests: see Defaults.
type Config struct {
	CredentialsDir    string // files url and token
	ServiceAccountDir string // files token and ca.crt
	APIServer         string // host:port of the downstream API server
	CAChecksum        string // sha256 in hex; empty: trust the system's CAs
	StrictVerify      bool
	StateFile         string // empty: none
	Log               *slog.Logger

	Pause       time.Duration
	PingAddress string
	Dialer      *net.Dialer
}

// Defaults fills in Rancher's timings and address.
func Defaults(config Config) Config {
	config.Pause = timing.BetweenDials
	config.PingAddress = tunnel.PingAddress
	// Resolves at each dial, by Go's own resolver, which keeps no answers.
	config.Dialer = &net.Dialer{Resolver: &net.Resolver{PreferGo: true}}
	return config
}

// Run keeps a tunnel until ctx ends. An error means that Rancher's agent would exit here and leave the retry
// to its supervisor.
func Run(ctx context.Context, config Config) error {
	state := &stateFile{path: config.StateFile, log: config.Log}
	state.set(stateDisconnected, "starting")
	stop, err := servePing(config.PingAddress)
	if err != nil {
		state.set(stateDisconnected, err.Error())
		return err
	}
	defer stop()

	trust, err := verifyManager(ctx, config)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		state.set(stateDisconnected, err.Error())
		return err
	}
	link := &link{config: config, trust: trust, state: state}
	for {
		link.once(ctx)
		select {
		case <-ctx.Done():
			config.Log.Info("stopping")
			state.set(stateDisconnected, "stopped")
			return nil
		case <-time.After(config.Pause):
		}
	}
}

// servePing answers the manager's checks. Only a tunnel gets to it: it listens on loopback.
func servePing(address string) (func(), error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot serve /ping on %s (another agent on this host?): %w", address, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "pong") })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: timing.Handshake}
	go func() { _ = server.Serve(listener) }()
	return func() { _ = server.Close() }, nil
}

// failure is why something did not work, with the message it is logged under.
type failure struct {
	message string
	server  string
	err     error
	details []any
}

func (f *failure) Error() string { return f.message + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// Report logs a failure under its own message.
func Report(log *slog.Logger, level slog.Level, err error) {
	var f *failure
	if !errors.As(err, &f) {
		log.Log(context.Background(), level, "failed", "reason", err)
		return
	}
	log.Log(context.Background(), level, f.message, append([]any{"server", f.server, "reason", f.err}, f.details...)...)
}
