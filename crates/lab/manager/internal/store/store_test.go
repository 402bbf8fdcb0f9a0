// The store against an API in memory.

package store_test

import (
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lifeboat.invalid/lab/manager/internal/store"
	"lifeboat.invalid/lab/manager/internal/testkit"
)

func open(t *testing.T, api *testkit.API) *store.Store {
	t.Helper()
	memory, err := store.Open(t.Context(), api, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "all watches", func() bool { return api.Watches.Load() >= 6 })
	return memory
}

func TestRegistrationTokens(t *testing.T) {
	api := testkit.NewAPI(
		testkit.Cluster("c-one"),
		testkit.Secret("c-one", "crt", store.RegistrationTokenLabel, "token", "good"),
		testkit.Secret("c-one", "unlabelled", "", "token", "plain"),
		testkit.Secret("c-lost", "crt", store.RegistrationTokenLabel, "token", "orphan"),
	)
	memory := open(t, api)
	if cluster, err := memory.ClusterOfToken("good"); cluster != "c-one" || err != nil {
		t.Errorf("good: %q, %v", cluster, err)
	}
	for token, want := range map[string]error{
		"": store.ErrUnknownToken, "bad": store.ErrUnknownToken, "plain": store.ErrUnknownToken, "orphan": store.ErrNoCluster,
	} {
		if _, err := memory.ClusterOfToken(token); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", token, err, want)
		}
	}
	api.Put(t, store.Secrets, testkit.Secret("c-one", "second", store.RegistrationTokenLabel, "token", "new"))
	testkit.Eventually(t, "a new token", func() bool { _, err := memory.ClusterOfToken("new"); return err == nil })
}

func TestAPITokens(t *testing.T) {
	memory := open(t, testkit.NewAPI(
		testkit.Secret(store.SystemNamespace, "one", store.APITokenLabel, "token", "token-abcde:secret"),
		testkit.Secret("elsewhere", "two", store.APITokenLabel, "token", "token-other:secret"),
	))
	for token, want := range map[string]bool{
		"token-abcde:secret": true, "token-abcde:": false, "token-abcde:secre": false, "": false, "token-other:secret": false,
	} {
		if memory.APITokenValid(token) != want {
			t.Errorf("%q: not %v", token, want)
		}
	}
}

func TestMissingNamesWhatIsMissingAndACertificateIsReplaced(t *testing.T) {
	api := testkit.NewAPI(testkit.Setting("server-url", "https://rancher.lab.test"))
	memory := open(t, api)
	want := []string{"Setting cacerts", "Secret cattle-system/tls-rancher-ingress does not exist"}
	if got := memory.Missing(); !slices.Equal(got, want) {
		t.Errorf("missing %q", got)
	}
	ca := testkit.NewCA(t)
	api.Put(t, store.Settings, testkit.Setting("cacerts", ca.PEM))
	put := func(cert, key string) {
		api.Put(t, store.Secrets, testkit.Secret(store.SystemNamespace, store.ServingSecret, "", "tls.crt", cert, "tls.key", key))
	}
	serves := func(name string) bool {
		certificate, err := memory.Certificate()
		return err == nil && certificate.Leaf.VerifyHostname(name) == nil
	}
	first, second := ca.Issue(t, "a.lab.test"), ca.Issue(t, "b.lab.test")
	put(first.Cert, first.Key)
	testkit.Eventually(t, "the first certificate", func() bool { return serves("a.lab.test") && len(memory.Missing()) == 0 })
	put("broken", "broken")
	if !serves("a.lab.test") {
		t.Error("a broken certificate replaced a good one")
	}
	put(second.Cert, second.Key)
	testkit.Eventually(t, "the second certificate", func() bool { return serves("b.lab.test") })
}

func TestRecordEndpointWritesOnce(t *testing.T) {
	api := testkit.NewAPI(testkit.Cluster("c-one"))
	memory := open(t, api)
	for _, token := range []string{"first", "second"} {
		endpoint := store.Endpoint{Address: "10.0.0.1:6443", CA: "Q0E=", Token: token}
		if err := memory.RecordEndpoint(t.Context(), "c-one", endpoint); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "the endpoint", func() bool { got, ok := memory.Endpoint("c-one"); return ok && got == endpoint })
		api.ClearActions()
		if err := memory.RecordEndpoint(t.Context(), "c-one", endpoint); err != nil || len(api.Actions()) != 0 {
			t.Errorf("wrote what was known: %v, %v", api.Actions(), err)
		}
	}
}

func TestTypesAreInstalledOnceAndLocalIsKept(t *testing.T) {
	local := testkit.Cluster(store.LocalCluster, "Connected", "False")
	api := testkit.NewAPI(local)
	for range 2 {
		if err := store.InstallTypes(t.Context(), api); err != nil {
			t.Fatal(err)
		}
		if err := store.EnsureLocal(t.Context(), api, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	types, err := api.Resource(store.Types).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(types.Items) != 2 {
		t.Fatalf("%v, %v", types, err)
	}
	kept, err := api.Resource(store.Clusters).Get(t.Context(), store.LocalCluster, metav1.GetOptions{})
	if err != nil || testkit.Condition(kept, "Connected", "status") != "False" {
		t.Errorf("restored local was changed: %v, %v", kept, err)
	}
}
