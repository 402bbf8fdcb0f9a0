//! The plan as people read it.

use crate::Plan;
use crate::make::list;
use std::fmt::Write as _;

impl Plan {
    /// The plan as text: what happens and why, what is lost, and each step with how a person would do it.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.title());
        for reason in &self.because {
            _ = writeln!(text, "  because  {reason}");
        }
        _ = writeln!(text, "  copy     {}", self.point);
        if let Some(snapshot) = self.snapshot() {
            _ = writeln!(
                text,
                "  snapshot {}, of {}, for etcd; of the copy only the files",
                snapshot.name, snapshot.place
            );
        }
        if let Some(reason) = &self.unsigned {
            _ = writeln!(text, "  unsigned the copy is not to be trusted, and a person accepts that: {reason}");
        }
        _ = writeln!(text, "  losing   {}\n", self.losing());
        for (number, step) in self.steps.iter().enumerate() {
            _ = writeln!(text, "{:2}. {} ({})", number + 1, step.id, step.action.kind());
            _ = writeln!(text, "    {}", step.what);
            for (number, line) in step.by_hand.0.iter().enumerate() {
                _ = writeln!(text, "    {}  {line}", if number == 0 { "by hand" } else { "       " });
            }
            _ = writeln!(text, "    check    {}", step.check);
            _ = writeln!(text, "    undo     {}", step.undo);
        }
        text
    }

    /// What it is, in a few words.
    pub fn title(&self) -> String {
        match self.epoch {
            Some(epoch) => format!("Failover of {} from {} to {}, epoch {epoch}", self.cluster, self.from, self.to),
            None => format!("Restore of {} onto {}", self.cluster, list(&self.onto)),
        }
    }

    /// What will be lost, in words.
    pub fn losing(&self) -> String {
        let seconds = self.seconds_lost();
        let revisions = self.revisions_lost().map(|n| format!(", {n} known revisions of etcd"));
        // How old a snapshot is, only its name or its file says, and a copied file is younger.
        let at_least = if self.snapshot().is_some() { "at least " } else { "" };
        match seconds {
            Some(seconds) => format!(
                "{at_least}what was written in the last {seconds} s of {}{}",
                self.from,
                revisions.unwrap_or_default()
            ),
            None => format!(
                "{at_least}what was written at {} after {}{}",
                self.from,
                self.point_begun.strftime("%Y-%m-%d %H:%M:%S UTC"),
                revisions.unwrap_or_default()
            ),
        }
    }

    /// Seconds between the copy and the last sign of life; `None` while the site lives.
    pub fn seconds_lost(&self) -> Option<i64> {
        let seen = self.loss.last_seen?;
        Some(seen.duration_since(self.point_begun).as_secs().max(0))
    }

    /// The revisions that are known to have been written after the copy.
    pub fn revisions_lost(&self) -> Option<i64> {
        Some((self.loss.last_revision? - self.point_revision).max(0))
    }
}
