// The bench of the end-to-end tests: a management cluster's API in memory, managers on loopback sockets, agents,
// and a downstream API server. The tests are in manager_test.go.

package manager_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lifeboat.invalid/lab/manager/internal/agent"
	"lifeboat.invalid/lab/manager/internal/logs"
	"lifeboat.invalid/lab/manager/internal/manager"
	"lifeboat.invalid/lab/manager/internal/proxy"
	"lifeboat.invalid/lab/manager/internal/store"
	"lifeboat.invalid/lab/manager/internal/testkit"
)

func TestMain(m *testing.M) {
	logs.New(remotedialerLog)
	m.Run()
}

const (
	apiToken          = "token-abcde:api-7d1e"
	registrationToken = "crt-5f2c"
	laterToken        = "crt-8a40" // has no Secret at first
	agentToken        = "sa-9b3a"
)

var remotedialerLog = &logBuffer{} // of all tests

// bench is one management cluster and one downstream cluster, c-one.
type bench struct {
	t          *testing.T
	api        *testkit.API
	ca         *testkit.CA
	downstream *httptest.Server
	downCA     *testkit.CA
	local      *httptest.Server
	ping       string
	log        *logBuffer
}

func newBench(t *testing.T, conditions ...string) *bench {
	t.Helper()
	b := &bench{t: t, ca: testkit.NewCA(t), downCA: testkit.NewCA(t), ping: freeAddress(t), log: &logBuffer{}}
	pair := b.ca.Issue(t, "127.0.0.1")
	b.api = testkit.NewAPI(
		testkit.Setting("server-url", "https://rancher.lab.test"),
		testkit.Setting("cacerts", b.ca.PEM),
		testkit.Secret(store.SystemNamespace, store.ServingSecret, "", "tls.crt", pair.Cert, "tls.key", pair.Key),
		testkit.Secret(store.SystemNamespace, "admin", store.APITokenLabel, "token", apiToken),
		testkit.Cluster("c-one", conditions...),
		testkit.Secret("c-one", "crt", store.RegistrationTokenLabel, "token", registrationToken),
	)
	t.Cleanup(func() { b.noSecretLogged(pair.Key) }) // last, when all programs have stopped
	b.downstream = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+agentToken {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, "downstream %s", r.URL.RequestURI())
		if r.URL.Query().Has("watch") {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}))
	b.downstream.TLS = &tls.Config{Certificates: []tls.Certificate{b.downCA.Issue(t, "127.0.0.1").TLS(t)}}
	b.downstream.StartTLS()
	b.local = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "local %s", r.URL.Path)
	}))
	t.Cleanup(func() { b.downstream.CloseClientConnections(); b.downstream.Close(); b.local.Close() })
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(b.log.String())
		}
	})
	return b
}

// noSecretLogged looks for tokens and the serving key, plain and as a Secret or a header holds them.
func (b *bench) noSecretLogged(key string) {
	b.t.Helper()
	block, _ := pem.Decode([]byte(key))
	_, apiSecret, _ := strings.Cut(apiToken, ":")
	hidden := []string{base64.StdEncoding.EncodeToString(block.Bytes)[:32], "PRIVATE KEY"}
	for _, token := range []string{apiToken, apiSecret, registrationToken, laterToken, agentToken} {
		hidden = append(hidden, token, base64.StdEncoding.EncodeToString([]byte(token)))
	}
	for _, log := range []*logBuffer{b.log, remotedialerLog} {
		for i, secret := range hidden {
			if strings.Contains(log.String(), secret) {
				b.t.Errorf("secret %d is in the log", i)
			}
		}
	}
}

// running is a manager process: stop it and its sockets go, as with a real one.
type running struct {
	address string
	stop    func()
}

func (b *bench) manager(checkEvery time.Duration) running {
	b.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	tracked := &trackedListener{Listener: listener}
	host, err := url.Parse(b.local.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	watches := b.api.Watches.Load()
	stop := b.run(func(ctx context.Context) error {
		return manager.Run(ctx, manager.Config{
			API: b.api, Local: proxy.Local{Host: host, Transport: http.DefaultTransport},
			Listen: func() (net.Listener, error) { return tracked, nil }, Log: b.log.logger(),
			CheckEvery: checkEvery, RetryEvery: time.Millisecond, PingAddress: b.ping,
		})
	})
	testkit.Eventually(b.t, "the manager's watches", func() bool { return b.api.Watches.Load() >= watches+6 })
	return running{address: listener.Addr().String(), stop: func() { stop(); tracked.closeAll() }}
}

// agent returns a config that connects; tests spoil one part of it.
func (b *bench) agent(manager running) agent.Config {
	b.t.Helper()
	credentials, account := b.t.TempDir(), b.t.TempDir()
	b.write(credentials, "url", "https://"+manager.address)
	b.write(credentials, "token", registrationToken)
	b.write(account, "token", agentToken)
	b.write(account, "ca.crt", b.downCA.PEM)
	return agent.Config{
		CredentialsDir: credentials, ServiceAccountDir: account,
		APIServer:  b.downstream.Listener.Addr().String(),
		CAChecksum: b.ca.Checksum(), StrictVerify: true,
		StateFile: filepath.Join(b.t.TempDir(), "state"), Log: b.log.logger(),
		Pause: 10 * time.Millisecond, PingAddress: b.ping, Dialer: &net.Dialer{},
	}
}

func (b *bench) start(config agent.Config) (stop func()) {
	return b.run(func(ctx context.Context) error { return agent.Run(ctx, config) })
}

func (b *bench) run(program func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := program(ctx); err != nil && ctx.Err() == nil {
			b.t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	b.t.Cleanup(stop)
	return stop
}

func (b *bench) write(dir, name, content string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// get asks the manager; the body is read up to its end, or up to what has come for a stream.
func (b *bench) get(manager running, path, token string) (int, string) {
	b.t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(b.ca.PEM))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+manager.address+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	if strings.Contains(path, "watch=") {
		first := make([]byte, 256)
		n, _ := response.Body.Read(first)
		return response.StatusCode, string(first[:n])
	}
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}
