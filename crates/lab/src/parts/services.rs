//! A site's services besides its names: S3, a registry, HAProxy.

use super::manager;
use crate::secrets::Secrets;
use crate::topology::{Host, Part, Topology};
use crate::tree::Tree;
use std::fmt::Write as _;

/// The port of S3.
pub(crate) const S3_PORT: u16 = 8333;
/// The bucket that is there from the start.
pub(crate) const BUCKET: &str = "lifeboat";

/// Where HAProxy takes commands.
const LOAD_BALANCER_SOCKET: &str = "/run/haproxy/admin.sock";

/// SeaweedFS with its S3 gateway on port 8333.
pub(super) fn object_store(tree: &mut Tree, secrets: &Secrets, host: &Host) {
    let identities = serde_json::json!({"identities": [{
        "name": "lifeboat",
        "credentials": [{"accessKey": secrets.s3_access, "secretKey": secrets.s3_secret}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }]});
    tree.secret("/etc/seaweedfs/s3.json", identities.to_string());
    tree.directory("/var/lib/seaweedfs");
    let address = host.address;
    tree.service(
        "seaweedfs",
        &format!(
            "cd /var/lib/seaweedfs
exec weed -logtostderr=true server -dir=/var/lib/seaweedfs -ip={address} -ip.bind=0.0.0.0 \\
  -master.electionTimeout=1s -master.telemetry=false -master.volumeSizeLimitMB=256 -volume.max=64 -s3 -s3.config=/etc/seaweedfs/s3.json"
        ),
    );
}

/// A registry on port 5000, plain HTTP.
pub(super) fn registry(tree: &mut Tree) {
    tree.file(
        "/etc/docker/registry/config.yml",
        "version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: /var/lib/registry}
  delete: {enabled: true}
http: {addr: ':5000'}
",
    );
    tree.directory("/var/lib/registry");
    tree.service("registry", "exec docker-registry serve /etc/docker/registry/config.yml");
}

/// HAProxy in front of the site's manager: TLS passes through, `/healthz` decides. It knows the other site's manager too, out of
/// service until somebody says otherwise on its socket (`set server manager/HOST state ready`), which a restart forgets.
pub(super) fn load_balancer(tree: &mut Tree, lab: &Topology, host: &Host) {
    let mut servers = String::new();
    for server in lab.hosts_with(|part| matches!(part, Part::Manager { .. })) {
        let rest = if server.site == host.site { "" } else { " disabled" };
        let _infallible = writeln!(
            servers,
            "  server {} {}:{} check check-ssl verify none inter 2s fall 2 rise 1{rest}",
            server.name,
            server.address,
            manager::PORT
        );
    }
    tree.file(
        "/etc/haproxy/haproxy.cfg",
        format!(
            "global
  log stdout format raw local0
  maxconn 4000
  stats socket {LOAD_BALANCER_SOCKET} mode 600 level admin
defaults
  mode tcp
  log global
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend https
  bind :443
  default_backend manager
backend manager
  option httpchk GET /healthz
  http-check expect status 200
{servers}"
        ),
    );
    tree.service("haproxy", "mkdir -p /run/haproxy\nexec haproxy -W -db -f /etc/haproxy/haproxy.cfg");
}

#[cfg(test)]
mod tests;
