//! How people are told who are not at a terminal: what is said once, and again when it is cured, by webhook or e-mail.
//!
//! ```text
//!   what is wrong now --> Desk: what is to be said --> Outbox: who still has to get it --> Channel: webhook, e-mail
//!   (a map, each round)   (pure, outlives a restart)   (pure, outlives a restart)          (HTTP, SMTP)
//! ```
//!
//! Start at [`Desk::round`]. The daemon keeps [`Desk`] and [`Outbox`] on disk, so that a restart says nothing twice, and calls
//! [`deliver`] for each channel by itself, so that one that fails holds up no other.
//!
//! **Given:** each message is sent to each channel at least once, in order where the channel takes them, and no secret is in any
//! message, error or `Debug`. **Not given:** exactly once. A crash between sending and keeping that it was sent sends it again; its
//! `id` is the same then.
//!
//! Not here: when to look, what is wrong, clocks for deciding.

mod channel;
mod desk;
mod error;
mod message;
mod outbox;
mod trust;

pub use channel::{Channel, Sent, deliver};
pub use desk::{Condition, Desk, Rules, Urgency};
pub use error::Error;
pub use message::Message;
pub use outbox::Outbox;
