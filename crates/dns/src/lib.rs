//! The only way into DNS and GTM: asking a given server what a name leads to, and moving a name to other addresses.
//!
//! Start at [`Provider`]: what any place that keeps names can do. There is one file for each of them in `provider/`, with what it
//! guarantees and what it cannot prove:
//!
//! | provider | reached by | what makes a change safe against another writer | tested against |
//! |---|---|---|---|
//! | [`Zone`] | RFC 2136, TSIG (RFC 8945) | prerequisites in the update | Knot itself |
//! | [`Route53`] | REST, SigV4 | the exact old set is deleted in the same batch | a stand-in |
//! | [`Cloudflare`] | REST, token | a look directly before; the batch itself has no precondition | a stand-in |
//! | [`Google`] | REST, service account | the exact old set is deleted in the same change | a stand-in |
//! | [`Azure`] | REST, client secret | the etag of what was read | a stand-in |
//! | [`BigIp`] | iControl REST | a look directly before | a stand-in |
//! | [`Manual`] | a person | the person | Knot itself |
//!
//! The stand-ins are in `tests/`, and were written from the vendors' documentation: none of this code has met the real services.
//!
//! A switch is [`Provider::read`], kept in the journal; [`Provider::change`]; [`verify`]; and perhaps [`Provider::restore`]. Ahead of
//! planned work comes [`Provider::lower_ttl`]. [`Provider::check`] says beforehand whether all this would work. [`Error`] says what
//! went wrong and what to do.
//!
//! DNS messages are `hickory-proto`'s. The exchange is our own, in `wire.rs`: `hickory-net` signs by a clock that no lab can skew,
//! and turns every refused key into one misleading message. Active Directory's secure updates (GSS-TSIG) are not supported.
//!
//! Not here: whether a name may be moved yet (`recovery`), retries beyond the two tries of a question, caches.

mod ask;
mod delegation;
mod error;
mod finding;
mod http;
mod name;
mod provider;
mod rcode;
mod secret;
mod seen;
mod token;
mod trust;
mod tsig;
mod verdict;
mod wire;

pub use ask::{Answer, ask};
pub use delegation::authoritative;
pub use error::Error;
pub use finding::{About, Finding, Verdict};
pub use provider::{
    Azure, BigIp, Changed, Cloudflare, Google, Held, How, Manual, Member, Pool, Provider, Records, Right, Route53,
    Wanted, Zone,
};
pub use rcode::Rcode;
pub use secret::Secret;
pub use seen::{Askable, Expected, NotSeen, Seen, Verified, seen, verify};
pub use tsig::{Algorithm, Tsig};

#[cfg(test)]
mod tests;
