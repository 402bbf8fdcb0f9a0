//! What every host has: names, users, resolver, sshd.

use crate::secrets::Secrets;
use crate::topology::{Host, Topology, ZONE};
use crate::tree::Tree;

const SSHD: &str = "\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PrintMotd no
Subsystem sftp internal-sftp
";

pub(super) fn render(tree: &mut Tree, lab: &Topology, secrets: &Secrets, host: &Host) {
    let (name, address) = (&host.name, host.address);
    tree.file("/etc/hostname", format!("{name}\n"));
    // Only itself: every other name is asked of DNS, as on a real host.
    tree.file(
        "/etc/hosts",
        format!("127.0.0.1 localhost\n::1 localhost ip6-localhost\n{address} {name}.{ZONE} {name}\n"),
    );
    if let Some(resolver) = lab.resolver_for(host) {
        tree.file(
            "/etc/resolv.conf",
            format!("nameserver {resolver}\nsearch {ZONE}\noptions timeout:2 attempts:2\n"),
        );
    }
    tree.file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n");
    tree.file("/etc/ssh/sshd_config", SSHD);
    if let Some(key) = secrets.host_keys.get(name.as_str()) {
        tree.secret("/etc/ssh/ssh_host_ed25519_key", key.private.clone());
        tree.file("/etc/ssh/ssh_host_ed25519_key.pub", key.public.clone());
    }
    tree.secret("/root/.ssh/authorized_keys", secrets.ssh_public.clone());
    tree.service("sshd", "mkdir -p /run/sshd\nexec /usr/sbin/sshd -D -e");
    for directory in [
        "/var/lib",
        "/var/log",
        "/var/tmp",
        "/var/cache",
        "/var/lib/lifeboat",
        "/etc/lifeboat",
    ] {
        tree.directory(directory);
    }
}
