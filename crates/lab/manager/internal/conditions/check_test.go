// The checks against an API in memory: when they look, when they write, and that they do not wait for each other.

package conditions_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"lifeboat.invalid/lab/manager/internal/conditions"
	"lifeboat.invalid/lab/manager/internal/store"
	"lifeboat.invalid/lab/manager/internal/testkit"
	"lifeboat.invalid/lab/manager/internal/timing"
)

func checker(t *testing.T, api *testkit.API, ping func(context.Context, string) error) *conditions.Checker {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	memory, err := store.Open(t.Context(), api, log)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC) }
	return &conditions.Checker{Clusters: memory, Ping: ping, Now: now, Every: timing.ConditionCheck, Log: log}
}

func updates(api *testkit.API) (count int) {
	for _, action := range api.Actions() {
		if action.Matches("update", "clusters") {
			count++
		}
	}
	return count
}

func TestAConflictIsRetried(t *testing.T) {
	api := testkit.NewAPI(testkit.Cluster("c-one"))
	var tries atomic.Int32
	api.PrependReactor("update", "clusters", func(clienttesting.Action) (bool, runtime.Object, error) {
		if tries.Add(1) == 1 {
			return true, nil, apierrors.NewConflict(store.Clusters.GroupResource(), "c-one", errors.New("changed"))
		}
		return false, nil, nil
	})
	checker(t, api, func(context.Context, string) error { return nil }).All(t.Context())
	cluster, err := api.Resource(store.Clusters).Get(t.Context(), "c-one", metav1.GetOptions{})
	if err != nil || tries.Load() != 2 || testkit.Condition(cluster, "Connected", "status") != "True" {
		t.Fatalf("tries %d, error %v, cluster %v", tries.Load(), err, cluster)
	}
}

func TestNothingIsWrittenWhenNothingChanged(t *testing.T) {
	api := testkit.NewAPI(
		testkit.Cluster("c-one", "Connected", "True", "Ready", "True"),
		testkit.Cluster("local", "Connected", "True", "Ready", "True"),
	)
	checks := checker(t, api, func(_ context.Context, cluster string) error {
		if cluster == "local" {
			t.Error("local has no agent to ask")
		}
		return nil
	})
	for range 3 {
		checks.All(t.Context())
	}
	if got := updates(api); got != 0 {
		t.Errorf("%d writes, want none", got)
	}
}

// A copy says True of an agent. What it says next depends on who is there at the first check, not before.
func TestTheFirstCheckComesOneIntervalAfterTheStart(t *testing.T) {
	for name, test := range map[string]struct {
		answer error
		status string
		writes int
	}{
		"agent back":   {nil, "True", 0},
		"agent absent": {errors.New("no session"), "False", 1},
	} {
		// The clock is synctest's: these waits take no time, and end when all else has come to rest.
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := testkit.NewAPI(testkit.Cluster("c-one", "Connected", "True", "Ready", "True"))
				var pings atomic.Int32
				checks := checker(t, api, func(context.Context, string) error {
					pings.Add(1)
					return test.answer
				})
				expect := func(when, status string, looks int32, writes int) {
					t.Helper()
					synctest.Wait()
					cluster, err := api.Resource(store.Clusters).Get(t.Context(), "c-one", metav1.GetOptions{})
					if err != nil {
						t.Fatal(err)
					}
					for _, kind := range []string{"Connected", "Ready"} {
						if got := testkit.Condition(cluster, kind, "status"); got != status {
							t.Errorf("%s: %s %s, want %s", when, kind, got, status)
						}
						renewed := testkit.Condition(cluster, kind, "lastUpdateTime") != "2020-01-01T00:00:00Z"
						if renewed != (writes > 0) {
							t.Errorf("%s: %s renewed: %v", when, kind, renewed)
						}
					}
					if pings.Load() != looks || updates(api) != writes {
						t.Errorf("%s: %d looks, %d writes, want %d and %d", when, pings.Load(), updates(api), looks, writes)
					}
				}
				go checks.Run(t.Context())
				time.Sleep(timing.ConditionCheck - time.Nanosecond)
				expect("before the first check", "True", 0, 0)
				time.Sleep(time.Nanosecond)
				expect("at the first check", test.status, 1, test.writes)
				time.Sleep(3 * timing.ConditionCheck)
				expect("three checks later", test.status, 4, test.writes)
			})
		})
	}
}

func TestADeadTunnelDelaysNoOther(t *testing.T) {
	api := testkit.NewAPI(testkit.Cluster("c-dead"), testkit.Cluster("c-live"))
	ctx, cancel := context.WithCancel(t.Context())
	checks := checker(t, api, func(ctx context.Context, cluster string) error {
		if cluster == "c-dead" {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	done := make(chan struct{})
	go func() { checks.All(ctx); close(done) }()
	testkit.Eventually(t, "the live cluster's condition", func() bool {
		cluster, err := api.Resource(store.Clusters).Get(t.Context(), "c-live", metav1.GetOptions{})
		return err == nil && testkit.Condition(cluster, "Connected", "status") == "True"
	})
	cancel()
	<-done
}
