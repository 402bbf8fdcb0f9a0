//! `certificates.issue`: certificates and kubeconfigs for the new host, by kubeadm, from the restored CA. A kubelet that runs there begins
//! anew, since its kubeconfig is another one.

use super::{Carry, Context, done};
use crate::Trouble;
use crate::control_plane::SERVICE;
use async_trait::async_trait;
use cluster::quoted;
use engine::Performed;
use estate::Name;
use plan::IssueCertificates;
use serde::Serialize;

#[derive(Serialize)]
struct Done {}

#[async_trait]
impl Carry for IssueCertificates {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

async fn perform(it: &IssueCertificates, context: &Context<'_>) -> Result<Done, Trouble> {
    let host = context.world.host(&it.host)?;
    context.inside.point();
    let config = quoted(&it.config);
    // kubeadm keeps whatever is there and fits the CA, so a repeated call only adds what is missing.
    let phases: &[&str] = match it.alone {
        false => &["certs all", "kubeconfig all"],
        true => &["certs etcd-server", "certs etcd-peer", "certs etcd-healthcheck-client"],
    };
    let phases: Vec<String> = phases
        .iter()
        .map(|phase| format!("kubeadm init phase {phase} --config {config} >/dev/null"))
        .collect();
    let script = format!(
        "[ -e {config} ] || {{ echo {config} 'is not there, and the estate names it as the configuration of kubeadm' >&2; exit 1; }}
         {}
         sync -f /etc/kubernetes/pki
         {SERVICE}
         ! pgrep -x kubelet >/dev/null || service kubelet restart",
        phases.join("\n")
    );
    host.run_alone("issuing certificates", &script, context.limit).await?;
    Ok(Done {})
}
