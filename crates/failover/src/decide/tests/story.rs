//! How a story is read and printed: a title after `# `, then lines that say what differs from [`ORDINARY`]. Start at
//! [`Story::all`].

use crate::{Arrived, Evidence, Policy};
use estate::{Epoch, LastRenewal, Mode, Monitor, Name, PointId, Probe, Proven, Report, Seen, Serving, Standing};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// What holds in a story that does not say otherwise. It opens the book.
pub(super) const ORDINARY: &str = "\
On an ordinary day main serves epoch 1; standby and witness reach it, asked 0.3 s ago, reported 0.2 s ago, confirmed its lease
of 10 s 0.5 s ago; main itself says that it serves; the newest proven copy is 9 s old, and 60 s are accepted; standby could
take over; the mode is automatic; a site is declared lost after 10 s; probes come every 1 s. On the left what differs, on the
right what is decided. \"lost\" stands for: both observers have failed for so long, main is silent since, and was confirmed
half a second before.";

pub(super) struct Story {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
    pub(super) policy: Policy,
    pub(super) evidence: Evidence,
    pub(super) now: Timestamp,
}

impl Story {
    pub(super) fn all(text: &str) -> Vec<Self> {
        let stories = text.split("# ").filter(|story| !story.trim().is_empty());
        stories.map(Self::read).collect()
    }

    fn read(text: &str) -> Self {
        let mut lines = text.lines().map(str::to_owned).filter(|line| !line.is_empty());
        let mut story = Self {
            title: lines.next().unwrap(),
            lines: lines.collect(),
            policy: Policy { mode: Mode::Automatic, ..Policy::from(&Monitor::default()) },
            evidence: ordinary(),
            now: now(),
        };
        for line in story.lines.clone() {
            let (key, value) = line.split_once(": ").unwrap();
            story.apply(key, value);
        }
        story
    }

    fn apply(&mut self, key: &str, value: &str) {
        let evidence = &mut self.evidence;
        match key {
            "standby" => observe(&mut evidence.from_standby, value),
            "witness" => observe(&mut evidence.from_witness, value),
            "main says" => says(&mut evidence.from_inside, value),
            "standby says" => says(&mut evidence.from_standby, value),
            "mode" => self.policy.mode = serde_json::from_value(value.into()).unwrap(),
            "copy" => evidence.proven = (value != "none").then(|| proven(ms(value.strip_suffix(" old").unwrap()))),
            "unfit" => {
                let reasons = (value != "not meant to").then(|| value.split("; ").map(str::to_owned).collect());
                evidence.from_standby.as_mut().unwrap().report.unfit = reasons;
            }
            "epoch" => evidence.standing = (value != "unknown").then(|| standing(value)),
            "run" => evidence.run = Some(value.to_owned()),
            "confirmed" => {
                for arrived in [&mut evidence.from_standby, &mut evidence.from_witness].into_iter().flatten() {
                    arrived.report.renewed = (value != "never").then(|| {
                        let (ago, of) = value.split_once(", epoch ").unwrap_or((value, "1 of main"));
                        renewed(standing(of), ms(ago.strip_suffix(" ago").unwrap()))
                    });
                }
            }
            "lost" => {
                let fails = format!("the manager fails {value} (timed out), the API server fails {value} (timed out)");
                self.apply("standby", &fails);
                self.apply("witness", &fails);
                self.apply("main says", "no report");
                let seconds: f64 = value.strip_suffix(" s").unwrap().parse().unwrap();
                self.apply("confirmed", &format!("{} s ago", seconds + 0.5));
            }
            _ => panic!("no story line begins with {key:?}"),
        }
    }
}

fn observe(arrived: &mut Option<Arrived>, value: &str) {
    if value == "no report" {
        *arrived = None;
        return;
    }
    let Some(arrived) = arrived else {
        panic!("the report is gone already")
    };
    let mut asked_ms = 300;
    let mut probes = Vec::new();
    for part in value.split(", ") {
        if let Some(ago) = part.strip_prefix("heard ") {
            arrived.age_ms = ms(ago.strip_suffix(" ago").unwrap()).unsigned_abs();
        } else if let Some(ago) = part.strip_prefix("asked ") {
            asked_ms = ms(ago.strip_suffix(" ago").unwrap()).unsigned_abs();
        } else if let Some(site) = part.strip_prefix("is ") {
            arrived.report.site = name(site);
        } else {
            probes.push(seen(part, asked_ms));
        }
    }
    if !probes.is_empty() {
        arrived.report.probes = probes;
    }
}

