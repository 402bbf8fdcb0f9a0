// Both programs against each other, as a drill sees them. The bench is in lab_test.go.

package manager_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lifeboat.invalid/lab/manager/internal/store"
	"lifeboat.invalid/lab/manager/internal/testkit"
)

// Intervals of checks: never within a test, and soon.
const (
	never = time.Hour
	soon  = 10 * time.Millisecond
)

func (b *bench) condition(kind, field string) string {
	b.t.Helper()
	cluster, err := b.api.Resource(store.Clusters).Get(b.t.Context(), "c-one", metav1.GetOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	return testkit.Condition(cluster, kind, field)
}

func (b *bench) eventually(kind, status string) {
	b.t.Helper()
	testkit.Eventually(b.t, kind+" "+status, func() bool { return b.condition(kind, "status") == status })
}

// untouched tells whether both conditions are as a copy had them.
func (b *bench) untouched(status string) {
	b.t.Helper()
	for _, kind := range []string{"Connected", "Ready"} {
		got, at := b.condition(kind, "status"), b.condition(kind, "lastUpdateTime")
		if got != status || at != "2020-01-01T00:00:00Z" {
			b.t.Errorf("%s was touched: %s of %s", kind, got, at)
		}
	}
}

func (b *bench) logs(parts ...string) func() bool {
	return func() bool {
		for line := range strings.Lines(b.log.String()) {
			found := true
			for _, part := range parts {
				found = found && strings.Contains(line, part)
			}
			if found {
				return true
			}
		}
		return false
	}
}

func TestAnAgentConnectsAndItsClusterAnswers(t *testing.T) {
	b := newBench(t)
	m := b.manager(soon)
	if status, body := b.get(m, "/k8s/clusters/c-one/version", apiToken); status != 503 || !strings.Contains(body, "ClusterUnavailable") {
		t.Errorf("without an agent: %d %s", status, body)
	}
	config := b.agent(m)
	stop := b.start(config)
	b.eventually("Connected", "True")
	b.eventually("Ready", "True")

	for path, want := range map[string]string{
		"/k8s/clusters/c-one/version":                "downstream /version",
		"/k8s/clusters/c-one/api/v1/pods?limit=1":    "downstream /api/v1/pods?limit=1",
		"/k8s/clusters/c-one/api/v1/pods?watch=true": "downstream /api/v1/pods?watch=true",
		"/k8s/clusters/c-one/apis/a%2Fb":             "downstream /apis/a%2Fb",
		"/k8s/clusters/c-one":                        "downstream /",
		"/k8s/clusters/local/version":                "local /version",
	} {
		if status, body := b.get(m, path, apiToken); status != http.StatusOK || body != want {
			t.Errorf("%s: %d %q, want %q", path, status, body, want)
		}
	}
	state, err := os.ReadFile(config.StateFile)
	var entry struct{ State, Since string }
	if err != nil || json.Unmarshal(state, &entry) != nil || entry.State != "connected" || entry.Since == "" {
		t.Errorf("state %s, %v", state, err)
	}
	if _, body := b.get(m, "/v3/clusters", apiToken); !strings.Contains(body, `"connected":true`) || !strings.Contains(body, "c-one-name") {
		t.Errorf("clusters: %s", body)
	}
	stop()
	testkit.Eventually(t, "503 after the agent has gone", func() bool {
		status, _ := b.get(m, "/k8s/clusters/c-one/version", apiToken)
		return status == http.StatusServiceUnavailable
	})
}

func TestWhoMayAskWhat(t *testing.T) {
	b := newBench(t)
	m := b.manager(never)
	for path, want := range map[string]int{
		"/ping": 200, "/healthz": 200, "/cacerts": 200, "/v3/settings/cacerts": 200,
		"/v3/clusters": 401, "/k8s/clusters/local/version": 401, "/k8s/clusters/c-one/version": 401,
		"/v3/connect": 401, "/v3/connect/register": 401,
	} {
		if status, body := b.get(m, path, ""); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
	if status, _ := b.get(m, "/k8s/clusters/c-none/version", apiToken); status != http.StatusNotFound {
		t.Errorf("unknown cluster: %d", status)
	}
	if _, body := b.get(m, "/cacerts", ""); body != b.ca.PEM {
		t.Errorf("cacerts: %q", body)
	}
}

func TestStaleConditionsStayUntilTheFirstCheck(t *testing.T) {
	b := newBench(t, "Connected", "True", "Ready", "True")
	restored := b.manager(never)
	if status, _ := b.get(restored, "/ping", ""); status != http.StatusOK {
		t.Fatalf("ping: %d", status)
	}
	if _, body := b.get(restored, "/v3/clusters", apiToken); !strings.Contains(body, `"connected":false`) {
		t.Errorf("a session without an agent: %s", body)
	}
	restored.stop()
	b.untouched("True")

	checked := b.manager(soon)
	b.eventually("Connected", "False")
	b.eventually("Ready", "False")
	if reason := b.condition("Ready", "reason"); reason != "Disconnected" {
		t.Errorf("reason %q", reason)
	}
	b.start(b.agent(checked))
	b.eventually("Connected", "True")
	b.eventually("Ready", "True")
}

func TestAnAgentBackBeforeTheFirstCheckLeavesTheConditionsUntouched(t *testing.T) {
	for _, status := range []string{"True", "False"} { // whatever the copy says
		t.Run(status, func(t *testing.T) {
			b := newBench(t)
			first := b.manager(never)
			config := b.agent(first)
			stop := b.start(config)
			testkit.Eventually(t, "the tunnel", b.logs("msg=connected"))
			first.stop()
			testkit.Eventually(t, "disconnected", b.logs("msg=disconnected"))
			testkit.Eventually(t, "dead address", b.logs(`msg="cannot reach manager"`))

			b.api.Put(t, store.Clusters, testkit.Cluster("c-one", "Connected", status, "Ready", status))
			second := b.manager(never)
			// The url file stands for DNS here: the agent reads both anew at each dial.
			b.write(config.CredentialsDir, "url", "https://"+second.address)
			testkit.Eventually(t, "an answer from downstream, the only proof", func() bool {
				_, body := b.get(second, "/k8s/clusters/c-one/version", apiToken)
				return body == "downstream /version"
			})
			stop()
			testkit.Eventually(t, "the end of the second tunnel", func() bool {
				return strings.Count(b.log.String(), `msg="agent gone"`) == 2
			})
			second.stop()
			b.untouched(status)
		})
	}
}

func TestAnUnknownTokenIsRefusedUntilItsSecretComes(t *testing.T) {
	b := newBench(t)
	m := b.manager(soon)
	config := b.agent(m)
	b.write(config.CredentialsDir, "token", laterToken)
	b.start(config)
	testkit.Eventually(t, "refused", b.logs("msg=refused", "HTTP 401: unknown registration token"))
	testkit.Eventually(t, "the manager's side", b.logs(`msg="agent refused"`, "status=401"))
	b.api.Put(t, store.Secrets, testkit.Secret("c-one", "second", store.RegistrationTokenLabel, "token", laterToken))
	b.eventually("Connected", "True")
}
