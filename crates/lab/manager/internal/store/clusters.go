// Clusters: the objects that a disaster recovery tool looks at, with what their agents told about themselves.

package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"sort"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
)

// Endpoint is how to speak to a downstream API server once a tunnel reaches its network.
type Endpoint struct {
	Address string // host:port as the agent sees it
	CA      string // base64 of PEM, kept as the agent sent it, as Rancher does
	Token   string // the agent's service account token
}

// ListClusters returns the cached Cluster objects by name; they must not be changed.
func (s *Store) ListClusters() []*unstructured.Unstructured {
	var clusters []*unstructured.Unstructured
	for _, object := range s.clusters.GetStore().List() {
		if cluster, ok := object.(*unstructured.Unstructured); ok {
			clusters = append(clusters, cluster)
		}
	}
	sort.Slice(clusters, func(i, j int) bool { return clusters[i].GetName() < clusters[j].GetName() })
	return clusters
}

// HasCluster tells whether a Cluster object exists.
func (s *Store) HasCluster(id string) bool {
	_, ok := cached(s.clusters, id)
	return ok
}

// ChangeCluster applies change to the newest version of a Cluster and writes it when change says so; a conflict
// with another writer starts over.
func (s *Store) ChangeCluster(ctx context.Context, id string, change func(*unstructured.Unstructured) (bool, error)) error {
	clusters := s.api.Resource(Clusters)
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		cluster, err := clusters.Get(ctx, id, metav1.GetOptions{})
		if err != nil {
			return err
		}
		changed, err := change(cluster)
		if err != nil || !changed {
			return err
		}
		_, err = clusters.Update(ctx, cluster, metav1.UpdateOptions{})
		return err
	})
}

// Endpoint returns what the cluster's agent told when it last connected.
func (s *Store) Endpoint(id string) (Endpoint, bool) {
	cluster, ok := cached(s.clusters, id)
	if !ok {
		return Endpoint{}, false
	}
	address, _, _ := unstructured.NestedString(cluster.Object, "status", "apiEndpoint")
	ca, _, _ := unstructured.NestedString(cluster.Object, "status", "caCert")
	secret, ok := cached(s.agentTokens, GlobalDataNamespace+"/"+AgentSecret(id))
	if !ok || address == "" {
		return Endpoint{}, false
	}
	token, ok := secretValue(secret, "credential")
	return Endpoint{Address: strings.TrimPrefix(address, "https://"), CA: ca, Token: string(token)}, ok
}

// RecordEndpoint keeps what an agent told. It writes only what differs, so that agents can come back while
// the manager's API server takes no writes.
func (s *Store) RecordEndpoint(ctx context.Context, id string, endpoint Endpoint) error {
	if known, ok := s.Endpoint(id); ok && known == endpoint {
		return nil
	}
	if err := s.putAgentSecret(ctx, id, endpoint.Token); err != nil {
		return fmt.Errorf("keep the service account token of %s: %w", id, err)
	}
	return s.ChangeCluster(ctx, id, func(cluster *unstructured.Unstructured) (bool, error) {
		changed := false
		for field, value := range map[string]string{
			"apiEndpoint":               "https://" + endpoint.Address,
			"caCert":                    endpoint.CA,
			"serviceAccountTokenSecret": AgentSecret(id),
		} {
			if old, _, _ := unstructured.NestedString(cluster.Object, "status", field); old == value {
				continue
			}
			if err := unstructured.SetNestedField(cluster.Object, value, "status", field); err != nil {
				return false, err
			}
			changed = true
		}
		return changed, nil
	})
}

func (s *Store) putAgentSecret(ctx context.Context, id, token string) error {
	data := map[string]any{"credential": base64.StdEncoding.EncodeToString([]byte(token))}
	secret := object("v1", "Secret", GlobalDataNamespace, AgentSecret(id), map[string]any{"type": "Opaque", "data": data})
	secrets := s.api.Resource(Secrets).Namespace(GlobalDataNamespace)

	namespace := object("v1", "Namespace", "", GlobalDataNamespace, nil)
	_, err := s.api.Resource(Namespaces).Create(ctx, namespace, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	if _, err = secrets.Create(ctx, secret, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		return err
	}
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		current, err := secrets.Get(ctx, secret.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		current.Object["data"] = data
		_, err = secrets.Update(ctx, current, metav1.UpdateOptions{})
		return err
	})
}

// object builds an unstructured object out of its identity and the rest of its fields.
func object(apiVersion, kind, namespace, name string, rest map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	for field, value := range rest {
		u.Object[field] = value
	}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}
