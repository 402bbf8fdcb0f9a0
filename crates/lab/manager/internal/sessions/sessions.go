// Package sessions is the manager's end of the tunnels: who may connect, which clusters have a session now, and
// connections through it.
//
// Start at Server; authorize decides who is let in, Ping is the check through a tunnel.
package sessions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/rancher/remotedialer"

	"lifeboat.invalid/lab/manager/internal/store"
	"lifeboat.invalid/lab/manager/internal/tunnel"
)

// Registry is what the server needs of the manager's memory.
type Registry interface {
	ClusterOfToken(token string) (string, error)
	RecordEndpoint(ctx context.Context, cluster string, endpoint store.Endpoint) error
}

// Server accepts agents' tunnels. It tells nobody that one has come: the checks find out, at their next turn.
type Server struct {
	registry Registry
	log      *slog.Logger
	sessions *remotedialer.Server
	ping     string
}

// refusal is an authorization error that the agent may read.
type refusal struct {
	status int
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// New returns a server whose checks ask pingAddress at the agents' side (tunnel.PingAddress outside tests).
func New(registry Registry, pingAddress string, log *slog.Logger) *Server {
	s := &Server{registry: registry, log: log, ping: pingAddress}
	s.sessions = remotedialer.New(s.authorize, s.refuse)
	return s
}

// ServeHTTP holds one agent's tunnel until it breaks.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// remotedialer tells nothing about the session it served, so its authorizer leaves the cluster here.
	admitted := new(string)
	s.sessions.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), admittedKey{}, admitted)))
	if *admitted != "" {
		s.log.Info("agent gone", "cluster", *admitted, "remote", r.RemoteAddr)
	}
}

type admittedKey struct{}

// HasSession tells whether an agent of the cluster holds a tunnel now, as far as this end has noticed.
func (s *Server) HasSession(cluster string) bool { return s.sessions.HasSession(cluster) }

// Dial opens a connection at the agent's side.
func (s *Server) Dial(ctx context.Context, cluster, network, address string) (net.Conn, error) {
	return s.sessions.Dialer(cluster)(ctx, network, address)
}

// Ping asks the agent through its tunnel. A tunnel whose other end has vanished holds a session for up to
// timing.ReadDeadline; only an answer proves that someone is there.
func (s *Server) Ping(ctx context.Context, cluster string) error {
	if !s.HasSession(cluster) {
		return errors.New("no session")
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return s.Dial(ctx, cluster, network, s.ping)
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.ping+"/ping", nil)
	if err != nil {
		return err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1024))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the agent answered %s", response.Status)
	}
	return nil
}

// authorize runs before the upgrade; an error becomes the answer by refuse.
func (s *Server) authorize(r *http.Request) (string, bool, error) {
	cluster, err := s.registry.ClusterOfToken(r.Header.Get(tunnel.TokenHeader))
	if err != nil {
		return "", false, &refusal{http.StatusUnauthorized, err}
	}
	params, err := tunnel.ReadParams(r.Header)
	if err != nil {
		return "", false, &refusal{http.StatusBadRequest, err}
	}
	endpoint := store.Endpoint{Address: params.Address, CA: params.CACert, Token: params.Token}
	if err := s.registry.RecordEndpoint(r.Context(), cluster, endpoint); err != nil {
		return "", false, &refusal{http.StatusServiceUnavailable, err}
	}
	s.log.Info("agent connecting", "cluster", cluster, "remote", r.RemoteAddr)
	if admitted, ok := r.Context().Value(admittedKey{}).(*string); ok {
		*admitted = cluster
	}
	return cluster, true, nil
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	var refused *refusal
	if errors.As(err, &refused) {
		status = refused.status
	}
	s.log.Warn("agent refused", "remote", r.RemoteAddr, "status", status, "reason", err)
	http.Error(w, err.Error(), status)
}
