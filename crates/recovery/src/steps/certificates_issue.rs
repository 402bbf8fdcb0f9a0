//! `certificates.issue`: certificates and kubeconfigs for the new host, by kubeadm, from the restored CA.

use super::Context;
use crate::Trouble;
use cluster::quoted;
use plan::IssueCertificates;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Done {}

pub(super) async fn perform(it: &IssueCertificates, context: &Context<'_>) -> Result<Done, Trouble> {
    let host = context.world.host(&it.host)?;
    context.inside.point();
    let config = quoted(&it.config);
    // kubeadm keeps whatever is there and fits the CA, so a repeated call only adds what is missing.
    let script = format!(
        "[ -e {config} ] || {{ echo {config} 'is not there: clusters.*.standby.kubeadmConfig names it' >&2; exit 1; }}
         kubeadm init phase certs all --config {config} >/dev/null
         kubeadm init phase kubeconfig all --config {config} >/dev/null
         sync -f /etc/kubernetes/pki"
    );
    host.run_alone("issuing certificates", &script, context.limit).await?;
    Ok(Done {})
}
