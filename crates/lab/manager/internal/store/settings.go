// Settings and the serving certificate: what the manager needs before it may answer. All are read from watches
// at each use, so that a change needs no restart.

package store

import (
	"crypto/tls"
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// lastCertificate spares parsing at each handshake and remembers the last good pair.
type lastCertificate struct {
	mutex   sync.Mutex
	version string
	value   *tls.Certificate
}

// Setting is the value of a setting, or its default when the value is empty, as in Rancher.
func (s *Store) Setting(name string) string {
	setting, ok := cached(s.settings, name)
	if !ok {
		return ""
	}
	for _, field := range []string{"value", "default"} {
		if text, _, _ := unstructured.NestedString(setting.Object, field); text != "" {
			return text
		}
	}
	return ""
}

// ServerURL is the address that agents dial.
func (s *Store) ServerURL() string { return s.Setting("server-url") }

// CACerts is the PEM that agents pin.
func (s *Store) CACerts() string { return s.Setting("cacerts") }

// Certificate is the serving certificate. One that cannot be parsed is reported once and the last good one kept:
// a bad edit must not lock everyone out.
func (s *Store) Certificate() (*tls.Certificate, error) {
	s.certificate.mutex.Lock()
	defer s.certificate.mutex.Unlock()

	secret, ok := cached(s.serving, SystemNamespace+"/"+ServingSecret)
	if !ok {
		return s.lastGood(fmt.Errorf("Secret %s/%s does not exist", SystemNamespace, ServingSecret))
	}
	version := string(secret.GetUID()) + "/" + secret.GetResourceVersion()
	if s.certificate.value != nil && s.certificate.version == version {
		return s.certificate.value, nil
	}
	certificate, err := parsePair(secret)
	if err != nil {
		if s.certificate.value != nil && s.certificate.version != version {
			s.log.Error("serving certificate unusable, keeping the last one", "reason", err)
			s.certificate.version = version
		}
		return s.lastGood(fmt.Errorf("Secret %s/%s: %w", SystemNamespace, ServingSecret, err))
	}
	s.certificate.version, s.certificate.value = version, certificate
	return certificate, nil
}

func (s *Store) lastGood(err error) (*tls.Certificate, error) {
	if s.certificate.value != nil {
		return s.certificate.value, nil
	}
	return nil, err
}

func parsePair(secret *unstructured.Unstructured) (*tls.Certificate, error) {
	certificate, hasCertificate := secretValue(secret, "tls.crt")
	key, hasKey := secretValue(secret, "tls.key")
	if !hasCertificate || !hasKey {
		return nil, errors.New("tls.crt or tls.key is empty")
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	return &pair, nil
}

// Missing names what must be there before the manager can serve.
func (s *Store) Missing() []string {
	var missing []string
	if s.ServerURL() == "" {
		missing = append(missing, "Setting server-url")
	}
	if s.CACerts() == "" {
		missing = append(missing, "Setting cacerts")
	}
	if _, err := s.Certificate(); err != nil {
		missing = append(missing, err.Error())
	}
	return missing
}
