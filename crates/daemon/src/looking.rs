//! When the standby lists the copies: stores are paid for each list. Pure.
//!
//! A site that takes a copy says so in its report, which is heard every second. So a list is worth its price when a new copy was
//! named; often for a while after the site fell silent, since its last copy may be there and nobody was told; and now and then.

use estate::PointId;
use std::time::Duration;

/// A site that was heard within this is not silent: it is asked at least as often.
const SILENT: Duration = Duration::from_secs(3);
/// For so long after a site fell silent its last copy is looked for.
const BRIEF: Duration = Duration::from_secs(120);
/// Between two looks then.
const CLOSE: Duration = Duration::from_secs(1);
/// Between two looks when nothing is to be expected: as often as copies are taken, within these.
const CALM: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// The looks so far.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    last: Option<Duration>,
    looked_for: Option<PointId>,
}

impl Looks {
    /// Whether it is time to look, at `now`: `named` is the newest copy that any site says it has taken, `silent` for how long
    /// the site that serves has not been heard; `None` when it never was.
    pub(crate) fn is_due(
        &self,
        now: Duration,
        every: Duration,
        named: Option<&PointId>,
        silent: Option<Duration>,
    ) -> bool {
        let Some(last) = self.last else { return true };
        let is_silent = silent.is_some_and(|silent| (SILENT..BRIEF).contains(&silent));
        let pause = if is_silent { CLOSE } else { calm(every) };
        named > self.looked_for.as_ref() || now.saturating_sub(last) >= pause
    }

    /// A look succeeded.
    pub(crate) fn looked(&mut self, now: Duration, named: Option<PointId>) {
        (self.last, self.looked_for) = (Some(now), named.max(self.looked_for.take()));
    }

    /// A look failed: the next one is due at once.
    pub(crate) fn again(&mut self) {
        self.last = None;
    }
}

/// Between two looks on a calm day.
pub(crate) fn calm(every: Duration) -> Duration {
    every.clamp(CALM.0, CALM.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use estate::Epoch;

    fn point(second: i64) -> PointId {
        PointId::new(Epoch(1), jiff::Timestamp::from_second(second).unwrap(), "k7xq").unwrap()
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_copy_that_was_named_is_looked_for_once() {
        let (mut looks, every) = (Looks::default(), seconds(15));
        let is_due = |looks: &Looks, now: u64, named: Option<&PointId>| {
            looks.is_due(seconds(now), every, named, Some(seconds(1)))
        };
        assert!(is_due(&looks, 100, None), "nobody has looked yet");
        looks.looked(seconds(100), Some(point(1)));
        assert!(!is_due(&looks, 101, Some(&point(1))));
        assert!(is_due(&looks, 101, Some(&point(2))));
        looks.looked(seconds(101), Some(point(2)));
        // A report that is older than the last one looked for asks for nothing.
        assert!(!is_due(&looks, 102, Some(&point(1))));
        assert!(!is_due(&looks, 115, None));
        assert!(is_due(&looks, 116, None), "on a calm day as often as copies are taken");
        looks.again();
        assert!(is_due(&looks, 102, None));
    }

    #[test]
    fn the_last_copy_of_a_site_that_fell_silent_is_looked_for_closely_for_a_while() {
        let mut looks = Looks::default();
        looks.looked(seconds(100), None);
        let is_due =
            |silent: Option<u64>, now: u64| looks.is_due(seconds(now), seconds(3600), None, silent.map(seconds));
        assert!(!is_due(Some(2), 101));
        assert!(is_due(Some(3), 101));
        assert!(is_due(Some(119), 101));
        assert!(!is_due(Some(120), 101));
        assert!(!is_due(None, 101));
        // Once a minute at least, however seldom copies are taken.
        assert!(is_due(None, 160));
        assert_eq!(calm(Duration::from_secs(1)), seconds(5));
    }
}
