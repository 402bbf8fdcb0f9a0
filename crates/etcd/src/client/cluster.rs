//! The members of the cluster.

use super::{Client, PROMPT_LIMIT};
use crate::Error;
use crate::wire::MemberListRequest;
use crate::wire::cluster_client::ClusterClient;

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Its name; empty until it has started for the first time.
    pub name: String,
    /// Where the other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it, as it says itself; empty until it has started for the first time.
    pub client_urls: Vec<String>,
    /// Whether it is still catching up and has no vote.
    pub is_learner: bool,
}

impl Client {
    /// The members, as the one that is asked knows them, also when there is no leader.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn members(&self) -> Result<Vec<Member>, Error> {
        let answer = self
            .ask(PROMPT_LIMIT, MemberListRequest { linearizable: false }, |request| {
                let mut cluster = ClusterClient::new(self.channel.clone());
                async move { cluster.member_list(request).await }
            })
            .await?;
        let members = answer.members.into_iter().map(|member| Member {
            id: member.id,
            name: member.name,
            peer_urls: member.peer_ur_ls,
            client_urls: member.client_ur_ls,
            is_learner: member.is_learner,
        });
        Ok(members.collect())
    }
}
