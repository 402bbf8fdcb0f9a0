// lab-manager stands in for the Rancher server in the lab. Start at internal/manager.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"lifeboat.invalid/lab/manager/internal/logs"
	"lifeboat.invalid/lab/manager/internal/manager"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig `file` of the manager's own cluster (default: in-cluster)")
	listen := flag.String("listen", ":443", "`address` to serve HTTPS on")
	flag.Parse()
	log := logs.New(os.Stderr)
	klog.SetSlogLogger(log.With("from", "client-go"))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, *kubeconfig, *listen, log); err != nil {
		log.Error("lab-manager failed", "reason", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig, listen string, log *slog.Logger) error {
	// An empty path means in-cluster here.
	kube, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	kube.QPS, kube.Burst = 50, 100 // all agents come back at once after a failover
	kube.UserAgent = "lab-manager"
	config, err := manager.Defaults(kube, listen, log)
	if err != nil {
		return err
	}
	err = manager.Run(ctx, config)
	if ctx.Err() != nil {
		return nil // asked to stop, whatever it was waiting for
	}
	return err
}
