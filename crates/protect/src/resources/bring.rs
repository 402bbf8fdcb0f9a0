//! Objects of a moment go back to a cluster. Start at [`gather`], then [`look`], which changes nothing, then [`act`].
//!
//! What goes back and what does not is decided by `objects::revive`; the API server's own dry run says what would happen. Nothing
//! has to be remembered for going on after a break: what is there already is found unchanged.

mod act;
mod address;
mod compare;
mod live;
mod look;

pub use act::{Done, act};
pub use look::{Act, Item, Options, look};

use super::{Look, LookError, Moment, Scope};
use ::etcd::selection::SelectionError;
use objects::key::Wanted;
use objects::{Content, Object, Opaque};

/// The cluster that a kubeconfig leads to.
///
/// # Errors
/// It cannot be used.
pub async fn connect(kubeconfig: &std::path::Path) -> Result<cluster::Client, cluster::Error> {
    cluster::Client::from_kubeconfig(kubeconfig).await
}

/// An object of the moment.
#[derive(Debug)]
pub struct Old {
    /// Its key in etcd.
    pub key: Vec<u8>,
    /// What it was.
    pub content: Content,
}

/// Reads the objects of a scope, or those that are named. Returns also the names of which there is nothing.
///
/// # Errors
/// What reading meets.
pub fn gather(how: &Look, at: &Moment, scope: &Scope, named: &[Wanted]) -> Result<(Vec<Old>, Vec<Wanted>), LookError> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    if named.is_empty() {
        at.live(how, scope, |_, told| {
            found.push(Old { content: told.content(how), key: told.it.key.to_vec() });
            Ok(())
        })?;
        // What is no object of Kubernetes has no way back through its API server.
        // Nor what the API server keeps for itself.
        let own = ["ranges", "masterleases", "peerserverleases"];
        found.retain(|old| how.place(&old.key).is_some_and(|place| !own.contains(&&*place.resource)));
    }
    for (wanted, stored) in named.iter().zip(how.find_all(at, named)?) {
        match stored {
            Some(it) => found.push(Old { key: it.record.key.to_vec(), content: it.content }),
            None => missing.push(wanted.clone()),
        }
    }
    Ok((found, missing))
}

/// Services of the moment that choose their pods by themselves: their Endpoints are not brought back. Each by namespace and name.
///
/// # Errors
/// What reading meets.
pub fn selecting_services(how: &Look, at: &Moment) -> Result<Vec<(String, String)>, SelectionError> {
    let scope = Scope {
        prefix: None,
        filter: objects::key::Filter { resources: vec!["services".to_owned()], namespace: None },
    };
    let mut selecting = Vec::new();
    at.live(how, &scope, |_, told| {
        if let Content::Object(service) = told.content(how)
            && service
                .fields
                .get("spec")
                .is_some_and(|spec| spec["selector"].as_object().is_some_and(|it| !it.is_empty()))
            && let (Some(namespace), Some(name)) = (service.metadata("namespace"), service.metadata("name"))
        {
            selecting.push((namespace.to_owned(), name.to_owned()));
        }
        Ok(())
    })?;
    Ok(selecting)
}

/// The objects that can be read, and of the others why they cannot.
fn parted(old: &Old) -> Result<&Object, &Opaque> {
    match &old.content {
        Content::Object(it) => Ok(it),
        Content::Opaque(it) => Err(it),
    }
}
