// The checks against an API in memory: when they write, and that they do not wait for each other.

package conditions_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"lifeboat.invalid/lab/manager/internal/conditions"
	"lifeboat.invalid/lab/manager/internal/store"
	"lifeboat.invalid/lab/manager/internal/testkit"
)

func checker(t *testing.T, api *testkit.API, ping func(context.Context, string) error) *conditions.Checker {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	memory, err := store.Open(t.Context(), api, log)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC) }
	return &conditions.Checker{Clusters: memory, Ping: ping, Now: now, Every: time.Hour, Log: log}
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
	// Once, to leave something newer than a restore.
	if got := updates(api); got != 1 {
		t.Errorf("%d writes, want 1", got)
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
