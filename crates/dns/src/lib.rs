//! The only way into DNS: asking a given server what a name leads to, and moving a name to other addresses.
//!
//! Names are moved by RFC 2136 updates signed with TSIG (RFC 8945), tested against Knot; Active Directory's secure updates
//! (GSS-TSIG) are not supported. Start at [`Zone::switch`] and [`ask()`]; [`Error`] says what went wrong and what to do.
//!
//! Messages are `hickory-proto`'s. The exchange is our own, in `wire.rs`: `hickory-net` signs by a clock that no lab can
//! skew, and turns every refused key into one misleading message.
//!
//! Not here: whether a name may be moved yet (`recovery`), retries beyond the two tries of a question, caches.

mod ask;
mod error;
mod name;
mod rcode;
mod tsig;
mod verdict;
mod wire;
mod zone;

pub use ask::{Answer, ask};
pub use error::Error;
pub use rcode::Rcode;
pub use tsig::{Algorithm, Tsig};
pub use zone::{Switched, Zone};

#[cfg(test)]
mod tests;
