//! The marker, the list of writers and the keyrings: what everything else is judged with.

use super::fault::{Flaw, Severity};
use super::{Checker, text};
use crate::inventory::Stream;
use crate::keys::Keyring;
use crate::marker::Marker;
use crate::{Error, Scope, layout};
use object_store::path::Path;
use std::collections::BTreeSet;

/// The members of a marker.
const MEMBERS: [&str; 4] = ["format", "repository", "root", "copy"];

impl Checker<'_> {
    /// Judges a marker that can be read.
    pub(super) fn marker(&mut self, marker: &Marker, read: &[u8]) {
        let key = layout::marker();
        if !self.repository.is_pinned() {
            let reason = "its root is known from the store alone, so whoever can write there can name another";
            self.faults.add(key.as_ref(), Severity::Warning, Flaw::Risk, reason);
        }
        // Later versions may know more of them; and a changed byte makes one that nobody knows.
        let members: serde_json::Map<_, _> = serde_json::from_slice(read).unwrap_or_default();
        for name in members.keys().filter(|name| !MEMBERS.contains(&name.as_str())) {
            let reason = format!("it has a member {:?}, which this Lifeboat does not know", crate::failure::cut(name));
            self.faults.add(key.as_ref(), Severity::Warning, Flaw::Damaged, reason);
        }
        if marker.copy.is_some() {
            for (scope, found) in &self.inventory.scopes {
                for name in found.leases.keys() {
                    let reason = "a copy carries no leases: these count for nothing";
                    self.faults
                        .add(layout::lease(scope, name).as_ref(), Severity::Warning, Flaw::Leftover, reason);
                }
            }
        }
    }

    /// Reads the list of writers and all keyrings.
    pub(super) async fn trust(&mut self) -> Result<(), Error> {
        let lists = layout::writer_lists();
        match self.repository.trusted().await {
            Ok(list) => {
                self.leftovers(&lists, &self.inventory.writers, list.number);
                self.unsigned(&lists, list.number).await?;
            }
            Err(error) => self.faults.error(&lists, Severity::Damage, error)?,
        }
        let shared = BTreeSet::from([Scope::Shared]);
        let scopes: BTreeSet<Scope> = self.inventory.scopes.keys().cloned().collect();
        // A repository has shared keys, also when none of its objects is left.
        let all = self.inventory.marker;
        for scope in scopes.union(&shared).filter(|scope| all || scopes.contains(scope)) {
            self.keyring(scope).await?;
        }
        Ok(())
    }

    async fn keyring(&mut self, scope: &Scope) -> Result<(), Error> {
        let stream = layout::keyrings(scope);
        let opened = match self.repository.keyring(scope).await {
            Ok((key, keyring)) => {
                if let Some(found) = self.inventory.scopes.get(scope) {
                    self.leftovers(&stream, &found.keyrings, keyring.number);
                }
                self.unsigned(&stream, keyring.number).await?;
                self.recipients(&key, scope, &keyring);
                self.repository.keys(scope).await.map(drop)
            }
            Err(error) => Err(error),
        };
        match opened {
            Ok(()) => self.opened.push(scope.clone()),
            Err(error) => {
                self.closed.insert(scope.clone(), error.to_string());
                self.faults.error(&stream, Severity::Damage, error)?;
            }
        }
        Ok(())
    }

    fn recipients(&mut self, key: &Path, scope: &Scope, keyring: &Keyring) {
        let different: BTreeSet<&str> = keyring.recipients.iter().map(|it| it.recipient.trim()).collect();
        if let ([only, ..], 1) = (&*keyring.recipients, different.len()) {
            let reason = format!("{} alone opens it: if that key is lost, so is everything in {scope}", only.name);
            self.faults.add(key.as_ref(), Severity::Warning, Flaw::Risk, reason);
        }
    }

    /// Names what stands below the number that counts.
    fn leftovers(&mut self, stream: &Path, numbers: &Stream, newest: u64) {
        for number in numbers.keys().filter(|number| **number < newest) {
            if let Ok(object) = text(layout::numbered(stream, "object", *number)) {
                let reason = format!("number {newest} counts in its place");
                self.faults.add(&object, Severity::Note, Flaw::Leftover, reason);
            }
        }
    }

    /// Names what stands above it, and was passed over.
    async fn unsigned(&mut self, stream: &Path, newest: u64) -> Result<(), Error> {
        match self.repository.unsigned_above(stream, newest).await {
            Ok(unsigned) => {
                for (key, error) in unsigned {
                    let reason = match error {
                        Error::Untrusted { reason, .. } | Error::Damaged { reason, .. } => reason,
                        other => other.to_string(),
                    };
                    let reason = format!("{reason}; number {newest} counts in its place");
                    self.faults.add(key.as_ref(), Severity::Damage, Flaw::Untrusted, reason);
                }
                Ok(())
            }
            // Written this very moment: the next check sees it.
            Err(Error::Taken { .. }) => Ok(()),
            Err(error) => self.faults.error(stream, Severity::Damage, error),
        }
    }
}
