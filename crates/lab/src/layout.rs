//! Where a distribution keeps what the lab itself looks for on a host.

use estate::Distribution;

/// Where static pods' manifests are.
pub(crate) fn manifests(layout: Distribution) -> &'static str {
    match layout {
        Distribution::Kubeadm => crate::parts::kubeadm::MANIFESTS,
        _ => "/var/lib/rancher/rke2/agent/pod-manifests",
    }
}
