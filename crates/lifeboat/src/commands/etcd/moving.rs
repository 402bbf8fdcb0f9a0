//! What is otherwise in a cluster that moves to other hosts, as it is typed.

use super::inside::Reading;
use crate::failure::Failure;
use ::etcd::selection::Source;
use estate::Kind;
use objects::transplant::{Item, Profile, Transplant};
use protect::resources::Look;
use protect::resources::transplant::Transplanted;
use std::sync::Arc;

/// The options of a rebuild for other hosts.
#[derive(clap::Args)]
pub(crate) struct Moving {
    /// Prepare the cluster's state for where it goes: same-nodes, new-nodes, dr-site or clone; shown by lifeboat etcd transplant
    #[arg(long, value_name = "PROFILE")]
    transplant: Option<Profile>,
    #[command(flatten)]
    choice: Choice,
}

/// Which of it is done.
#[derive(clap::Args)]
pub(crate) struct Choice {
    /// Also do this: api-servers, leader-leases, nodes, node-secrets, k3s-addresses, pods, bare-pods, endpoints, events,
    /// volume-attachments, network, addresses, volumes, webhooks, load-balancers, cron-jobs, agents
    #[arg(long, value_name = "ITEM", value_delimiter = ',')]
    with: Vec<Item>,
    /// Do not do this
    #[arg(long, value_name = "ITEM", value_delimiter = ',')]
    without: Vec<Item>,
    /// A node that is there afterwards as well; what belongs to it stays
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    keep_node: Vec<String>,
    #[command(flatten)]
    reading: Reading,
}

impl Choice {
    pub(crate) fn of(&self, profile: Profile) -> Result<(Transplant, Look), Failure> {
        let look = self.reading.look()?;
        let mut items = profile.items();
        items.extend(&self.with);
        items.retain(|item| !self.without.contains(item));
        let kept_nodes = self.keep_node.iter().cloned().collect();
        Ok((Transplant { items, kept_nodes, registry: look.registry.clone() }, look))
    }
}

impl Moving {
    /// The source as it is afterwards.
    pub(crate) fn over(&self, source: &Arc<dyn Source>, as_is: bool) -> Result<Arc<dyn Source>, Failure> {
        let source = Arc::clone(source);
        let Some(profile) = self.transplant else {
            let Choice { with, without, keep_node, .. } = &self.choice;
            return match with.is_empty() && without.is_empty() && keep_node.is_empty() {
                true => Ok(source),
                false => {
                    Err(
                        Failure::new("LB0003", Kind::Invalid, "what is to be otherwise is chosen, but not for where")
                            .hint("--transplant same-nodes, new-nodes, dr-site or clone"),
                    )
                }
            };
        };
        if as_is {
            let message = "an export as it is cannot be prepared for other hosts: it keeps every version";
            return Err(Failure::new("LB0003", Kind::Invalid, message).hint("--transplant without --as-is"));
        }
        let (transplant, look) = self.choice.of(profile)?;
        Ok(Arc::new(Transplanted { source, transplant, look }))
    }
}
