# Made anew at each start, so that it follows the cluster's CA.
umask 077
kubeadm kubeconfig user --client-name system:kube-proxy --config /etc/kubernetes/kubeadm.yaml \
  > /etc/kubernetes/kube-proxy.conf || { sleep 1; exit 1; }
exec kube-proxy --config /etc/kubernetes/kube-proxy.yaml
