// Package proxy serves /k8s/clusters/{id}/...: the API of any cluster, through its agent's tunnel.
//
// Start at ServeHTTP. An answer from here is the proof that an agent is really back: it comes from the
// downstream API server itself, not from what the manager remembers.
package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	"lifeboat.invalid/lab/manager/internal/store"
	"lifeboat.invalid/lab/manager/internal/timing"
)

// Prefix is the part of the path before the cluster's id.
const Prefix = "/k8s/clusters/"

// Tunnels reaches the agents.
type Tunnels interface {
	HasSession(cluster string) bool
	Dial(ctx context.Context, cluster, network, address string) (net.Conn, error)
}

// Endpoints knows the downstream API servers.
type Endpoints interface {
	HasCluster(id string) bool
	Endpoint(id string) (store.Endpoint, bool)
}

// Local is the manager's own API server, with the transport that authenticates to it.
type Local struct {
	Host      *url.URL
	Transport http.RoundTripper
}

// Proxy forwards requests; callers are authenticated before they reach it.
type Proxy struct {
	Endpoints Endpoints
	Tunnels   Tunnels
	Local     Local
	Log       *slog.Logger

	mutex      sync.Mutex
	transports map[string]downstream
}

// downstream is a kept transport and what it was made for.
type downstream struct {
	address, ca string
	transport   *http.Transport
}

// ServeHTTP forwards to the cluster named in the path; watches stream.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	if id == store.LocalCluster {
		p.forward(w, r, id, p.Local.Host, p.Local.Transport, "")
		return
	}
	if !p.Endpoints.HasCluster(id) {
		Fail(w, http.StatusNotFound, "NotFound", "cluster not found")
		return
	}
	endpoint, known := p.Endpoints.Endpoint(id)
	if !known || !p.Tunnels.HasSession(id) {
		unavailable(w)
		return
	}
	transport, err := p.transport(id, endpoint)
	if err != nil {
		Fail(w, http.StatusBadGateway, "ServerError", err.Error())
		return
	}
	p.forward(w, r, id, &url.URL{Scheme: "https", Host: endpoint.Address}, transport, endpoint.Token)
}

// forward sends the request on with the cluster's own credentials; an empty token leaves that to the transport.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, id string, to *url.URL, by http.RoundTripper, token string) {
	reverse := &httputil.ReverseProxy{
		Transport:     by,
		FlushInterval: -1, // each event of a watch at once
		Rewrite: func(request *httputil.ProxyRequest) {
			out := request.Out
			strip(out.URL, Prefix+id)
			request.SetURL(to)
			out.Header.Del("Authorization")
			if token != "" {
				out.Header.Set("Authorization", "Bearer "+token)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, context.Canceled) {
				return
			}
			p.Log.Warn("proxy failed", "cluster", id, "reason", err)
			if id != store.LocalCluster && !p.Tunnels.HasSession(id) {
				unavailable(w)
				return
			}
			Fail(w, http.StatusBadGateway, "ServerError", err.Error())
		},
	}
	reverse.ServeHTTP(w, r)
}

// transport returns the kept transport of a cluster, or a new one when its agent has told something else.
func (p *Proxy) transport(id string, endpoint store.Endpoint) (*http.Transport, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	kept, ok := p.transports[id]
	if ok && kept.address == endpoint.Address && kept.ca == endpoint.CA {
		return kept.transport, nil
	}
	pem, err := base64.StdEncoding.DecodeString(endpoint.CA)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the CA of cluster %s is not base64 of PEM", id)
	}
	if ok {
		kept.transport.CloseIdleConnections()
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return p.Tunnels.Dial(ctx, id, network, address)
		},
		TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: timing.Handshake,
	}
	if p.transports == nil {
		p.transports = map[string]downstream{}
	}
	p.transports[id] = downstream{endpoint.Address, endpoint.CA, transport}
	return transport, nil
}

func strip(u *url.URL, prefix string) {
	escaped := strings.TrimPrefix(u.EscapedPath(), prefix)
	u.Path = strings.TrimPrefix(u.Path, prefix)
	if u.Path == "" {
		u.Path, escaped = "/", "/"
	}
	u.RawPath = escaped
}

func unavailable(w http.ResponseWriter) {
	Fail(w, http.StatusServiceUnavailable, "ClusterUnavailable", "cluster agent is not connected")
}

// Fail answers with an error of Rancher's form.
func Fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "error", "status": status, "code": code, "message": message,
	})
}
