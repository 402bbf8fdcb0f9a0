# Pods are forwarded to, and reach each other through services even on one bridge.
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables || true
exec containerd --config /etc/containerd/config.toml
