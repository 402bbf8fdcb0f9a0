//! Which files of a host belong to what is wanted: found in rounds, since symbolic links lead on to paths that were not asked
//! for. [`Gathering`] decides, [`gather`] asks the host.

use super::listing::{Ask, Kind, Listing, Stat, list};
use super::pattern::{Pattern, above};
use super::sets::Need;
use super::tree::{LINKS_MAX, joined, resolved};
use super::wanted::Wanted;
use crate::Error;
use cluster::Host;
use std::collections::{BTreeMap, BTreeSet};

/// How often a host is asked. Links to links need one more each.
const ROUNDS_MAX: usize = 12;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gathered {
    /// What is wanted, by its path without links; whether it was asked for, or is above what was.
    pub(super) found: BTreeMap<String, (Stat, Asked)>,
    /// For each wanted item, by its place among them, the paths without links at which it was found.
    pub(super) at: Vec<BTreeSet<String>>,
    /// Names that are no text.
    pub(super) odd: Vec<String>,
    /// Whether the host has SELinux.
    pub(super) labels: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Yes,
    Above,
}

/// Finds what is `wanted` on `host`.
pub(super) async fn gather(host: &Host, wanted: &Wanted) -> Result<Gathered, Error> {
    let items = wanted.items.iter();
    let mut gathering = Gathering::new(items.map(|(pattern, item)| (pattern.clone(), item.need)));
    for _ in 0..ROUNDS_MAX {
        let asks = gathering.asks();
        if asks.is_empty() {
            return Ok(gathering.gathered());
        }
        gathering.heard(&asks, list(host, &asks, wanted.selinux).await?);
    }
    Err(Error::Unusable {
        host: host.name().to_owned(),
        path: gathering
            .asks()
            .first()
            .map_or_else(String::new, |ask| ask.pattern.as_str().to_owned()),
        reason: "symbolic links lead on and on".to_owned(),
    })
}

/// Where an item is looked for: as it was wanted, or where links lead.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Root {
    item: usize,
    pattern: Pattern,
    /// How many links led here.
    links: usize,
}

#[derive(Debug, Default)]
pub(super) struct Gathering {
    roots: Vec<Root>,
    items: usize,
    listing: Listing,
    asked: BTreeSet<(String, bool)>,
}

impl Gathering {
    pub(super) fn new(items: impl Iterator<Item = (Pattern, Need)>) -> Self {
        let roots: Vec<Root> = items
            .enumerate()
            .map(|(item, (pattern, _))| Root { item, pattern, links: 0 })
            .collect();
        Self { items: roots.len(), roots, ..Self::default() }
    }

    /// What the host has to be asked next; nothing when all is known.
    pub(super) fn asks(&mut self) -> Vec<Ask> {
        self.follow();
        let mut asks = Vec::new();
        for root in &self.roots {
            let whole = (root.pattern.as_str().to_owned(), true);
            if !self.asked.contains(&whole) {
                asks.push(Ask { pattern: root.pattern.clone(), whole: true });
            }
        }
        let matches = self.matches().into_iter().map(|(_, path)| path);
        let fixed = self.roots.iter().map(|root| root.pattern.fixed().to_owned());
        let directories: BTreeSet<String> = matches
            .chain(fixed)
            .flat_map(|path| [&*path].into_iter().chain(above(&path)).map(str::to_owned).collect::<Vec<_>>())
            .filter(|path| !path.is_empty() && !self.asked.contains(&(path.clone(), false)))
            .collect();
        let directories = directories.into_iter().filter(|path| !self.listing.stats.contains_key(path));
        asks.extend(directories.map(|path| Ask { pattern: Pattern::exactly(&path), whole: false }));
        asks.dedup();
        asks
    }

    /// What the host has said to that.
    pub(super) fn heard(&mut self, asks: &[Ask], listing: Listing) {
        self.asked
            .extend(asks.iter().map(|ask| (ask.pattern.as_str().to_owned(), ask.whole)));
        self.listing.labels |= listing.labels;
        self.listing.odd.extend(listing.odd);
        self.listing.stats.extend(listing.stats);
    }

