// The pinned CA: before its first dial the agent fetches the manager's CA, compares its checksum with the one it
// was installed with, and tries the server's certificate against it. Every failure here ends the process, as in
// Rancher (package/run.sh, then cmd/agent/main.go), so that a supervisor starts it over.

package agent

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"lifeboat.invalid/lab/manager/internal/timing"
)

const maxSettingBytes = 1 << 20

// verifyManager returns the CAs to trust for tunnels.
func verifyManager(ctx context.Context, config Config) (*x509.CertPool, error) {
	creds, err := readCredentials(config.CredentialsDir)
	if err != nil {
		return nil, err
	}
	server := creds.server.String()
	if config.CAChecksum == "" {
		if config.StrictVerify {
			return nil, errors.New("STRICT_VERIFY=true needs CATTLE_CA_CHECKSUM")
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, err
		}
		return pool, tolerable(try(ctx, config, server, pool))
	}
	ca, err := fetchCA(ctx, config, server)
	if err != nil {
		return nil, err
	}
	if got := checksum(ca); !strings.EqualFold(got, config.CAChecksum) {
		return nil, &failure{
			message: msgChecksum, server: server,
			err:     errors.New("the manager's cacerts are not those that this agent was installed with"),
			details: []any{"want", config.CAChecksum, "got", got},
		}
	}
	pinned := x509.NewCertPool()
	if !pinned.AppendCertsFromPEM([]byte(ca)) {
		return nil, &failure{message: msgBadCertificate, server: server, err: errors.New("cacerts holds no certificate")}
	}
	if config.StrictVerify {
		return pinned, try(ctx, config, server, pinned)
	}
	either, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	either.AppendCertsFromPEM([]byte(ca))
	return either, tolerable(try(ctx, config, server, either))
}

// fetchCA asks without verification: the checksum decides whether the answer is believed.
func fetchCA(ctx context.Context, config Config, server string) (string, error) {
	client := httpClient(config, &tls.Config{InsecureSkipVerify: true}, timing.FetchCA)
	defer client.CloseIdleConnections()
	body, err := get(ctx, client, server+"/v3/settings/cacerts")
	if err != nil {
		return "", &failure{message: msgUnreachable, server: server, err: err}
	}
	var setting struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(body, &setting); err != nil || setting.Value == "" {
		return "", &failure{message: msgUnreachable, server: server, err: errors.New("its cacerts setting is empty or unreadable")}
	}
	return setting.Value, nil
}

// checksum is over the PEM with exactly one newline at its end, as Rancher computes it for the agent's manifest.
func checksum(pem string) string {
	sum := sha256.Sum256([]byte(strings.TrimRight(pem, "\n") + "\n"))
	return hex.EncodeToString(sum[:])
}

// try makes one verified request; any HTTP answer will do.
func try(ctx context.Context, config Config, server string, trust *x509.CertPool) error {
	client := httpClient(config, &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}, timing.VerifyTLS)
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err == nil {
		return response.Body.Close()
	}
	return &failure{message: messageOf(err), server: server, err: err}
}

// tolerable lets an agent without strict verification start although the manager is away just now; a certificate
// that does not verify ends it all the same.
func tolerable(err error) error {
	var f *failure
	if errors.As(err, &f) && f.message == msgUnreachable {
		return nil
	}
	return err
}

// messageOf tells a certificate that does not verify from everything else.
func messageOf(err error) string {
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) {
		return msgBadCertificate
	}
	return msgUnreachable
}

func httpClient(config Config, trust *tls.Config, limit time.Duration) *http.Client {
	return &http.Client{Timeout: limit, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: config.Dialer.DialContext, TLSClientConfig: trust,
	}}
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", url, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxSettingBytes))
}
