// The types: Cluster and Setting of management.cattle.io/v3, and the Cluster `local`. They are created when
// absent and never changed, as a manager that starts on restored state must not touch it.

package store

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
)

const (
	establishPoll = 100 * time.Millisecond
	establishWait = 30 * time.Second
)

// InstallTypes creates the types that are absent and waits until the API server serves them.
func InstallTypes(ctx context.Context, api dynamic.Interface) error {
	for _, definition := range []*unstructured.Unstructured{clusterType(), settingType()} {
		if err := createAbsent(ctx, api.Resource(Types), definition); err != nil {
			return err
		}
	}
	for _, definition := range []*unstructured.Unstructured{clusterType(), settingType()} {
		name := definition.GetName()
		err := wait.PollUntilContextTimeout(ctx, establishPoll, establishWait, true, func(ctx context.Context) (bool, error) {
			current, err := api.Resource(Types).Get(ctx, name, metav1.GetOptions{})
			return err == nil && established(current), nil
		})
		if err != nil {
			return fmt.Errorf("%s is not established: %w", name, err)
		}
	}
	return nil
}

// EnsureLocal creates the manager's own cluster, which is always connected.
func EnsureLocal(ctx context.Context, api dynamic.Interface, now time.Time) error {
	var conditions []any
	for _, kind := range []string{"Connected", "Ready"} {
		conditions = append(conditions, map[string]any{
			"type": kind, "status": "True", "lastUpdateTime": now.UTC().Format(time.RFC3339),
		})
	}
	local := object(managementGroup+"/v3", "Cluster", "", LocalCluster, map[string]any{
		"spec":   map[string]any{"displayName": LocalCluster, "internal": true},
		"status": map[string]any{"conditions": conditions},
	})
	return createAbsent(ctx, api.Resource(Clusters), local)
}

func createAbsent(ctx context.Context, kind dynamic.NamespaceableResourceInterface, u *unstructured.Unstructured) error {
	if _, err := kind.Get(ctx, u.GetName(), metav1.GetOptions{}); err == nil || !apierrors.IsNotFound(err) {
		return err
	}
	_, err := kind.Create(ctx, u, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func established(definition *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(definition.Object, "status", "conditions")
	for _, entry := range conditions {
		condition, _ := entry.(map[string]any)
		if condition["type"] == "Established" && condition["status"] == "True" {
			return true
		}
	}
	return false
}

func clusterType() *unstructured.Unstructured {
	open := map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
	return customType("Cluster", "clusters", "cluster",
		map[string]any{"spec": open, "status": open},
		column("Display name", ".spec.displayName"),
		column("Connected", `.status.conditions[?(@.type=="Connected")].status`))
}

func settingType() *unstructured.Unstructured {
	text := map[string]any{"type": "string"}
	return customType("Setting", "settings", "setting",
		map[string]any{"value": text, "default": text},
		column("Value", ".value"))
}

func column(name, path string) any {
	return map[string]any{"name": name, "type": "string", "jsonPath": path}
}

// customType has no status subresource: Rancher writes a Cluster's status with the object.
func customType(kind, plural, singular string, properties map[string]any, columns ...any) *unstructured.Unstructured {
	return object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", plural+"."+managementGroup, map[string]any{
		"spec": map[string]any{
			"group": managementGroup,
			"scope": "Cluster",
			"names": map[string]any{
				"kind": kind, "listKind": kind + "List", "plural": plural, "singular": singular,
			},
			"versions": []any{map[string]any{
				"name": "v3", "served": true, "storage": true,
				"additionalPrinterColumns": columns,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{
					"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": properties,
				}},
			}},
		},
	})
}