    fn link(&self, path: &str) -> Option<String> {
        match &self.listing.stats.get(path)?.kind {
            Kind::Link(to) => Some(to.clone()),
            _ => None,
        }
    }

    /// The link that is nearest to the root among the directories above a path.
    fn link_above(&self, path: &str) -> Option<(String, String)> {
        let above: Vec<&str> = above(path).collect();
        above.into_iter().rev().find_map(|at| Some((at.to_owned(), self.link(at)?)))
    }

    /// Adds roots where links lead.
    fn follow(&mut self) {
        let mut next = 0;
        while let Some(root) = self.roots.get(next).cloned() {
            next += 1;
            if root.links == LINKS_MAX {
                continue;
            }
            let mut onwards = Vec::new();
            // The fixed part of a glob is a directory, and may be a link itself.
            let fixed = root.pattern.fixed();
            let among = if root.pattern.is_glob() {
                format!("{fixed}/*")
            } else {
                fixed.to_owned()
            };
            if let Some((at, to)) = self.link_above(&among) {
                onwards.extend(root.pattern.moved(&at, &joined(&at, &to)));
            } else {
                for path in self.matches_of(&root.pattern) {
                    let onward = match (self.link_above(&path), self.link(&path)) {
                        (Some((at, to)), _) => joined(&at, &to) + &path[at.len()..],
                        (None, Some(to)) => joined(&path, &to),
                        (None, None) => continue,
                    };
                    // A link to the root asks for everything there is.
                    onwards.extend((!onward.is_empty()).then(|| Pattern::exactly(&onward)));
                }
            }
            for pattern in onwards {
                if !self.roots.iter().any(|it| it.item == root.item && it.pattern == pattern) {
                    self.roots.push(Root { item: root.item, pattern, links: root.links + 1 });
                }
            }
        }
    }

    fn matches_of(&self, pattern: &Pattern) -> Vec<String> {
        if !pattern.is_glob() {
            return self
                .listing
                .stats
                .get_key_value(pattern.as_str())
                .map(|(path, _)| path.clone())
                .into_iter()
                .collect();
        }
        self.listing
            .stats
            .keys()
            .filter(|path| pattern.matches(path))
            .cloned()
            .collect()
    }

    /// Items and the paths at which they are.
    fn matches(&self) -> Vec<(usize, String)> {
        let of = |root: &Root| {
            self.matches_of(&root.pattern)
                .into_iter()
                .map(|path| (root.item, path))
                .collect::<Vec<_>>()
        };
        self.roots.iter().flat_map(of).collect()
    }

    pub(super) fn gathered(&self) -> Gathered {
        let real: BTreeMap<&String, &Stat> = self
            .listing
            .stats
            .iter()
            .filter(|(path, _)| self.link_above(path).is_none())
            .collect();
        let mut gathered = Gathered {
            at: vec![BTreeSet::new(); self.items],
            odd: self.listing.odd.clone(),
            labels: self.listing.labels,
            ..Gathered::default()
        };
        let add = |gathered: &mut Gathered, path: &String, asked| {
            let Some(stat) = real.get(path) else { return };
            gathered.found.entry(path.clone()).or_insert_with(|| ((*stat).clone(), asked));
        };
        let mut reached = BTreeSet::new();
        for (item, path) in self.matches() {
            if let Some(at) = resolved(&path, |path| self.link(path)) {
                gathered.at[item].extend(real.contains_key(&at).then_some(at));
            }
            reached.insert(path);
        }
        for path in &reached {
            add(&mut gathered, path, Asked::Yes);
            let below = format!("{path}/");
            for (path, _) in real
                .range::<&String, _>(&below..)
                .take_while(|(path, _)| path.starts_with(&below))
            {
                add(&mut gathered, path, Asked::Yes);
            }
        }
        // Also above where links lead on the way, which nothing of the set may lie below.
        for path in &reached {
            for directory in above(path).map(str::to_owned) {
                add(&mut gathered, &directory, Asked::Above);
            }
        }
        gathered
    }
}
