// Tokens: who may open a tunnel, who may use the API. Both are Secrets in the restored state: a token that a
// restore does not bring back keeps its holder out, which is what a drill has to show.

package store

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
)

// Why an agent is refused; the text goes to the agent, so it says nothing that a stranger may not know.
var (
	ErrUnknownToken = errors.New("unknown registration token")
	ErrNoCluster    = errors.New("the registration token's cluster does not exist")
)

// ClusterOfToken finds the cluster that a registration token belongs to: the one named like the Secret's namespace.
func (s *Store) ClusterOfToken(token string) (string, error) {
	result := ErrUnknownToken
	for _, secret := range withLabel(s.registrationTokens, RegistrationTokenLabel) {
		value, ok := secretValue(secret, "token")
		if !ok || !same(value, token) {
			continue
		}
		if _, exists := cached(s.clusters, secret.GetNamespace()); exists {
			return secret.GetNamespace(), nil
		}
		result = ErrNoCluster
	}
	return "", result
}

// APITokenValid tells whether a token of the form token-xxxxx:secret may use the API.
func (s *Store) APITokenValid(token string) bool {
	valid := false
	for _, secret := range withLabel(s.apiTokens, APITokenLabel) {
		// No early exit: the time taken says nothing about which token came close.
		if value, ok := secretValue(secret, "token"); ok && same(value, token) {
			valid = true
		}
	}
	return valid
}

// same compares digests, so that neither content nor length shows in the time taken.
func same(want []byte, got string) bool {
	a, b := sha256.Sum256(want), sha256.Sum256([]byte(got))
	return got != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
