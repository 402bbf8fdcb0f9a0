// The checks: every interval for all clusters at once, and for one cluster when its agent arrives.

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

	mutex  sync.Mutex
	proven map[string]bool // clusters whose Connected this process has confirmed
	busy   map[string]*sync.Mutex
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

// All checks every cluster but local, side by side: one dead tunnel does not delay the others.
func (c *Checker) All(ctx context.Context) {
	var checks sync.WaitGroup
	for _, cluster := range c.Clusters.ListClusters() {
		if cluster.GetName() != store.LocalCluster {
			checks.Go(func() { c.One(ctx, cluster.GetName()) })
		}
	}
	checks.Wait()
}

// One checks a cluster. Looks at the same cluster take turns, so that an older look never overwrites a newer one.
func (c *Checker) One(ctx context.Context, cluster string) {
	turn := c.turn(cluster)
	turn.Lock()
	defer turn.Unlock()

	ctx, cancel := context.WithTimeout(ctx, timing.PingAnswer+timing.HealthAnswer)
	defer cancel()
	asking, done := context.WithTimeout(ctx, timing.PingAnswer)
	reason := c.Ping(asking, cluster)
	done()
	if ctx.Err() != nil {
		return // stopping: what was seen says nothing about the agent
	}
	seen := Observation{Connected: reason == nil, At: c.Now(), Prove: !c.isProven(cluster)}
	if err := c.write(ctx, cluster, seen, reason); err != nil && !apierrors.IsNotFound(err) {
		c.Log.Warn("cannot write conditions", "cluster", cluster, "reason", err)
		return
	}
	if seen.Connected {
		c.prove(cluster)
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

func (c *Checker) turn(cluster string) *sync.Mutex {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.busy == nil {
		c.busy, c.proven = map[string]*sync.Mutex{}, map[string]bool{}
	}
	if c.busy[cluster] == nil {
		c.busy[cluster] = &sync.Mutex{}
	}
	return c.busy[cluster]
}

func (c *Checker) isProven(cluster string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.proven[cluster]
}

func (c *Checker) prove(cluster string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.proven[cluster] = true
}
