// One tunnel, from dial to end. The pieces are those of remotedialer.ConnectToProxy, which would hide the server's
// answer to a refused dial.

package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"
	"github.com/rancher/remotedialer"

	"lifeboat.invalid/lab/manager/internal/timing"
	"lifeboat.invalid/lab/manager/internal/tunnel"
)

const maxReasonBytes = 512

// link is the agent's tie to its manager over many tunnels.
type link struct {
	config     Config
	trust      *x509.CertPool
	state      *stateFile
	registered bool // a first tunnel has stood; later ones need not register
}

// once holds one tunnel and returns when it has ended or could not be opened.
func (l *link) once(ctx context.Context) {
	conn, server, err := l.dial(ctx)
	if ctx.Err() != nil {
		if conn != nil {
			_ = conn.Close()
		}
		return
	}
	if err != nil {
		Report(l.config.Log, slog.LevelWarn, err)
		l.state.set(stateDisconnected, err.Error())
		return
	}
	l.registered = true
	l.config.Log.Info(msgConnected, "server", server, "address", conn.RemoteAddr().String())
	l.state.set(stateConnected, "")

	err = l.hold(ctx, conn)
	if ctx.Err() != nil {
		return
	}
	l.config.Log.Warn(msgDisconnected, "server", server, "reason", err)
	l.state.set(stateDisconnected, err.Error())
}

// hold serves the manager's connections until the tunnel breaks: closed by the other end, or silent for
// timing.ReadDeadline.
func (l *link) hold(ctx context.Context, conn *websocket.Conn) error {
	defer conn.Close()
	session := remotedialer.NewClientSessionWithDialer(l.permits, conn, l.config.Dialer.DialContext)
	defer session.Close()
	// Serve looks at the connection only; closing it is how to stop it.
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_, err := session.Serve(ctx)
	if err == nil {
		err = errors.New("the tunnel ended")
	}
	return err
}

// permits limits what the manager can reach to what it is meant to reach.
func (l *link) permits(network, address string) bool {
	return network == "tcp" && (address == l.config.APIServer || address == l.config.PingAddress)
}

// dial opens a tunnel. The name is looked up and all files are read again each time.
func (l *link) dial(ctx context.Context) (*websocket.Conn, string, error) {
	creds, err := readCredentials(l.config.CredentialsDir)
	if err != nil {
		return nil, "", fmt.Errorf("cannot read credentials: %w", err)
	}
	params, err := readParams(l.config.APIServer, l.config.ServiceAccountDir)
	if err != nil {
		return nil, "", fmt.Errorf("cannot read service account: %w", err)
	}
	headers, err := tunnel.Headers(creds.token, params)
	if err != nil {
		return nil, "", err
	}
	path := tunnel.ConnectPath
	if !l.registered {
		path = tunnel.RegisterPath
	}
	server := creds.server.String()
	dialer := websocket.Dialer{
		Proxy:            http.ProxyFromEnvironment,
		HandshakeTimeout: timing.Handshake,
		NetDialContext:   l.config.Dialer.DialContext,
		TLSClientConfig:  &tls.Config{RootCAs: l.trust, MinVersion: tls.VersionTLS12},
	}
	conn, response, err := dialer.DialContext(ctx, "wss://"+creds.server.Host+path, headers)
	if err == nil {
		return conn, server, nil
	}
	if response == nil {
		return nil, server, &failure{message: messageOf(err), server: server, err: err}
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxReasonBytes))
	return nil, server, &failure{
		message: msgRefused, server: server,
		err: fmt.Errorf("HTTP %d: %s", response.StatusCode, strings.TrimSpace(string(body))),
	}
}
