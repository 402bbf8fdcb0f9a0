//! The status as people read it: what is missed first, then a line a cluster, then what goes wrong with each.

use super::{Account, Status};
use crate::commands::known;
use crate::commands::known::Trouble;
use crate::commands::serves::behind;
use crate::commands::span;
use crate::printer::{self, lines_in, shown, table_in};
use estate::{Following, Name};
use jiff::Timestamp;
use plan::AtRisk;

impl printer::Report for Status {
    fn text(&self) -> String {
        self.in_columns(None)
    }
}

impl Status {
    /// The form for people, for a terminal with so many columns, or with as many as there are.
    pub(super) fn in_columns(&self, columns: Option<u16>) -> String {
        let mut text = format!("estate {}\n\n", self.estate);
        for account in &self.clusters {
            for missed in &account.missed {
                text += &format!("MISSED {}: {missed}\n", account.cluster);
            }
        }
        if text.contains("MISSED") {
            text.push('\n');
        }
        text = lines_in(columns, &text);
        text += &table_in(
            columns,
            ["CLUSTER", "AT RISK", "NEWEST POINT", "PROVEN", "SET", "FOLLOWED"],
            self.clusters.iter().map(|account| row(account, self.now)),
        );
        text += "\n\n";
        text += &lines_in(columns, &self.lines());
        if let Some(serves) = &self.serves {
            text += &format!("\nwho serves {}\n\n{}", serves.cluster, serves.in_columns(columns));
        }
        text
    }

    /// What stands under the table.
    fn lines(&self) -> String {
        let mut text = String::new();
        for kept in &self.copies {
            let copy = &kept.copy;
            text += &format!("copy {} of {}, kept by {}: {}\n", copy.repository, copy.of, kept.by, behind(copy));
        }
        for account in &self.clusters {
            text += &about(account, self.now);
        }
        for said in &self.troubles {
            text += &format!("trouble at {}: {}\n", said.by, shown(&said.text));
        }
        let heard: Vec<String> = self.heard.iter().map(ToString::to_string).collect();
        if !heard.is_empty() {
            text += &format!("as told by {}\n", heard.join(", "));
        }
        // That nothing runs where somebody merely looks is no news.
        let all = self.silent.iter().filter(|it| it.from != known::From::Here || heard.is_empty());
        for silent in all {
            let next = silent.why.next.as_ref().map(|next| format!("\n  next: {}", shown(next)));
            let (why, code) = (shown(&silent.why.text), &silent.why.code);
            text += &format!("no word from {}: {why} ({code}){}\n", silent.from, next.unwrap_or_default());
        }
        text
    }
}

fn row(it: &Account, now: Timestamp) -> [String; 6] {
    let age = |at: Timestamp| span(now.duration_since(at).as_secs());
    let none = |known: bool| if known { "none" } else { "?" }.to_owned();
    [
        it.cluster.to_string(),
        at_risk(it.at_risk),
        it.newest.as_ref().map_or_else(|| none(it.no_point), |newest| age(newest.begun)),
        match &it.proof {
            Some(proof) => format!("{}, {}", age(proof.at), shown(&proof.member)),
            None if it.no_proof => "never".to_owned(),
            None => "?".to_owned(),
        },
        match it.lacks.as_ref().map(Vec::len) {
            None => "not judged".to_owned(),
            Some(0) if it.untested.is_empty() => "complete".to_owned(),
            Some(0) => format!("{} not tested", it.untested.len()),
            Some(some) => format!("{some} missing"),
        },
        followed(it),
    ]
}

/// How much would be lost now.
fn at_risk(at_risk: AtRisk) -> String {
    let tenths = |ms: u64| match ms {
        ..10_000 => format!("{:.1} s", ms as f64 / 1000.0),
        _ => span(i64::try_from(ms / 1000).unwrap_or(i64::MAX)),
    };
    match at_risk {
        AtRisk::Known { ms, silent_ms: None } => tenths(ms),
        AtRisk::Known { ms, silent_ms: Some(silent) } => format!("{}, silent {}", tenths(ms), tenths(silent)),
        AtRisk::AtMost { ms } => format!("? at most {}", tenths(ms)),
        AtRisk::Unknown => "?".to_owned(),
    }
}

/// How far the state that is kept ready is behind, at best.
fn followed(it: &Account) -> String {
    let known = |following: &Option<Following>| following.as_ref().and_then(|it| it.behind);
    match (it.followers.is_empty(), it.followers.values().filter_map(known).min()) {
        (true, _) => "no".to_owned(),
        (false, None) => "?".to_owned(),
        (false, Some(behind)) => format!("{behind} behind"),
    }
}

/// What is to be said of a cluster besides its line.
fn about(it: &Account, now: Timestamp) -> String {
    let name = &it.cluster;
    let mut text = String::new();
    if let (None, Some(seen)) = (&it.by, it.seen) {
        let ago = span(now.duration_since(seen).as_secs());
        text += &format!("{name}: as of the repository, its etcd was last seen {ago} ago, at {seen:.0}\n");
    }
    if let Some(run) = &it.unfinished {
        let how = match run.state {
            "running" => "is being carried out".to_owned(),
            state => format!("is not over, and nobody carries it on ({state} since {:.0})", run.heard),
        };
        text += &format!("{name}: run {} {how}\n  next: {}\n", run.run, run.next);
    }
    for lack in it.lacks.iter().flatten() {
        text += &format!("{name} lacks: {}\n", parted(lack));
    }
    for untested in &it.untested {
        text += &format!("{name}, not tested: {}\n", parted(untested));
    }
    for warning in &it.warnings {
        text += &format!("{name}, warning: {}\n", parted(warning));
    }
    for (host, following) in &it.followers {
        text += &follower(name, host, following.as_ref());
    }
    for trouble in &it.troubles {
        text += &told(name, trouble);
    }
    text
}

/// What was found, and below it what to do.
fn parted(text: &str) -> String {
    match text.rsplit_once("; next: ") {
        Some((found, next)) => format!("{}\n  next: {}", shown(found), shown(next)),
        None => shown(text),
    }
}

fn follower(cluster: &Name, host: &Name, following: Option<&Following>) -> String {
    match following {
        None => format!("{cluster}: what {host} keeps ready is not known\n"),
        Some(Following { behind: Some(0), .. }) => String::new(),
        Some(it) => {
            let behind = it
                .behind
                .map_or_else(|| "nobody knows how far".to_owned(), |n| format!("{n} revisions"));
            format!("{cluster}: what {host} keeps ready is behind: {behind}, at revision {}\n", it.revision)
        }
    }
}

fn told(cluster: &Name, trouble: &Trouble) -> String {
    let it = &trouble.told;
    let next = it
        .next
        .as_ref()
        .map(|next| format!("\n  next: {}", shown(next)))
        .unwrap_or_default();
    format!(
        "{cluster}, {} ({}): {} ({}){next}\n",
        shown(&trouble.about),
        trouble.by,
        shown(&it.text),
        shown(&it.code)
    )
}
