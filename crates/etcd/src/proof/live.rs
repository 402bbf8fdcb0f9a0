//! The members of a real cluster, asked through [`Client`]s.

use super::{Ask, HashAnswer, Refused};
use crate::{Client, Error};
use std::collections::BTreeMap;

/// A client for each member, by the member's name. Each must have that one endpoint only: another member's answer proves nothing.
pub struct Clients(pub BTreeMap<String, Client>);

impl Clients {
    /// The members' names, in order.
    pub fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn client(&self, member: &str) -> Result<&Client, Refused> {
        self.0
            .get(member)
            .ok_or_else(|| Refused::Unreachable(format!("no member is called {member:?}")))
    }
}

impl Ask for Clients {
    async fn revision(&self, member: &str) -> Result<u64, Refused> {
        Ok(self.client(member)?.status().await?.revision)
    }

    async fn hash_kv(&self, member: &str, revision: u64) -> Result<HashAnswer, Refused> {
        let answer = self.client(member)?.hash_kv(revision).await?;
        let revision = answer.hash_revision.unwrap_or(revision);
        Ok(HashAnswer {
            hash: answer.hash,
            revision,
            compact_revision: answer.compact_revision,
        })
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::Compacted { .. } => Self::Compacted,
            Error::Future { .. } => Self::Future,
            other => Self::Unreachable(other.to_string()),
        }
    }
}
