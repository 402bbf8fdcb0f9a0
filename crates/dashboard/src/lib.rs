//! What others may ask a site's Lifeboat over HTTP. Start at [`bind`] and [`serve`].
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200 while the process lives |
//! | `/readyz` | 200 while it does what it is for, otherwise 503 and a reason a line |
//! | `/metrics` | OpenMetrics text: `docs/metrics.md` |
//!
//! Whoever reaches the address may ask; nothing secret is told, and nothing can be changed. [`Snapshot`] is all that is known here:
//! who runs the loops makes one whenever it is asked.
//!
//! Not here: finding anything out, acting.

mod metrics;
mod server;
mod snapshot;

pub use metrics::text;
pub use server::{BindError, bind, serve};
pub use snapshot::{Channel, Cluster, Objective, Repository, Snapshot};
