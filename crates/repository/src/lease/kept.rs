//! A lease that is waited for, and then kept for as long as somebody works under it. Start at [`Repository::keep`].

use super::stored::Records;
use super::{Belief, Lease, LeaseError, Tenure, Terms};
use crate::{Repository, Scope};
use estate::{Epoch, Kind, Name};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// Who waits looks at the lease this often, or every quarter of the time to live if that is sooner.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A tenure that is renewed for as long as this is there. Whoever drops it without [`Kept::release`] leaves others to wait for its end.
pub struct Kept {
    epoch: Epoch,
    belief: Belief,
    lost: watch::Receiver<Option<Arc<LeaseError>>>,
    give_back: Option<oneshot::Sender<()>>,
    renewing: JoinHandle<Result<(), LeaseError>>,
}

/// Whether a tenure may be believed in, for whoever acts under it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Standing {
    belief: Belief,
}

impl Standing {
    /// Whether it may, now. Ask right before what only a holder may do, each time; and again before saying that it was done.
    pub fn holds(&self) -> bool {
        self.belief.holds(ambient::uptime())
    }
}

impl Repository {
    /// Takes a lease as soon as nobody has it, and keeps it. Before each pause `waiting` hears why it waits, [`LeaseError::Held`] or
    /// what a store that does not answer says, and says whether to go on; otherwise that is the error. The future may be dropped:
    /// then the lease is not held, or runs out.
    ///
    /// # Errors
    /// Whatever waiting does not mend: as [`Repository::lease`] and [`Lease::acquire`]; [`crate::Error::NoLeases`] for a store that
    /// writes over what exists.
    pub async fn keep(
        &self,
        scope: &Scope,
        name: &Name,
        terms: Terms,
        mut waiting: impl FnMut(&LeaseError) -> bool + Send,
    ) -> Result<Kept, LeaseError> {
        let ttl = terms.ttl;
        loop {
            let error = match self.taken(scope, name, &terms, &mut waiting).await {
                Ok((lease, tenure)) => return Ok(Kept::new(lease, tenure, ttl)),
                Err(error) => error,
            };
            if !is_passing(&error) || !waiting(&error) {
                return Err(error);
            }
            ambient::sleep(LOOK_EVERY.min(ttl / 4)).await;
        }
    }

    /// Waits for the lease through one handle, which remembers for how long it has not changed.
    async fn taken(
        &self,
        scope: &Scope,
        name: &Name,
        terms: &Terms,
        waiting: &mut (impl FnMut(&LeaseError) -> bool + Send),
    ) -> Result<(Lease<Records>, Tenure), LeaseError> {
        let lease = self.lease(scope, name, terms.clone()).await?;
        let tenure = loop {
            let error = match lease.acquire().await {
                Ok(tenure) => break tenure,
                Err(error) => error,
            };
            if !is_passing(&error) || !waiting(&error) {
                return Err(error);
            }
            let pause = match error {
                LeaseError::Held { left, .. } => left.min(LOOK_EVERY),
                _ => LOOK_EVERY,
            };
            ambient::sleep(pause.min(terms.ttl / 4)).await;
        };
        match lease.store.prove(tenure.epoch().0).await {
            Ok(()) => Ok((lease, tenure)),
            // Records of tenures that are over may have been removed.
            Err(error) => Err(lease.unfenced(tenure.epoch()).await.err().unwrap_or(error)),
        }
    }
}

/// Whether waiting mends it.
fn is_passing(error: &LeaseError) -> bool {
    matches!(error, LeaseError::Held { .. } | LeaseError::Fenced { .. }) || error.kind() == Kind::Unreachable
}

impl Kept {
    fn new(lease: Lease<Records>, tenure: Tenure, ttl: Duration) -> Self {
        let (tell, lost) = watch::channel(None);
        let (give_back, given_back) = oneshot::channel();
        let (epoch, belief) = (tenure.epoch(), tenure.belief());
        let renewing = tokio::spawn(renew(lease, tenure, ttl, tell, given_back));
        Self { epoch, belief, lost, give_back: Some(give_back), renewing }
    }

    /// The number that everything bears that is written under it.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// For those who act under it.
    pub fn standing(&self) -> Standing {
        Standing { belief: self.belief.clone() }
    }

    /// Waits until it is lost for good: somebody else has it, or the store was set back. A store that does not answer is no loss, but
    /// [`Standing::holds`] says no meanwhile.
    pub fn lost(&self) -> impl Future<Output = Arc<LeaseError>> + Send + use<> {
        let mut lost = self.lost.clone();
        async move {
            loop {
                if let Some(error) = lost.borrow_and_update().clone() {
                    return error;
                }
                if lost.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Gives it back, so that nobody has to wait.
    ///
    /// # Errors
    /// As [`Lease::release`]: it runs out by itself then.
    pub async fn release(mut self) -> Result<(), LeaseError> {
        if let Some(give_back) = self.give_back.take() {
            // Fails where it was lost: then there is nothing to give back.
            let _ = give_back.send(());
        }
        // A panic there was its own end; the lease runs out.
        (&mut self.renewing).await.unwrap_or(Ok(()))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Renews at every third of the time to live, and sooner after a renewal of which nothing is known.
async fn renew(
    lease: Lease<Records>,
    mut tenure: Tenure,
    ttl: Duration,
    tell: watch::Sender<Option<Arc<LeaseError>>>,
    mut given_back: oneshot::Receiver<()>,
) -> Result<(), LeaseError> {
    let mut pause = ttl / 3;
    loop {
        tokio::select! {
            _ = &mut given_back => return lease.release(tenure).await,
            () = ambient::sleep(pause) => {}
        }
        pause = match lease.renew(&mut tenure).await {
            Ok(()) => {
                // What cannot be removed now is removed another time.
                let _ = lease.prune(&mut tenure).await;
                ttl / 3
            }
            Err(error) if is_final(&error) => {
                let error = Arc::new(error);
                tell.send_replace(Some(error));
                // Nothing to give back.
                return Ok(());
            }
            Err(_) => ttl / 12,
        };
    }
}

/// Whether a tenure is over, or whoever holds it cannot know any more.
fn is_final(error: &LeaseError) -> bool {
    matches!(
        error,
        LeaseError::Fenced { .. }
            | LeaseError::SetBack { .. }
            | LeaseError::Damaged { .. }
            | LeaseError::Invalid { .. }
    )
}
