// Package store is the manager's memory: everything it knows is in its cluster's API, so that a restored etcd
// is a restored manager. Nothing is kept in files, and nothing is cleaned when a process starts.
//
// Start at store.go (the cached view); kinds.go names the objects; crds.go installs the types; settings.go,
// tokens.go and clusters.go read and write one kind each.
package store

import (
	"encoding/base64"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const managementGroup = "management.cattle.io"

// The kinds that the manager touches.
var (
	Clusters   = schema.GroupVersionResource{Group: managementGroup, Version: "v3", Resource: "clusters"}
	Settings   = schema.GroupVersionResource{Group: managementGroup, Version: "v3", Resource: "settings"}
	Secrets    = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	Namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	Types      = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// Names and labels that an installer, a backup and the manager agree on.
const (
	LocalCluster = "local"

	SystemNamespace     = "cattle-system"
	GlobalDataNamespace = "cattle-global-data"

	ServingSecret = "tls-rancher-ingress"

	RegistrationTokenLabel = "management.cattle.io/cluster-registration-token"
	APITokenLabel          = "management.cattle.io/api-token"

	agentSecretPrefix = "cluster-serviceaccounttoken-"
)

// AgentSecret names the Secret that holds the service account token of a cluster's agent.
func AgentSecret(cluster string) string { return agentSecretPrefix + cluster }

// secretValue decodes one key of a Secret; ok is false when the key is absent, empty or not base64.
func secretValue(secret *unstructured.Unstructured, key string) ([]byte, bool) {
	encoded, found, err := unstructured.NestedString(secret.Object, "data", key)
	if err != nil || !found || encoded == "" {
		return nil, false
	}
	value, err := base64.StdEncoding.DecodeString(encoded)
	return value, err == nil && len(value) > 0
}
