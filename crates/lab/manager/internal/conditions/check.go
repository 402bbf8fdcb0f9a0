// The checks: every interval, for all clusters at once. An agent that comes in between waits for the next one.

package conditions

import (
	"context"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"lifeboat.invalid/lab/manager/internal/store"
	"lifeboat.invalid/lab/manager/internal/timing"
)

// Clusters is what the checks need of the manager's memory.
type Clusters interface {
	ListClusters() []*unstructured.Unstructured
	ChangeCluster(ctx context.Context, id string, change func(*unstructured.Unstructured) (bool, error)) error
}

// Checker looks at agents and keeps conditions. Ping, Now and Every are parts that tests replace.
type Checker struct {
	Clusters Clusters
	Ping     func(ctx context.Context, cluster string) error
	Now      func() time.Time
	Every    time.Duration
	Log      *slog.Logger
}

// Run checks all clusters each interval, the first time one interval after the start, as Rancher's ticker does.
func (c *Checker) Run(ctx context.Context) {
	ticker := time.NewTicker(c.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.All(ctx)
		}
	}
}

// All checks every cluster but local, side by side: one dead tunnel does not delay the others. It returns when all
// are done, so that a cluster is never looked at twice at once.
func (c *Checker) All(ctx context.Context) {
	var checks sync.WaitGroup
	for _, cluster := range c.Clusters.ListClusters() {
		if cluster.GetName() != store.LocalCluster {
			checks.Go(func() { c.one(ctx, cluster.GetName()) })
		}
	}
	checks.Wait()
}

func (c *Checker) one(ctx context.Context, cluster string) {
	ctx, cancel := context.WithTimeout(ctx, timing.PingAnswer+timing.HealthAnswer)
	defer cancel()
	asking, done := context.WithTimeout(ctx, timing.PingAnswer)
	reason := c.Ping(asking, cluster)
	done()
	if ctx.Err() != nil {
		return // stopping: what was seen says nothing about the agent
	}
	seen := Observation{Connected: reason == nil, At: c.Now()}
	if err := c.write(ctx, cluster, seen, reason); err != nil && !apierrors.IsNotFound(err) {
		c.Log.Warn("cannot write conditions", "cluster", cluster, "reason", err)
	}
}

func (c *Checker) write(ctx context.Context, cluster string, seen Observation, reason error) error {
	wrote := false
	err := c.Clusters.ChangeCluster(ctx, cluster, func(object *unstructured.Unstructured) (bool, error) {
		conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
		if err != nil {
			return false, err
		}
		conditions, wrote = Decide(conditions, seen)
		if !wrote {
			return false, nil
		}
		return true, unstructured.SetNestedSlice(object.Object, conditions, "status", "conditions")
	})
	if err == nil && wrote {
		attributes := []any{"cluster", cluster, "connected", seen.Connected}
		if reason != nil {
			attributes = append(attributes, "reason", reason)
		}
		c.Log.Info("condition", attributes...)
	}
	return err
}
