//! An empty machine: what an installation of the distribution brings, and nothing of a cluster.

use super::edge::{SERVICE_ACCOUNT, STATE, TOKEN_SECRET};
use super::kubeadm::MANIFESTS;
use crate::secrets::Secrets;
use crate::topology::Host;
use crate::tree::Tree;

pub(super) fn render(tree: &mut Tree, secrets: &Secrets, host: &Host) {
    tree.directory(MANIFESTS);
    tree.service("static-pods", &format!("exec lifeboat lab static-pods {MANIFESTS}"));
    // The agent is a workload: where kubelets run, one mounts its Secrets and starts it once its cluster is there. Nothing of a cluster
    // is known before: its address at the manager and its token are in etcd.
    tree.file(
        "/etc/cattle/agent.env",
        format!("export CATTLE_CA_CHECKSUM={}\nexport STRICT_VERIFY=true\n", secrets.ca_checksum()),
    );
    tree.service(
        "agent",
        &format!(
            "for conf in /etc/kubernetes/super-admin.conf /etc/kubernetes/admin.conf; do [ ! -e $conf ] || break; done
secret() {{ kubectl --kubeconfig $conf get secret -n cattle-system $1 -o \"jsonpath={{.data.$2}}\" | base64 -d; }}
mount() {{ mkdir -p ${{3%/*}}; secret $1 $2 >$3.new && [ -s $3.new ] && mv $3.new $3 || {{ sleep 0.5; exit 1; }}; }}
umask 077
mount cattle-credentials-lab url /etc/cattle/credentials/url
mount cattle-credentials-lab token /etc/cattle/credentials/token
mount {TOKEN_SECRET} token {SERVICE_ACCOUNT}/token
mount {TOKEN_SECRET} 'ca\\.crt' {SERVICE_ACCOUNT}/ca.crt
. /etc/cattle/agent.env
exec lab-agent --credentials /etc/cattle/credentials --api-server {}:6443 \\
  --service-account {SERVICE_ACCOUNT} --state {STATE}",
            host.address
        ),
    );
}
