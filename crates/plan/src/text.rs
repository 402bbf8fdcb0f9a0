//! The plan as people read it.

use crate::{Look, Plan, Step, Undo};
use estate::{Name, OnFailure};
use std::fmt::Write as _;

impl Plan {
    /// The plan as text: what happens and why, what is lost, and each step with how a person would do it.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.title());
        for reason in &self.because {
            _ = writeln!(text, "  because  {reason}");
        }
        if !self.playbook.is_empty() {
            _ = writeln!(text, "  playbook {}", self.playbook);
        }
        for (name, value) in &self.parameters {
            _ = writeln!(text, "  with     {name} = {value}");
        }
        if let Some(point) = &self.point {
            _ = writeln!(text, "  copy     {point}");
        }
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
        if self.point.is_some() {
            _ = writeln!(text, "  losing   {}", self.losing());
        }
        if let Some(expected) = self.expected_ms() {
            let aim = self.rto_s.map(|rto| format!(", and {rto} s are allowed")).unwrap_or_default();
            _ = writeln!(text, "  takes    about {}, by earlier runs{aim}", seconds(expected));
        }
        let for_ever: Vec<&str> = self.for_ever().map(|step| step.id.as_str()).collect();
        if !for_ever.is_empty() {
            _ = writeln!(text, "  for ever {}: what cannot be undone", for_ever.join(", "));
        }
        text.push('\n');
        for (number, step) in self.steps.iter().enumerate() {
            text += &self.step_text(number, step);
        }
        for out in &self.left_out {
            _ = writeln!(text, "  left out {}: {}", out.step, out.why);
        }
        text
    }

    fn step_text(&self, number: usize, step: &Step) -> String {
        let mut text = String::new();
        let after = self.after(number);
        // What follows the one before it needs no word.
        let before = number
            .checked_sub(1)
            .and_then(|before| self.steps.get(before))
            .map(|step| &step.id);
        let follows = match (&after[..], before) {
            ([only], Some(before)) if only == before => String::new(),
            ([], None) => String::new(),
            ([], Some(_)) => ", at once".to_owned(),
            (after, _) => format!(", after {}", after.join(", ")),
        };
        let takes = step
            .expected_ms
            .map(|ms| format!(", about {}", seconds(ms)))
            .unwrap_or_default();
        _ = writeln!(text, "{:2}. {} ({}{follows}{takes})", number + 1, step.id, step.action.kind());
        _ = writeln!(text, "    {}", step.what);
        if let Some(when) = &step.when {
            _ = writeln!(text, "    when     {when}");
        }
        for (number, line) in step.by_hand.0.iter().enumerate() {
            let line = line.to_string().replace('\n', "\n             ");
            _ = writeln!(text, "    {}  {line}", if number == 0 { "by hand" } else { "       " });
        }
        let Look { run, expect } = &step.check;
        for (number, line) in run.0.iter().enumerate() {
            let line = line.to_string().replace('\n', "\n             ");
            _ = writeln!(text, "    {}  {line}", if number == 0 { "check  " } else { "       " });
        }
        _ = writeln!(text, "    {}  {expect}", if run.is_empty() { "check  " } else { "expect " });
        match &step.undo {
            Undo::None { none } => _ = writeln!(text, "    undo     {none}"),
            Undo::Lines(lines) => {
                for (number, line) in lines.0.iter().enumerate() {
                    let line = line.to_string().replace('\n', "\n             ");
                    _ = writeln!(text, "    {}  {line}", if number == 0 { "undo   " } else { "       " });
                }
            }
        }
        match step.on_failure {
            OnFailure::Stop => {}
            OnFailure::Continue => _ = writeln!(text, "    fails    the run goes on without it"),
            OnFailure::Undo => _ = writeln!(text, "    fails    all since the last gate is undone"),
        }
        text
    }

    /// What it is, in a few words.
    pub fn title(&self) -> String {
        match (self.epoch, self.onto.is_empty()) {
            (Some(epoch), _) => {
                format!("Failover of {} from {} to {}, epoch {epoch}", self.cluster, self.from, self.to)
            }
            (None, false) => format!("Restore of {} onto {}", self.cluster, list(&self.onto)),
            (None, true) => format!("Playbook {} for {}", self.playbook, self.cluster),
        }
    }

    /// What will be lost, in words.
    pub fn losing(&self) -> String {
        let Some(begun) = self.point_begun else {
            return "nothing: no copy is restored".to_owned();
        };
        if self.hands_over() {
            return "nothing: the last change is shipped first".to_owned();
        }
        let seconds = self.seconds_lost();
        let revisions = self.revisions_lost().map(|n| format!(", {n} known revisions of etcd"));
        // How old a snapshot is, only its name or its file says, and a copied file is younger.
        let bound = match (self.snapshot().is_some(), self.promotes()) {
            (true, _) => "at least ",
            (_, true) => "at most ",
            _ => "",
        };
        match seconds {
            Some(seconds) => format!(
                "{bound}what was written in the last {seconds} s of {}{}",
                self.from,
                revisions.unwrap_or_default()
            ),
            None => format!(
                "{bound}what was written at {} after {}{}",
                self.from,
                begun.strftime("%Y-%m-%d %H:%M:%S UTC"),
                revisions.unwrap_or_default()
            ),
        }
    }

    /// Seconds between the copy and the last sign of life; `None` while the site lives.
    pub fn seconds_lost(&self) -> Option<i64> {
        if self.hands_over() {
            return Some(0);
        }
        let seen = self.loss.last_seen?;
        Some(seen.duration_since(self.point_begun?).as_secs().max(0))
    }

    /// The revisions that are known to have been written after the copy.
    pub fn revisions_lost(&self) -> Option<i64> {
        if self.hands_over() {
            return Some(0);
        }
        Some((self.loss.last_revision? - self.point_revision?).max(0))
    }

    /// How long it should take, in milliseconds: the longest way through the steps. `None` while a step of it has never been measured.
    pub fn expected_ms(&self) -> Option<u64> {
        let mut ends: Vec<(&str, u64)> = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            let after = self.after(number);
            // What is only done if something goes wrong has most often never been measured.
            let left = step.when.as_ref().map(|_| 0);
            let begins = ends
                .iter()
                .filter(|(id, _)| after.iter().any(|before| before == id))
                .map(|(_, end)| *end);
            let end = begins.max().unwrap_or(0).saturating_add(step.expected_ms.or(left)?);
            ends.push((&step.id, end));
        }
        ends.into_iter().map(|(_, end)| end).max()
    }

    /// The steps that change something and cannot be undone.
    pub fn for_ever(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| match &step.undo {
            Undo::None { none } => !none.starts_with("none is needed"),
            Undo::Lines(_) => false,
        })
    }
}

fn seconds(ms: u64) -> String {
    match ms {
        0..=9_999 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        10_000..=119_999 => format!("{} s", ms / 1000),
        _ => format!("{} min", ms.div_ceil(60_000)),
    }
}

/// `a, b and c`.
pub(crate) fn list(names: &[Name]) -> String {
    let words: Vec<&str> = names.iter().map(Name::as_str).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
    }
}
