// lab-agent stands in for Rancher's cluster agent in the lab. Start at internal/agent.
package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"lifeboat.invalid/lab/manager/internal/agent"
	"lifeboat.invalid/lab/manager/internal/logs"
)

func main() {
	config := agent.Config{
		CAChecksum:   os.Getenv("CATTLE_CA_CHECKSUM"),
		StrictVerify: os.Getenv("STRICT_VERIFY") == "true",
		Log:          logs.New(os.Stderr),
	}
	flag.StringVar(&config.CredentialsDir, "credentials", "/cattle-credentials", "`directory` with files url and token")
	flag.StringVar(&config.ServiceAccountDir, "service-account", "/var/run/secrets/kubernetes.io/serviceaccount",
		"`directory` with files token and ca.crt")
	flag.StringVar(&config.APIServer, "api-server", inCluster(),
		"`host:port` of this cluster's API server, a name in its certificate")
	flag.StringVar(&config.StateFile, "state", "", "`file` to keep the connection's state in (default: none)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	err := errors.New("no API server: give --api-server or KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT")
	if config.APIServer != "" {
		err = agent.Run(ctx, agent.Defaults(config))
	}
	if err != nil {
		agent.Report(config.Log, slog.LevelError, err)
		os.Exit(1)
	}
}

func inCluster() string {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return ""
	}
	return net.JoinHostPort(host, port)
}
