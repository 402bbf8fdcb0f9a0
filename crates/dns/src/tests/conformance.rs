//! What every provider must do, in one suite. Start at [`Subject`]; `conformance/cases.rs` has the cases, and one file for each
//! kind of provider says how it is started.

mod cases;
mod clouds;
mod gtm;
mod nameserver;

use super::relay::Relay;
use crate::{Held, Provider, Wanted};
use async_trait::async_trait;

/// The name that is moved.
const RANCHER: &str = "rancher.lab.test";

/// A provider under test, and its service.
#[async_trait]
trait Subject: Send + Sync {
    /// The provider, through the relay.
    fn provider(&self) -> Box<dyn Provider>;

    fn relay(&self) -> &Relay;

    /// With a credential that the service does not know.
    fn stranger(&self) -> Box<dyn Provider>;

    /// With one that may read and not change.
    fn reader(&self) -> Box<dyn Provider>;

    /// With one that has ended, or was made by another clock.
    async fn late(&self) -> Option<Box<dyn Provider>>;

    /// For a zone that the service does not have, or a wide IP whose pool it does not have.
    fn elsewhere(&self) -> Option<Box<dyn Provider>>;

    /// At a port where nothing listens.
    fn away(&self) -> Box<dyn Provider>;

    /// What somebody else does: lets the name lead elsewhere. Whatever it takes is in the future that this makes.
    fn other_writer(&self) -> super::relay::Deed;

    /// What the service itself has of the name.
    async fn there(&self) -> Held;

    /// How often anything was changed by a request, where that can be told.
    fn changes(&self) -> Option<usize>;

    /// Whether the service itself refuses a change when another came between the last look and it.
    fn guards(&self) -> bool;

    /// Whether it is spoken to over HTTP.
    fn is_http(&self) -> bool {
        true
    }
}

/// Where the name is to lead.
fn wanted() -> Wanted {
    Wanted::new(["192.0.2.2".parse().unwrap()], 60)
}

/// The suite for one provider.
macro_rules! conformance {
    ($name:ident, $start:expr $(, $attribute:meta)*) => {
        mod $name {
            use super::super::{cases, conformance};

            conformance!(@cases $start, [$($attribute),*]
                a_missing_name_holds_nothing
                a_change_is_made_once
                another_writer_is_refused
                another_writer_in_between_is_refused
                what_is_not_there_is_not_replaced
                a_lost_answer_settles
                a_change_that_arrives_twice_is_made
                an_undo_restores_exactly
                a_ttl_goes_down_and_comes_back
                a_planned_switch_is_undone_as_a_whole
                a_strangers_credential_is_not_accepted
                a_late_credential_is_not_accepted
                another_zone_is_not_found
                a_service_that_is_away_is_unreachable
                a_busy_service_may_be_asked_again
                garbled_answers_are_errors
                endless_answers_are_errors
                a_check_proves_and_changes_nothing
                a_check_finds_a_credential_that_may_only_read
                a_check_takes_no_noise_for_a_proof
                what_is_typed_by_hand_is_exact
                a_foreign_name_is_refused
                what_was_read_survives_a_journal
                no_secret_is_shown
            );
        }
    };
    (@cases $start:expr, $attributes:tt $($case:ident)*) => {
        $(conformance!(@case $start, $attributes $case);)*
    };
    (@case $start:expr, [$($attribute:meta),*] $case:ident) => {
        #[tokio::test]
        $(#[$attribute])*
        async fn $case() {
            cases::$case(&$start.await).await;
        }
    };
}
use conformance;