/// As in `the manager fails 14 s (timed out)`.
fn seen(text: &str, asked_ms: u64) -> Seen {
    let (text, reason) = text.split_once(" (").unwrap_or((text, ""));
    let (what, good, long) = match text.split_once(" fails ") {
        Some((what, long)) => (what, false, long),
        None => text.split_once(" answers ").map(|(what, long)| (what, true, long)).unwrap(),
    };
    Seen {
        probe: match what {
            "the manager" => Probe::Manager,
            "the API server" => Probe::Api,
            _ => panic!("{what:?} is no probe"),
        },
        good,
        for_ms: ms(long).unsigned_abs(),
        asked_ms,
        reason: reason.trim_end_matches(')').to_owned(),
    }
}

fn says(arrived: &mut Option<Arrived>, value: &str) {
    let (what, heard) = value.split_once(", heard ").unwrap_or((value, "0.2 s ago"));
    let serving = match what {
        "no report" => return *arrived = None,
        "serving" => Serving::Serving { epoch: Epoch(1), left_ms: 5500 },
        "alone" => Serving::Alone { epoch: Epoch(1) },
        "taking over" => Serving::TakingOver { epoch: Epoch(2) },
        "unknown" => Serving::Unknown,
        _ => panic!("no site says {what:?}"),
    };
    let arrived = arrived.as_mut().unwrap();
    arrived.report.serving = serving;
    arrived.age_ms = ms(heard.strip_suffix(" ago").unwrap()).unsigned_abs();
}

fn ordinary() -> Evidence {
    let arrived = |site: &str, serving| Arrived {
        age_ms: 200,
        report: Report {
            site: name(site),
            version: "0.0.0".to_owned(),
            now: now(),
            standing: Some(standing("1 of main")),
            serving,
            probes: ["the manager", "the API server"]
                .map(|what| seen(&format!("{what} answers 3600 s"), 300))
                .into(),
            renewed: Some(renewed(standing("1 of main"), 500)),
            proven: None,
            unfit: (site == "standby").then(Vec::new),
            copied: None,
            copies: Vec::new(),
            protections: Vec::new(),
            troubles: Vec::new(),
        },
    };
    Evidence {
        cluster: name("rancher"),
        standing: Some(standing("1 of main")),
        serves: name("main"),
        standby: name("standby"),
        witness: name("witness"),
        from_standby: Some(arrived("standby", Serving::Standby)),
        from_witness: Some(arrived("witness", Serving::Never)),
        from_inside: Some(arrived("main", Serving::Serving { epoch: Epoch(1), left_ms: 5500 })),
        proven: Some(proven(9000)),
        run: None,
    }
}

fn renewed(standing: Standing, ago_ms: i64) -> LastRenewal {
    LastRenewal {
        standing,
        ago_ms: ago_ms.unsigned_abs(),
        lease_ms: 10_000,
        revision: Some(4711),
    }
}

fn proven(age_ms: i64) -> Proven {
    let begun = now() - SignedDuration::from_millis(age_ms);
    Proven {
        id: PointId::new(Epoch(1), begun, "k7xq").unwrap(),
        begun,
        revision: 4700,
        ago_ms: 1000,
    }
}

fn standing(text: &str) -> Standing {
    let (epoch, holder) = text.split_once(" of ").unwrap();
    Standing { epoch: Epoch(epoch.parse().unwrap()), holder: name(holder) }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    "2026-11-22T22:01:02Z".parse().unwrap()
}

/// As in `4.2 s`, in milliseconds.
fn ms(text: &str) -> i64 {
    let seconds: f64 = text.strip_suffix(" s").unwrap().parse().unwrap();
    i64::try_from(Duration::from_secs_f64(seconds.abs()).as_millis()).unwrap() * if seconds < 0.0 { -1 } else { 1 }
}

/// Two columns, wrapped.
pub(super) fn beside(left: &[String], right: &[String]) -> String {
    const LEFT: usize = 46;
    const RIGHT: usize = 72;
    let left: Vec<_> = left.iter().flat_map(|line| wrap(line, LEFT)).collect();
    let right: Vec<_> = right.iter().flat_map(|line| wrap(line, RIGHT)).collect();
    let cell = |column: &[String], row: usize| column.get(row).cloned().unwrap_or_default();
    let rows =
        (0..left.len().max(right.len())).map(|row| format!("{:LEFT$} | {}", cell(&left, row), cell(&right, row)));
    rows.map(|row| row.trim_end().to_owned() + "\n").collect()
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => *line = format!("{line} {word}"),
            Some(_) => lines.push(format!("  {word}")),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}
