// Package timing holds every interval of the stand-in, with the place in Rancher that it comes from.
//
// Start here when a reconnect takes longer or shorter than expected. None of these is a flag: a lab whose
// agents came back faster than Rancher's would prove nothing. Tests inject their own through the configs.
package timing

import (
	"time"

	"github.com/rancher/remotedialer"
)

// Of the tunnel. remotedialer enforces the first two itself, in the client (pings) and at both ends (deadline);
// they are named here so that a test notices a new release that changes them.
const (
	PingInterval = remotedialer.PingWriteInterval // types.go: 5 s, written by the agent
	ReadDeadline = remotedialer.PingWaitDuration  // types.go: 60 s without a ping or pong ends the tunnel
	Handshake    = remotedialer.HandshakeTimeOut  // types.go: 10 s for name, TCP, TLS and upgrade together
)

// Between two dials. Rancher's agent sleeps twice after a failed or broken tunnel: once in
// remotedialer.ClientConnect (client.go) and once in its own loop (cmd/agent/main.go).
const (
	pauseInClientConnect = 5 * time.Second
	pauseInAgentLoop     = 5 * time.Second
	BetweenDials         = pauseInClientConnect + pauseInAgentLoop
)

// Of the agent's check of the server's certificate, once, before its first dial.
const (
	FetchCA   = 10 * time.Second // ours: curl in run.sh has no limit of its own
	VerifyTLS = 5 * time.Second  // cmd/agent/main.go: httpClient
)

// Of the server's conditions: pkg/controllers/management/clusterconnected, a ticker, so the first check of a
// process comes one interval after its start.
const (
	ConditionCheck = 15 * time.Second
	PingAnswer     = 10 * time.Second // ours: Rancher waits until the tunnel's own deadline
)

// Of the server's own matters, all ours.
const (
	HealthAnswer = 2 * time.Second
	RetryAPI     = time.Second
	Shutdown     = 3 * time.Second
)
