// Package front is what the manager shows to the world: the routes, and who may use which.
//
// Start at Handler. Public: ping, healthz, the CA. By registration token: the tunnel. By API token: the rest.
package front

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"lifeboat.invalid/lab/manager/internal/proxy"
	"lifeboat.invalid/lab/manager/internal/sessions"
	"lifeboat.invalid/lab/manager/internal/store"
	"lifeboat.invalid/lab/manager/internal/timing"
	"lifeboat.invalid/lab/manager/internal/tunnel"
)

// Parts are what the routes lead to.
type Parts struct {
	Store   *store.Store
	Tunnels *sessions.Server
	Proxy   *proxy.Proxy
}

// Handler routes all requests of the manager.
func Handler(parts Parts) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "pong") })
	mux.HandleFunc("GET /healthz", parts.healthz)
	mux.HandleFunc("GET /cacerts", func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, parts.Store.CACerts())
	})
	mux.HandleFunc("GET /v3/settings/cacerts", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"id": "cacerts", "type": "setting", "name": "cacerts", "value": parts.Store.CACerts()})
	})
	mux.Handle("GET "+tunnel.ConnectPath, parts.Tunnels)
	mux.Handle("GET "+tunnel.RegisterPath, parts.Tunnels)
	mux.Handle("GET /v3/clusters", parts.authenticated(http.HandlerFunc(parts.clusters)))
	mux.Handle(proxy.Prefix, parts.authenticated(parts.Proxy))
	return mux
}

// healthz says whether the manager can do its work: without its API server it knows nothing new.
func (p Parts) healthz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), timing.HealthAnswer)
	defer cancel()
	if err := p.Store.Answers(ctx); err != nil {
		plain(w, http.StatusServiceUnavailable, "the API server does not answer: "+err.Error())
		return
	}
	plain(w, http.StatusOK, "ok")
}

// clusters shows the live session beside the kept conditions: after a restore the two differ.
func (p Parts) clusters(w http.ResponseWriter, _ *http.Request) {
	data := []any{}
	for _, cluster := range p.Store.ListClusters() {
		id := cluster.GetName()
		name, _, _ := unstructured.NestedString(cluster.Object, "spec", "displayName")
		conditions, _, _ := unstructured.NestedSlice(cluster.Object, "status", "conditions")
		if conditions == nil {
			conditions = []any{}
		}
		data = append(data, map[string]any{
			"id": id, "type": "cluster", "name": name, "conditions": conditions,
			"connected": id == store.LocalCluster || p.Tunnels.HasSession(id),
		})
	}
	answer(w, map[string]any{"type": "collection", "resourceType": "cluster", "data": data})
}

func (p Parts) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.Store.APITokenValid(apiToken(r)) {
			proxy.Fail(w, http.StatusUnauthorized, "Unauthorized", "must authenticate")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// apiToken reads `Bearer token-xxxxx:secret`, or Basic with the part before the colon as the user.
func apiToken(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		return strings.TrimSpace(value)
	case "basic":
		decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if err == nil {
			return string(decoded)
		}
	}
	return ""
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
