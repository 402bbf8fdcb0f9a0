//! How the Lifeboats of the sites speak with each other: one signed question, one signed answer. Start at [`Client::call`]
//! for the asking side and at [`serve`] for the answering one.
//!
//! A question is a POST of JSON to `/v1/PATH` over plain HTTP/1.1. Which paths there are and what they mean is the callers'
//! affair. Both messages bear an HMAC-SHA256 under a [`Key`] that all sites share, over everything that matters: what kind
//! of message it is, who says it to whom, the path, the body, and 16 random bytes that are fresh for each question and
//! belong to its answer too.
//!
//! **Given:** a message was made by a holder of the key, for this receiver, this path and, if an answer, this question; it
//! is unchanged. A refusal cannot be made to look like consent, nor the reverse.
//!
//! **Not given:** secrecy. Whoever sees the wire reads everything, so nothing secret may be sent. Nor are the sites safe
//! from each other: each holder of the key can speak in any site's name.
//!
//! **Repeats:** the receiver refuses what it has had within the last ten minutes. It forgets after that and when it
//! restarts, and no clock is compared, since clocks are among the things that break. So whoever recorded a question can
//! have it carried out again once it is forgotten, and can hold one back and deliver it late. **Every question must be
//! harmless when it comes again, or late**: it names the epoch or the state that it was meant for, and its handler does not
//! take its arrival as proof that the sender is alive now where that would do harm. Answers cannot be replayed.
//!
//! **Errors of the network** leave it unknown whether a question was carried out. Nothing is retried here.

mod client;
mod connection;
mod error;
mod key;
mod message;
mod repeats;
mod reply;
mod server;

pub use async_trait::async_trait;
pub use client::Client;
pub use error::Error;
pub use key::Key;
pub use server::{Handler, Refusal, serve};

/// The largest body of a question or an answer, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A Lifeboat elsewhere, as the estate describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The name that it answers to, which must be the one that its own [`serve`] was given.
    pub name: String,
    /// Where it listens, as `host:port`; an IPv6 address stands in brackets.
    pub address: String,
}

#[cfg(test)]
mod tests;
