//! What this Lifeboat does for each cluster's protection, as it is known at any moment: [`Board`]. Whoever works on a cluster writes
//! here; whoever asks is told.

use crate::state::millis;
use crate::{Line, Say};
use estate::{ChannelState, Copying, Duty, Following, HashProof, Lag, Made, Name, Protection, Told};
use etcd::capture::Behind;
use jiff::Timestamp;
use recovery::Trouble;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The clusters that are protected or followed here, and the repositories that are kept as copies of others.
#[derive(Clone)]
pub(crate) struct Board {
    clusters: Arc<Mutex<BTreeMap<Name, Entry>>>,
    copies: Arc<Mutex<BTreeMap<Name, Copied>>>,
    channels: Arc<Mutex<Vec<ChannelState>>>,
    say: Say,
}

/// A repository that is kept as a copy of another one.
#[derive(Clone, Debug)]
pub(crate) struct Copied {
    pub(crate) of: Name,
    /// How far it was behind, and as of when by the host's uptime; `None` until that was found out.
    pub(crate) lag: Option<(Lag, Duration)>,
    /// What is wrong with it.
    pub(crate) trouble: Option<String>,
}

/// What is known of one cluster.
pub(crate) struct Entry {
    pub(crate) duty: Duty,
    /// How far its capture is, while there is one.
    pub(crate) behind: Option<watch::Receiver<Behind>>,
    pub(crate) newest: Option<Made>,
    pub(crate) proof: Option<HashProof>,
    pub(crate) judged: Option<Timestamp>,
    pub(crate) lacks: Vec<String>,
    pub(crate) untested: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) following: Option<Following>,
    troubles: BTreeMap<String, Told>,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            duty: Duty::Begins,
            behind: None,
            newest: None,
            proof: None,
            judged: None,
            lacks: Vec::new(),
            untested: Vec::new(),
            warnings: Vec::new(),
            following: None,
            troubles: BTreeMap::new(),
        }
    }
}

impl Entry {
    /// What is wrong about something, if it is.
    pub(crate) fn trouble(&self, about: &str) -> Option<&Told> {
        self.troubles.get(about)
    }

    fn report(&self, cluster: &Name, now: Instant) -> Protection {
        let behind = self.behind.as_ref().map(|behind| *behind.borrow());
        // Nothing is known of what was never heard, and of how old it is where a clock was put back.
        let heard = behind.filter(|behind| behind.heard.is_some() && behind.stored.is_some());
        let known = heard.filter(|behind| behind.is_known);
        Protection {
            cluster: cluster.clone(),
            duty: self.duty.clone(),
            at_risk_ms: known.map(|behind| millis(behind.at_risk(now))),
            silent_ms: behind.and_then(|behind| behind.silent(now)).map(millis),
            waiting_revisions: heard.map_or(0, |behind| behind.revisions()),
            failures: behind.map_or(0, |behind| behind.failures),
            timeline: behind.map_or(0, |behind| behind.timeline),
            stored: behind.and_then(|behind| behind.stored),
            newest: self.newest.clone(),
            proof: self.proof.clone(),
            judged: self.judged,
            lacks: self.lacks.clone(),
            untested: self.untested.clone(),
            warnings: self.warnings.clone(),
            following: self.following.clone(),
            troubles: self.troubles.clone(),
        }
    }
}

impl Board {
    pub(crate) fn new(say: Say) -> Self {
        Self {
            clusters: Arc::default(),
            copies: Arc::default(),
            channels: Arc::default(),
            say,
        }
    }

    /// Changes what is known of a cluster.
    pub(crate) fn change<T>(&self, cluster: &Name, change: impl FnOnce(&mut Entry) -> T) -> T {
        // Entries are replaced field by field, so a panic elsewhere leaves nothing half done.
        let mut entries = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        change(entries.entry(cluster.clone()).or_default())
    }

    /// Forgets a cluster that is no longer protected here.
    pub(crate) fn forget(&self, cluster: &Name) {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner).remove(cluster);
    }

    /// Notes a trouble, or that it is over, and says so when it changes.
    pub(crate) fn trouble(&self, cluster: &Name, about: &str, trouble: Option<&Trouble>) {
        let told = trouble.map(|trouble| Told {
            code: trouble.code.to_string(),
            text: text(trouble),
            next: trouble.hint.clone(),
        });
        let changed = self.change(cluster, |entry| match &told {
            Some(told) => entry
                .troubles
                .insert(about.to_owned(), told.clone())
                .is_none_or(|was| was.text != told.text),
            None => entry.troubles.remove(about).is_some(),
        });
        match (changed, told) {
            (true, Some(told)) => self.say.line(Line::warn(told.text).of(cluster).about(about)),
            (true, None) => self.say.line(Line::info("all is well again").of(cluster).about(about)),
            (false, _) => {}
        }
    }

    pub(crate) fn say(&self, cluster: &Name, text: &str) {
        self.say.line(Line::info(text).of(cluster));
    }

    /// How the channels are by which people are told.
    pub(crate) fn channels(&self) -> Vec<ChannelState> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes how they are.
    pub(crate) fn set_channels(&self, channels: Vec<ChannelState>) {
        *self.channels.lock().unwrap_or_else(PoisonError::into_inner) = channels;
    }

    /// Changes what is known of a copy of a repository.
    pub(crate) fn copy(&self, copy: &Name, of: &Name, change: impl FnOnce(&mut Copied)) {
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = copies
            .entry(copy.clone())
            .or_insert_with(|| Copied { of: of.clone(), lag: None, trouble: None });
        change(entry);
    }

    /// Notes what is wrong with a copy, or that nothing is, and says so when it changes.
    pub(crate) fn copy_trouble(&self, copy: &Name, of: &Name, trouble: Option<String>) {
        let mut changed = false;
        self.copy(copy, of, |entry| {
            changed = entry.trouble != trouble;
            entry.trouble.clone_from(&trouble);
        });
        match (changed, trouble) {
            (true, Some(trouble)) => (self.say)(&format!("copy {copy}: {trouble}")),
            (true, None) => (self.say)(&format!("copy {copy}: all is well again")),
            (false, _) => {}
        }
    }

    /// The copies of repositories.
    pub(crate) fn copying(&self) -> Vec<Copying> {
        let now = ambient::uptime();
        let copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        let copying = copies.iter().map(|(name, copied)| Copying {
            repository: name.clone(),
            of: copied.of.clone(),
            lag: copied.lag.map(|(lag, _)| lag),
            ago_ms: copied.lag.map_or(0, |(_, at)| millis(now.saturating_sub(at))),
        });
        copying.collect()
    }

    /// What is wrong with copies of repositories and with channels, in words.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let channels = self.channels();
        let channels = channels
            .iter()
            .filter_map(|it| Some(format!("notify {}: {}", it.name, it.trouble.as_ref()?)));
        self.copy_troubles().into_iter().chain(channels).collect()
    }

    fn copy_troubles(&self) -> Vec<String> {
        let copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        copies
            .iter()
            .filter_map(|(name, copied)| Some(format!("copy {name}: {}", copied.trouble.as_ref()?)))
            .collect()
    }

    /// What is known of each cluster.
    pub(crate) fn reports(&self) -> Vec<Protection> {
        let now = ambient::monotonic();
        let entries = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(|(cluster, entry)| entry.report(cluster, now)).collect()
    }
}

/// The object and the reasons, in one line.
pub(crate) fn text(trouble: &Trouble) -> String {
    let mut text = trouble.message.clone();
    for cause in &trouble.causes {
        text += &format!(": {cause}");
    }
    text
}
