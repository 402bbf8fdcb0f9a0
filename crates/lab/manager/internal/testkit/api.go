// A cluster's API in memory, and the objects that tests put there.

package testkit

import (
	"context"
	"encoding/base64"
	"strconv"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"lifeboat.invalid/lab/manager/internal/store"
)

// API is a fake dynamic client that counts the watches opened on it: its watches miss what was created between
// a list and its watch, so tests that create objects wait for all watches first.
type API struct {
	*fake.FakeDynamicClient
	Watches  atomic.Int32
	versions atomic.Int32
}

// NewAPI returns an API that holds objects and establishes custom types at once.
func NewAPI(objects ...runtime.Object) *API {
	lists := map[schema.GroupVersionResource]string{
		store.Clusters: "ClusterList", store.Settings: "SettingList", store.Secrets: "SecretList",
		store.Namespaces: "NamespaceList", store.Types: "CustomResourceDefinitionList",
	}
	api := &API{FakeDynamicClient: fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, objects...)}
	api.PrependWatchReactor("*", api.watch)
	api.PrependReactor("create", store.Types.Resource, establish)
	return api
}

// Put creates an object, or replaces it, with a new version as an API server would give it.
func (a *API) Put(t *testing.T, kind schema.GroupVersionResource, object *unstructured.Unstructured) {
	t.Helper()
	object.SetResourceVersion(strconv.Itoa(int(a.versions.Add(1))))
	resource := a.Resource(kind).Namespace(object.GetNamespace())
	if _, err := resource.Create(context.Background(), object, metav1.CreateOptions{}); err == nil {
		return
	}
	if _, err := resource.Update(context.Background(), object, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// Cluster is a Cluster object with conditions, given as type and status in turn.
func Cluster(id string, conditions ...string) *unstructured.Unstructured {
	entries := []any{}
	for i := 0; i+1 < len(conditions); i += 2 {
		entries = append(entries, map[string]any{
			"type": conditions[i], "status": conditions[i+1], "lastUpdateTime": "2020-01-01T00:00:00Z",
		})
	}
	return build("management.cattle.io/v3", "Cluster", "", id, map[string]any{
		"spec":   map[string]any{"displayName": id + "-name"},
		"status": map[string]any{"conditions": entries},
	})
}

// Setting is a Setting object.
func Setting(name, value string) *unstructured.Unstructured {
	return build("management.cattle.io/v3", "Setting", "", name, map[string]any{"value": value})
}

// Secret is a Secret with a label (none when empty) and data, given as key and value in turn.
func Secret(namespace, name, label string, data ...string) *unstructured.Unstructured {
	encoded := map[string]any{}
	for i := 0; i+1 < len(data); i += 2 {
		encoded[data[i]] = base64.StdEncoding.EncodeToString([]byte(data[i+1]))
	}
	secret := build("v1", "Secret", namespace, name, map[string]any{"data": encoded})
	if label != "" {
		secret.SetLabels(map[string]string{label: "true"})
	}
	return secret
}

func build(apiVersion, kind, namespace, name string, rest map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: rest}
	object.SetAPIVersion(apiVersion)
	object.SetKind(kind)
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

func (a *API) watch(action clienttesting.Action) (bool, watch.Interface, error) {
	events, err := a.Tracker().Watch(action.GetResource(), action.GetNamespace())
	a.Watches.Add(1)
	return true, events, err
}

// establish does what the API server does to a new type.
func establish(action clienttesting.Action) (bool, runtime.Object, error) {
	definition := action.(clienttesting.CreateAction).GetObject().(*unstructured.Unstructured)
	ready := []any{map[string]any{"type": "Established", "status": "True"}}
	return false, nil, unstructured.SetNestedSlice(definition.Object, ready, "status", "conditions")
}

// Condition reads one field of one condition.
func Condition(object *unstructured.Unstructured, kind, field string) string {
	entries, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, entry := range entries {
		if condition, ok := entry.(map[string]any); ok && condition["type"] == kind {
			value, _ := condition[field].(string)
			return value
		}
	}
	return ""
}
