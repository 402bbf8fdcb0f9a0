// The cached view of the manager's objects. Start at Open, which lists what is watched.

package store

import (
	"context"
	"errors"
	"log/slog"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// Store reads from watches and writes to the API. Reads never touch the network, so a token in a new Secret
// works at once and a lookup costs nothing; all methods may be called from many goroutines.
type Store struct {
	api dynamic.Interface
	log *slog.Logger

	clusters           cache.SharedIndexInformer
	settings           cache.SharedIndexInformer
	registrationTokens cache.SharedIndexInformer
	apiTokens          cache.SharedIndexInformer
	serving            cache.SharedIndexInformer
	agentTokens        cache.SharedIndexInformer

	certificate lastCertificate
}

// Open starts the watches and returns when each has its first list. The types must be installed.
func Open(ctx context.Context, api dynamic.Interface, log *slog.Logger) (*Store, error) {
	s := &Store{api: api, log: log}
	everywhere, everything := metav1.NamespaceAll, dynamicinformer.TweakListOptionsFunc(nil)
	s.clusters = watch(api, Clusters, everywhere, everything)
	s.settings = watch(api, Settings, everywhere, everything)
	s.registrationTokens = watch(api, Secrets, everywhere, labelled(RegistrationTokenLabel))
	s.apiTokens = watch(api, Secrets, SystemNamespace, labelled(APITokenLabel))
	s.serving = watch(api, Secrets, SystemNamespace, named(ServingSecret))
	s.agentTokens = watch(api, Secrets, GlobalDataNamespace, everything)

	var synced []cache.InformerSynced
	for _, informer := range s.informers() {
		go informer.Run(ctx.Done())
		synced = append(synced, informer.HasSynced)
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return nil, errors.New("stopped before the first list of the manager's objects")
	}
	return s, nil
}

func (s *Store) informers() []cache.SharedIndexInformer {
	return []cache.SharedIndexInformer{
		s.clusters, s.settings, s.registrationTokens, s.apiTokens, s.serving, s.agentTokens,
	}
}

// Answers asks the API server for one object, through to etcd. A refusal is an answer too: only an API server
// that cannot serve is an error.
func Answers(ctx context.Context, api dynamic.Interface) error {
	_, err := api.Resource(Namespaces).Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return nil
	}
	return err
}

// Answers reports whether the manager's own API server answers.
func (s *Store) Answers(ctx context.Context) error { return Answers(ctx, s.api) }

func watch(
	api dynamic.Interface, kind schema.GroupVersionResource, namespace string, tweak dynamicinformer.TweakListOptionsFunc,
) cache.SharedIndexInformer {
	byNamespace := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	return dynamicinformer.NewFilteredDynamicInformer(api, kind, namespace, 0, byNamespace, tweak).Informer()
}

func labelled(label string) dynamicinformer.TweakListOptionsFunc {
	return func(options *metav1.ListOptions) { options.LabelSelector = label + "=true" }
}

func named(name string) dynamicinformer.TweakListOptionsFunc {
	return func(options *metav1.ListOptions) {
		options.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	}
}

// cached finds one object in a watch; the result must not be changed.
func cached(informer cache.SharedIndexInformer, key string) (*unstructured.Unstructured, bool) {
	object, exists, err := informer.GetStore().GetByKey(key)
	if err != nil || !exists {
		return nil, false
	}
	found, ok := object.(*unstructured.Unstructured)
	return found, ok
}

// withLabel lists what a watch holds. The label is looked at again, because the answer decides who gets in.
func withLabel(informer cache.SharedIndexInformer, label string) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, object := range informer.GetStore().List() {
		if secret, ok := object.(*unstructured.Unstructured); ok && secret.GetLabels()[label] == "true" {
			found = append(found, secret)
		}
	}
	return found
}
