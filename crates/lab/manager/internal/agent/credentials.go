// What the agent reads from files, anew at each dial: mounted Secrets change under a running process.

package agent

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"lifeboat.invalid/lab/manager/internal/tunnel"
)

// credentials are the url and token files, as Rancher mounts them at /cattle-credentials. The url goes into logs and
// the state file, so it keeps nothing that could be secret, and errors never repeat what a file holds.
type credentials struct {
	server *url.URL
	token  string
}

func readCredentials(dir string) (credentials, error) {
	address, err := readText(dir, "url")
	if err != nil {
		return credentials{}, err
	}
	token, err := readText(dir, "token")
	if err != nil {
		return credentials{}, err
	}
	server, err := url.Parse(address)
	if err != nil || server.Scheme != "https" || server.Host == "" {
		return credentials{}, fmt.Errorf("%s holds no https URL", filepath.Join(dir, "url"))
	}
	server = &url.URL{Scheme: server.Scheme, Host: server.Host, Path: server.Path}
	return credentials{server: server, token: token}, nil
}

// readParams says how the manager is to speak to this cluster's API server.
func readParams(apiServer, serviceAccountDir string) (tunnel.Params, error) {
	token, err := readText(serviceAccountDir, "token")
	if err != nil {
		return tunnel.Params{}, err
	}
	ca, err := os.ReadFile(filepath.Join(serviceAccountDir, "ca.crt"))
	if err != nil {
		return tunnel.Params{}, err
	}
	return tunnel.Params{Cluster: &tunnel.Cluster{
		Address: apiServer, Token: token, CACert: base64.StdEncoding.EncodeToString(ca),
	}}, nil
}

func readText(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(content))
	if text == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return text, nil
}
