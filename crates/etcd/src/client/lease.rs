//! Leases: which there are, and how long they last.

use super::{CALL_LIMIT, Client, positive, signed};
use crate::Error;
use crate::wire::lease_client::LeaseClient;
use crate::wire::{LeaseGrantRequest, LeaseLeasesRequest, LeaseRevokeRequest, LeaseTimeToLiveRequest};
use tonic::transport::Channel;

/// A lease: what hangs on it is deleted when it runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its id, which may be negative.
    pub id: i64,
    /// The seconds that it was granted, and has again after each renewal.
    pub granted_ttl: u64,
    /// The whole seconds that it still has.
    pub remaining_ttl: u64,
}

impl Client {
    /// The ids of all leases.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn leases(&self) -> Result<Vec<i64>, Error> {
        let answer = self
            .ask(CALL_LIMIT, LeaseLeasesRequest {}, |request| {
                let mut lease = self.lease_client();
                async move { lease.lease_leases(request).await }
            })
            .await?;
        Ok(answer.leases.iter().map(|lease| lease.id).collect())
    }

    /// How long a lease lasts, by the leader's clock; `None` when there is no such lease (any more). Does not renew it.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Error::Unreachable`] also when there is no leader.
    pub async fn lease(&self, id: i64) -> Result<Option<Lease>, Error> {
        let answer = self
            .ask(CALL_LIMIT, LeaseTimeToLiveRequest { id, keys: false }, |request| {
                let mut lease = self.lease_client();
                async move { lease.lease_time_to_live(request).await }
            })
            .await?;
        // One that is gone was granted nothing. One that has run out but is not yet revoked may have less than 0 s.
        let granted_ttl = positive(answer.granted_ttl).filter(|&seconds| seconds > 0);
        Ok(granted_ttl.map(|granted_ttl| Lease {
            id,
            granted_ttl,
            remaining_ttl: positive(answer.ttl).unwrap_or(0),
        }))
    }

    /// Makes a lease of at least `ttl` seconds, with the id `id`, or one that etcd chooses for 0. Its id.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn grant_lease(&self, id: i64, ttl: u64) -> Result<i64, Error> {
        let answer = self
            .ask(CALL_LIMIT, LeaseGrantRequest { id, ttl: signed(ttl) }, |request| {
                let mut lease = self.lease_client();
                async move { lease.lease_grant(request).await }
            })
            .await?;
        Ok(answer.id)
    }

    /// Ends a lease, and deletes what hangs on it.
    ///
    /// # Errors
    /// [`Error::Refused`] also when there is no such lease; otherwise as [`Client::status`].
    pub async fn revoke_lease(&self, id: i64) -> Result<(), Error> {
        self.ask(CALL_LIMIT, LeaseRevokeRequest { id }, |request| {
            let mut lease = self.lease_client();
            async move { lease.lease_revoke(request).await }
        })
        .await
        .map(drop)
    }

    fn lease_client(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.channel.clone()).max_decoding_message_size(super::MESSAGE_BYTES_MAX)
    }
}
