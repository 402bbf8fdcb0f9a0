// When an agent does not start: Rancher's exits, and leaves the retry to its supervisor.

package manager_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"lifeboat.invalid/lab/manager/internal/agent"
	"lifeboat.invalid/lab/manager/internal/store"
	"lifeboat.invalid/lab/manager/internal/testkit"
)

func TestAnAgentExitsWhenItCannotTrust(t *testing.T) {
	b := newBench(t)
	m := b.manager(never)
	fails := func(name string, spoil func(*agent.Config), want string) {
		t.Helper()
		config := b.agent(m)
		spoil(&config)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := agent.Run(ctx, config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	wrong := strings.Repeat("0", 64)
	fails("checksum", func(c *agent.Config) { c.CAChecksum = wrong }, "CA checksum mismatch")
	fails("port taken", func(c *agent.Config) { c.PingAddress = m.address }, "cannot serve /ping")
	fails("manager away", func(c *agent.Config) {
		b.write(c.CredentialsDir, "url", "https://"+freeAddress(t))
	}, "cannot reach manager")

	serve := func(ca *testkit.CA, name string) {
		pair := ca.Issue(t, name)
		b.api.Put(t, store.Secrets, testkit.Secret(store.SystemNamespace, store.ServingSecret, "", "tls.crt", pair.Cert, "tls.key", pair.Key))
	}
	serve(b.ca, "other.lab.test")
	for _, strict := range []bool{true, false} {
		testkit.Eventually(t, "the new certificate", func() bool { _, body := b.get(m, "/ping", ""); return strings.Contains(body, "x509") })
		fails("host name", func(c *agent.Config) { c.StrictVerify = strict }, "certificate not valid")
	}
	serve(testkit.NewCA(t), "127.0.0.1")
	testkit.Eventually(t, "the foreign certificate", func() bool {
		_, body := b.get(m, "/ping", "")
		return strings.Contains(body, "unknown authority")
	})
	fails("CA", func(*agent.Config) {}, "certificate not valid")
}
