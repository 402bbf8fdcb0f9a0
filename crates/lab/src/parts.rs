//! What each host's file system holds, from the topology and the lab's secrets: one file here per kind of part.
//!
//! Start at [`render`]. Everything is decided before the first boot; a host then starts from its own disk like any other.

mod base;
pub(crate) mod dns;
pub(crate) mod edge;
pub(crate) mod estate;
pub(crate) mod kubeadm;
pub(crate) mod manager;
pub(crate) mod pods;
pub(crate) mod rke2;
pub(crate) mod rke2_tls;
pub(crate) mod services;
mod spare;

use crate::error::Result;
use crate::secrets::Secrets;
use crate::topology::{Host, Part, Topology};
use crate::tree::Tree;
use ::estate::Distribution;

/// The files of `host`, except those that kubeadm makes itself (see [`kubeadm::generate`]).
pub(crate) fn render(lab: &Topology, secrets: &Secrets, host: &Host) -> Result<Tree> {
    let mut tree = Tree::default();
    base::render(&mut tree, lab, secrets, host);
    estate::render(&mut tree, lab, secrets, host)?;
    for part in &host.parts {
        match part {
            Part::ControlPlane(cluster) | Part::EtcdMember(cluster) => {
                let cluster = lab.cluster(cluster.as_str())?;
                match cluster.distribution {
                    Distribution::Kubeadm => kubeadm::render(&mut tree, lab, secrets, cluster, host)?,
                    // The lab has no other layouts.
                    _ => rke2::render(&mut tree, lab, secrets, cluster, host)?,
                }
                if lab.options.pods {
                    pods::render(&mut tree, lab, host);
                }
            }
            Part::Manager { serving } => manager::render(&mut tree, lab, secrets, host, *serving),
            Part::Agent(cluster) => edge::render(&mut tree, secrets, lab.cluster(cluster.as_str())?, host),
            Part::PrimaryNameserver => dns::primary(&mut tree, lab, secrets, host),
            Part::SecondaryNameserver => dns::secondary(&mut tree, lab, secrets, host),
            Part::Resolver => dns::resolver(&mut tree, lab, host),
            Part::ObjectStore => services::object_store(&mut tree, secrets, host),
            Part::Registry => services::registry(&mut tree),
            Part::LoadBalancer => services::load_balancer(&mut tree, lab, host),
            Part::Spare => spare::render(&mut tree, secrets, host),
        }
    }
    Ok(tree)
}

/// The lab's addresses of `host`: its own, and that of its name server where it has one.
pub(crate) fn addresses(lab: &Topology, host: &Host) -> Vec<std::net::Ipv4Addr> {
    let mut all = vec![host.address];
    if host.parts.contains(&Part::SecondaryNameserver) {
        all.push(dns::secondary_address(lab, host));
    }
    all
}
