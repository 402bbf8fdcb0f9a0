// What of the files may show in logs.

package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheURLFileShowsNoSecret(t *testing.T) {
	const secret = "k9-secret"
	for address, want := range map[string]string{
		"https://rancher.lab.test":                            "https://rancher.lab.test",
		"https://rancher.lab.test/sub":                        "https://rancher.lab.test/sub",
		"https://user:" + secret + "@rancher.lab.test:8443":   "https://rancher.lab.test:8443",
		"https://rancher.lab.test?a=" + secret + "#" + secret: "https://rancher.lab.test",
		secret:                      "", // the token's content in the wrong file
		"https://rancher:" + secret: "",
		"http://" + secret:          "",
		"https://%zz" + secret:      "",
	} {
		dir := t.TempDir()
		for name, content := range map[string]string{"url": address, "token": secret} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := readCredentials(dir)
		switch {
		case err != nil && (want != "" || strings.Contains(err.Error(), secret)):
			t.Errorf("%s: %v", address, err)
		case err == nil && got.server.String() != want:
			t.Errorf("%s: %s, want %q", address, got.server, want)
		}
	}
}
