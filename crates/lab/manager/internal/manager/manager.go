// Package manager puts the parts together and runs them, from the first word to the API server to the last
// answer on the socket.
//
// Start at Run: it waits for what it needs, says what that is, then serves and checks until it is stopped.
package manager

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"lifeboat.invalid/lab/manager/internal/conditions"
	"lifeboat.invalid/lab/manager/internal/front"
	"lifeboat.invalid/lab/manager/internal/proxy"
	"lifeboat.invalid/lab/manager/internal/sessions"
	"lifeboat.invalid/lab/manager/internal/store"
	"lifeboat.invalid/lab/manager/internal/timing"
	"lifeboat.invalid/lab/manager/internal/tunnel"
)

// Config is what a manager runs with. Everything but the first three is fixed outside tests: see Defaults.
type Config struct {
	API    dynamic.Interface
	Local  proxy.Local
	Listen func() (net.Listener, error)
	Log    *slog.Logger

	CheckEvery  time.Duration
	RetryEvery  time.Duration
	PingAddress string
}

// Defaults fills in a config for a real API server and Rancher's timings.
func Defaults(kube *rest.Config, listen string, log *slog.Logger) (Config, error) {
	api, err := dynamic.NewForConfig(kube)
	if err != nil {
		return Config{}, err
	}
	transport, err := rest.TransportFor(kube)
	if err != nil {
		return Config{}, err
	}
	host, _, err := rest.DefaultServerUrlFor(kube)
	if err != nil {
		return Config{}, err
	}
	return Config{
		API:         api,
		Local:       proxy.Local{Host: &url.URL{Scheme: host.Scheme, Host: host.Host}, Transport: transport},
		Listen:      func() (net.Listener, error) { return net.Listen("tcp", listen) },
		Log:         log,
		CheckEvery:  timing.ConditionCheck,
		RetryEvery:  timing.RetryAPI,
		PingAddress: tunnel.PingAddress,
	}, nil
}

// Run serves until ctx ends.
func Run(ctx context.Context, config Config) error {
	memory, err := prepare(ctx, config)
	if err != nil {
		return err
	}
	tunnels := sessions.New(memory, config.PingAddress, config.Log)
	checks := &conditions.Checker{
		Clusters: memory, Ping: tunnels.Ping, Now: time.Now, Every: config.CheckEvery, Log: config.Log,
	}
	handler := front.Handler(front.Parts{
		Store:   memory,
		Tunnels: tunnels,
		Proxy:   &proxy.Proxy{Endpoints: memory, Tunnels: tunnels, Local: config.Local, Log: config.Log},
	})
	listener, err := config.Listen()
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	config.Log.Info("serving", "address", listener.Addr().String(), "server", memory.ServerURL())
	go checks.Run(ctx)
	return serve(ctx, listener, handler, memory, config.Log)
}

// prepare waits for the API server, then for the objects that an installer creates.
func prepare(ctx context.Context, config Config) (*store.Store, error) {
	if err := until(ctx, config, "waiting for the API server", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, timing.HealthAnswer)
		defer cancel()
		return store.Answers(ctx, config.API)
	}); err != nil {
		return nil, err
	}
	if err := until(ctx, config, "installing types", func(ctx context.Context) error {
		if err := store.InstallTypes(ctx, config.API); err != nil {
			return err
		}
		return store.EnsureLocal(ctx, config.API, time.Now())
	}); err != nil {
		return nil, err
	}
	memory, err := store.Open(ctx, config.API, config.Log)
	if err != nil {
		return nil, err
	}
	return memory, until(ctx, config, "waiting for objects", func(context.Context) error {
		if missing := memory.Missing(); len(missing) > 0 {
			return errors.New("missing: " + strings.Join(missing, ", "))
		}
		return nil
	})
}

// until retries and says why, once for each new reason.
func until(ctx context.Context, config Config, what string, try func(context.Context) error) error {
	said := ""
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if reason := err.Error(); reason != said && ctx.Err() == nil {
			config.Log.Info(what, "reason", reason)
			said = reason
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopped while %s", what)
		case <-time.After(config.RetryEvery):
		}
	}
}

// serve answers until ctx ends. Tunnels are hijacked connections, which Shutdown leaves alone; they end with
// the process, and agents see that as a closed connection.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, memory *store.Store, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: timing.Handshake,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // strangers' failed handshakes
		TLSConfig: &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return memory.Certificate() },
		},
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ServeTLS(listener, "", "") }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping")
	last, cancel := context.WithTimeout(context.Background(), timing.Shutdown)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		_ = server.Close() // open watches
	}
	return nil
}
