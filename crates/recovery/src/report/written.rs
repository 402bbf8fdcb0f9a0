//! The report of a run as people keep it: Markdown, and the lines of a live view. Start at [`Measured::markdown`].

use super::Measured;
use jiff::Timestamp;
use plan::page::{escaped, fenced};
use std::fmt::Write as _;

impl Measured {
    /// Whether the run kept to its objectives: lost, allowed, and whether that is kept; the same for the time.
    fn against(&self) -> [(&'static str, Option<u64>, Option<u64>); 2] {
        let lost = self.seconds_lost.and_then(|lost| u64::try_from(lost).ok());
        let took = self.ended.map(|ended| ended.duration_since(self.zero()).as_secs());
        let took = took.and_then(|took| u64::try_from(took).ok());
        [
            ("RPO, data lost", lost, self.rpo_s),
            ("RTO, time taken", took, self.rto_s),
        ]
    }

    /// What it was, in a line.
    pub fn title(&self) -> String {
        match (self.epoch, self.onto.is_empty()) {
            (Some(epoch), _) => {
                format!("failover of {} from {} to {}, epoch {epoch}", self.cluster, self.from, self.to)
            }
            (None, false) => format!("restore of {} onto {}", self.cluster, self.onto.join(", ")),
            (None, true) => format!("playbook {} for {}", self.playbook, self.cluster),
        }
    }

    /// The report.
    pub fn markdown(&self) -> String {
        let time = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        let mut text = format!("# Run {}: {}\n\n", self.run, escaped(&self.title()));
        _ = writeln!(text, "It **{}**.\n", self.state);
        _ = writeln!(text, "| | |\n|---|---|");
        let mut row = |name: &str, value: String| _ = writeln!(text, "| {name} | {} |", escaped(&value));
        row("playbook", self.playbook.clone());
        row("cluster", self.cluster.clone());
        row("from", self.from.clone());
        row("to", self.to.clone());
        if let Some(point) = &self.point {
            row("copy", point.clone());
        }
        if let Some(newer) = &self.newer {
            row(
                "etcd, newer than the copy",
                format!("revision {} of timeline {}", newer.revision, newer.timeline),
            );
        }
        if let Some(snapshot) = &self.snapshot {
            row("snapshot", snapshot.clone());
        }
        if let Some(reason) = &self.unsigned {
            row("the copy was not to be trusted, and a person accepted that", reason.clone());
        }
        if let Some(lost) = self.lost_at {
            row("last seen alive", time(lost));
        }
        row("begun", time(self.begun));
        row("ended", self.ended.map_or_else(|| "not yet".to_owned(), time));
        text += "\n## Objectives\n\n| | measured | allowed | |\n|---|---|---|---|\n";
        for (name, measured, allowed) in self.against() {
            let seconds = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| format!("{n} s"));
            let kept = match (measured, allowed) {
                (Some(measured), Some(allowed)) if measured <= allowed => "kept",
                (Some(_), Some(_)) => "**missed**",
                (Some(_), None) => "no objective is set",
                (None, _) => "not known",
            };
            _ = writeln!(text, "| {name} | {} | {} | {kept} |", seconds(measured), seconds(allowed));
        }
        if let Some(revisions) = self.revisions_lost {
            _ = writeln!(text, "\n{revisions} known revisions of etcd were written after the copy.");
        }
        text += "\n## Steps\n\n| step | after | took | expected | |\n|---|---|---|---|---|\n";
        for step in &self.steps {
            let after = step.done.map_or_else(|| "-".to_owned(), |done| tenths(self.zero(), done));
            let took = step.begun.zip(step.done).map(|(begun, done)| tenths(begun, done));
            let expected = step.expected_ms.map(|ms| format!("{}.{} s", ms / 1000, ms % 1000 / 100));
            _ = writeln!(
                text,
                "| {} | {after} | {} | {} | {} |",
                escaped(&step.step),
                took.unwrap_or_default(),
                expected.unwrap_or_default(),
                escaped(&step.state())
            );
        }
        text += "\n## Otherwise than planned\n\n";
        match self.otherwise.is_empty() {
            true => text += "Nothing.\n",
            false => self.otherwise.iter().for_each(|it| _ = writeln!(text, "- {}", escaped(it))),
        }
        if let Some(problem) = &self.problem {
            _ = writeln!(text, "\n## What stopped it\n\n{} ({})\n", escaped(&problem.message), problem.code);
            problem
                .causes
                .iter()
                .for_each(|cause| _ = writeln!(text, "- {}", escaped(cause)));
        }
        let undo: Vec<String> = self
            .steps
            .iter()
            .rev()
            .filter_map(|step| Some(format!("# {}\n{}", step.step, step.undo.as_ref()?)))
            .collect();
        if !undo.is_empty() {
            _ = writeln!(
                text,
                "\n## How it is undone\n\nIn this order; `lifeboat run undo {}` does it.\n",
                self.typed()
            );
            text += &fenced("text", &undo.join("\n"));
        }
        text
    }

    /// A line for each step, as it is at `now`, for who watches: done, at work and for how long, still to come.
    pub fn tree(&self, now: Timestamp) -> Vec<String> {
        let mut lines = vec![format!("run {} {}: {}", self.run, self.state, self.title())];
        for step in &self.steps {
            let expected = step
                .expected_ms
                .map(|ms| format!(" of about {}.{} s", ms / 1000, ms % 1000 / 100));
            let line = match (step.undone, &step.left_out, step.begun, step.done) {
                (Some(_), ..) => format!("  <  {:24} undone", step.step),
                (_, Some(why), ..) => format!("  -  {:24} left out: {why}", step.step),
                (_, _, Some(begun), Some(done)) => format!("  ok {:24} {}", step.step, tenths(begun, done)),
                (_, _, Some(begun), None) if self.ended.is_none() => {
                    let attempt = if step.attempts > 1 {
                        format!(", attempt {}", step.attempts)
                    } else {
                        String::new()
                    };
                    let seconds = now.duration_since(begun).as_secs().max(0);
                    format!("  >> {:24} {seconds} s{}{attempt}", step.step, expected.unwrap_or_default())
                }
                _ => format!("     {}", step.step),
            };
            lines.push(line);
        }
        lines
    }
}

impl super::StepTime {
    fn state(&self) -> String {
        let said = |key: &str| self.outcome.as_ref().and_then(|outcome| outcome[key].as_str());
        let by = said("by").map(|by| format!("done by {by}"));
        let by = by.or_else(|| said("letBy").map(|by| format!("done, as {by} let Lifeboat do it")));
        match (self.undone, &self.left_out, self.begun, self.done, by) {
            (Some(_), ..) => "undone".to_owned(),
            (_, Some(why), ..) => format!("left out: {why}"),
            (_, _, _, Some(_), Some(by)) => by,
            (_, _, _, Some(_), None) => "done".to_owned(),
            (_, _, Some(_), None, _) => format!("not done, attempt {}", self.attempts),
            _ => "not begun".to_owned(),
        }
    }
}

fn tenths(from: Timestamp, to: Timestamp) -> String {
    let ms = to.duration_since(from).as_millis().max(0);
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}
