//! The components, a function each. Start at [`Ladder::cells`].

use super::{Cell, Gathered, ReadinessFacts, Rung, seconds};
use estate::{Cluster, Distribution, Estate, Mode, Name, Role};
use std::time::Duration;

/// A point that is older than so many of its periods was not made by itself.
const PERIODS: u32 = 4;
/// A proof is repeated; one that is older than so many of its periods says nothing of today.
const PROOFS: u32 = 6;
/// A state that lacks no more than this is ready.
const READY_REVISIONS: u64 = 1000;
/// A copy that is no further behind is kept all the time.
const CURRENT: Duration = Duration::from_mins(5);

const DRILL: &str = "a drill has to show it, and there are none yet";
const BY_HAND: &str = "a step that does it: kind script, or Lifeboat's own kind";

/// What one cluster's cells are made from.
pub(super) struct Ladder<'a> {
    estate: &'a Estate,
    name: &'a Name,
    of: &'a Cluster,
    facts: &'a ReadinessFacts,
    home: Option<&'a Name>,
}

/// What a cell says besides its component.
type Said = (Rung, String, String);

impl<'a> Ladder<'a> {
    pub(super) fn new(estate: &'a Estate, name: &'a Name, of: &'a Cluster, facts: &'a ReadinessFacts) -> Self {
        Self { estate, name, of, facts, home: estate.home_of(of) }
    }

    pub(super) fn cells(&self) -> Vec<Cell> {
        let cell = |component, (level, why, next): Said| Cell { component, level, why, next };
        vec![
            cell("etcd", self.etcd()),
            cell("state file", self.state_file()),
            cell("configuration", self.files()),
            cell("certificates, tokens, keys", self.files()),
            cell("persistent volumes", nobody_looks("volumes")),
            cell("container images", nobody_looks("images")),
            cell("nodes", self.nodes()),
            cell("load balancers", self.load_balancers()),
            cell("copies at the DR site", self.copies()),
            cell("manifests, Helm releases", self.manifests()),
            cell("DNS", self.dns()),
            cell("procedures", self.procedures()),
            cell("management cluster", self.management()),
        ]
    }

    /// Backups by themselves, restored by Lifeboat, or kept ready elsewhere.
    fn etcd(&self) -> Said {
        let newest = match &self.facts.newest {
            Err(why) => return unknown(why),
            Ok(None) => return level(0, "there is no point of it", "lifeboat serve, on a host that protects it"),
            Ok(Some(newest)) => newest,
        };
        let every = *self.of.protect.every;
        let age = seconds(newest.age);
        if newest.age > every.saturating_mul(PERIODS) {
            let why = format!("the newest point is {age} old, and one is due every {}", seconds(every));
            return level(0, why, "points by themselves: lifeboat status says what stops them");
        }
        let made = format!("a point every {}, the newest {age} old", seconds(every));
        match &self.facts.proven {
            Err(why) => return level(1, made, format!("a proof; whether there is one is not known: {why}")),
            Ok(None) => return level(1, made, "a proof of the history by etcd's own hash"),
            Ok(Some(age)) if *age > self.of.protect.etcd.prove.saturating_mul(PROOFS) => {
                let why = format!("{made}; the newest proof is {} old", seconds(*age));
                return level(1, why, "a proof that is young: lifeboat status says what stops them");
            }
            Ok(Some(_)) => {}
        }
        if self.of.standby.is_none() {
            return level(1, format!("{made}, proven"), "a standby, at which a run restores it");
        }
        let next = match self.ready_elsewhere() {
            Ok(host) => format!("a failover without a restore: what {host} keeps ready is not promoted by one yet"),
            Err(lacking) => lacking,
        };
        level(2, format!("{made}, proven, restored by a run"), next)
    }

    /// A host at another site with the newest state, or what is missing for that.
    fn ready_elsewhere(&self) -> Result<&'a Name, String> {
        let away = |host: &Name| self.estate.site_of_host(host).is_some_and(|site| Some(site) != self.home);
        let mut lacking = "protect.follow: a host at another site that keeps the newest state".to_owned();
        for (host, state) in self.facts.followers.iter().filter(|(host, _)| away(host)) {
            match state {
                Ok(follower) if follower.behind.is_some_and(|behind| behind <= READY_REVISIONS) => return Ok(host),
                Ok(follower) => {
                    let far = follower
                        .behind
                        .map_or("nobody knows how far".to_owned(), |n| format!("{n} revisions"));
                    lacking = format!("what {host} keeps is behind: {far}");
                }
                Err(why) => lacking = format!("how far {host} is; that is not known: {why}"),
            }
        }
        Err(lacking)
    }

    /// Whether a playbook says how a person does such a step: by hand, from the runbook.
    fn is_written(&self, kinds: &[&str]) -> bool {
        let mut steps = self.estate.playbooks.values().flat_map(|playbook| &playbook.steps);
        steps.any(|step| step.kind.as_ref().is_some_and(|kind| kinds.contains(&kind.as_str())))
    }

    fn state_file(&self) -> Said {
        match self.of.distribution.as_deref() {
            Some(Distribution::Rke1) => self.files(),
            None => unknown("the estate does not say how it was installed"),
            Some(_) => not_needed("only RKE1 has one"),
        }
    }

    /// What of the hosts' files is in the points.
    fn files(&self) -> Said {
        let newest = match &self.facts.newest {
            Err(why) => return unknown(why),
            Ok(None) => return level(0, "there is no point of it", "lifeboat serve, on a host that protects it"),
            Ok(Some(newest)) => newest,
        };
        match newest.files {
            None => return unknown("the newest point cannot be opened here"),
            Some(false) => return level(0, "no files are in the newest point", "hosts of the cluster in the estate"),
            Some(true) => {}
        }
        match &self.facts.lacks {
            Err(why) => unknown(&format!("whether the set is complete is not known: {why}")),
            Ok(lacks) => match lacks.first() {
                Some(first) => level(0, format!("the set lacks {}", lacks.len()), first.clone()),
                None if self.of.standby.is_some() => match self.away() {
                    Ok(why) => level(2, format!("complete, put back by a run; {why}"), format!("3: {DRILL}")),
                    Err(lacking) => level(1, "in every point, complete", lacking),
                },
                None => level(1, "in every point, complete", "a standby, at which a run puts them back"),
            },
        }
    }

    fn nodes(&self) -> Said {
        let Some(standby) = &self.of.standby else {
            return level(0, "nothing stands ready elsewhere", "a standby");
        };
        match &self.facts.unfit {
            Err(why) => unknown(why),
            Ok(unfit) => match unfit.first() {
                None => level(
                    1,
                    format!("{} stands ready", standby.host),
                    "hosts made on demand by a step: kind infra.apply".to_owned(),
                ),
                Some(first) => level(0, format!("{} cannot take over", standby.host), first.clone()),
            },
        }
    }

    fn load_balancers(&self) -> Said {
        match self.is_written(&["loadbalancer.switch"]) {
            true => level(1, "a playbook says how a person switches them", BY_HAND),
            false => nobody_looks("load balancers"),
        }
    }

    /// The repository itself, or a copy of it, where the cluster is not.
    fn copies(&self) -> Said {
        match &self.facts.newest {
            Err(why) => return unknown(why),
            Ok(None) => return level(0, "there is nothing to be there", "a point"),
            Ok(Some(_)) => {}
        }
        // What was stored there once may be gone.
        if let Err(why) = &self.facts.store {
            return unknown(why);
        }
        match (self.away(), self.ready_elsewhere()) {
            (Ok(why), Ok(host)) => level(3, format!("{why}; {host} keeps the newest state ready"), ""),
            (Ok(why), Err(lacking)) => level(2, why, lacking),
            (Err(lacking), _) => self.late(lacking),
        }
    }

    /// A copy elsewhere that is not current is still a copy.
    fn late(&self, lacking: String) -> Said {
        if self.home.is_none() {
            return unknown("the estate does not say at which site the cluster is");
        }
        let mut silent = None;
        for (name, lag) in self.copies_elsewhere() {
            match lag {
                Ok(lag) => {
                    return level(
                        1,
                        format!("{name} is {} behind", seconds(Duration::from_secs(lag.seconds))),
                        lacking,
                    );
                }
                Err(why) => silent = Some(format!("how far {name} is, is not known: {why}")),
            }
        }
        silent.map_or_else(|| level(0, "all copies are lost with the cluster", lacking), |why| unknown(&why))
    }

    fn copies_elsewhere(&self) -> impl Iterator<Item = (&'a Name, &'a Gathered<estate::Lag>)> {
        let elsewhere = |name: &Name| {
            self.estate
                .repositories
                .get(name)
                .is_some_and(|of| Some(&*of.site) != self.home)
        };
        self.facts.copies.iter().filter(move |(name, _)| elsewhere(name))
    }

    /// Where copies are that outlive the cluster's site, or what is missing for that.
    fn away(&self) -> Result<String, String> {
        let own = &*self.of.repository;
        let at = self.estate.repositories.get(own).map(|of| &*of.site);
        let home = self
            .home
            .ok_or("clusters.NAME.site: nobody knows which site the copies must outlive")?;
        let is_directory = |name: &Name| {
            let of = self.estate.repositories.get(name);
            of.is_some_and(|of| matches!(&*of.url, estate::StoreUrl::Directory(_)))
        };
        if at.is_some_and(|site| site != home) && is_directory(own) {
            return Err(format!(
                "a bucket: {own} is a directory, and is lost with its host unless it is mounted from elsewhere"
            ));
        }
        if let Some(site) = at.filter(|site| *site != home) {
            return Ok(format!("{own} is at {site}"));
        }
        let mut current = self
            .copies_elsewhere()
            .filter(|(_, lag)| lag.as_ref().is_ok_and(|lag| lag.seconds <= CURRENT.as_secs()));
        match current.next() {
            Some((name, _)) => Ok(format!("{name} is kept as a copy of {own}")),
            None => Err("a repository at another site, or a copy of it there that is current (copyOf)".to_owned()),
        }
    }

    /// Objects of etcd, Helm's own notes among them.
    fn manifests(&self) -> Said {
        match self.etcd() {
            (Rung::Level(reached), _, _) => {
                let next = if reached < 2 {
                    "what etcd lacks".to_owned()
                } else {
                    format!("3: {DRILL}")
                };
                level(reached.min(2), "objects of etcd, which come back with it", next)
            }
            (_, why, _) => unknown(&why),
        }
    }

    fn dns(&self) -> Said {
        if self.estate.dns.is_none() {
            return match self.is_written(&["dns.switch"]) {
                true => level(1, "a playbook says how a person switches it", "dns in the estate"),
                false => unknown("the estate has no dns, so nobody knows which names move"),
            };
        }
        match (&self.of.standby, self.estate.monitor.mode) {
            (Some(_), Mode::Automatic) => level(3, "switched by a failover, which needs no person", ""),
            (Some(_), Mode::Propose) => {
                level(2, "switched by a failover that a person asks for", "monitor.mode: automatic")
            }
            (None, _) if self.is_written(&["dns.switch"]) => {
                level(1, "a playbook says how a person switches it", BY_HAND)
            }
            (None, _) => unknown("which names of it move, the estate does not say"),
        }
    }

    /// Every level asks for procedures that are tested, and only a drill could say so.
    fn procedures(&self) -> Said {
        let playbooks = &self.estate.playbooks;
        let steps = || playbooks.values().flat_map(|playbook| &playbook.steps);
        let told = steps().filter(|step| step.by_hand.is_some() && step.check.is_some()).count();
        let kit = match &self.facts.kit {
            Ok(true) => "the estate is sealed into the repository".to_owned(),
            Ok(false) => "the estate is not sealed into the repository".to_owned(),
            Err(why) => format!("whether the estate is sealed is not known: {why}"),
        };
        let written = match (playbooks.len(), steps().count()) {
            (0, _) if self.of.standby.is_some() => "the failover's steps say how a person does them".to_owned(),
            (0, _) => "the estate has no playbooks".to_owned(),
            (n, all) if all == told => format!("{n} playbooks, each step with byHand and check"),
            (n, all) => format!("{n} playbooks, {} of {all} steps without byHand or check", all - told),
        };
        (Rung::Unknown, format!("{written}; {kit}"), format!("any level: {DRILL}"))
    }

    fn management(&self) -> Said {
        match *self.of.role {
            Role::Management => {}
            Role::Downstream => {
                return match self.estate.management() {
                    Some((name, _)) => not_needed(&format!("see {name}")),
                    None => unknown("the estate has none"),
                };
            }
        }
        if self.of.standby.is_none() {
            return level(0, "it has no standby", format!("clusters.{}.standby", self.name));
        }
        match (self.etcd(), self.nodes(), self.dns()) {
            ((Rung::Level(0), why, next), _, _) | (_, (Rung::Level(0), why, next), _) => level(0, why, next),
            ((Rung::Unknown, why, _), _, _) | (_, (Rung::Unknown, why, _), _) => unknown(&why),
            (_, _, (Rung::Level(2..), _, _)) => {
                level(2, "a standby stands ready, and a run brings it up", format!("3: {DRILL}"))
            }
            _ => level(1, "a standby stands ready", "names that a run switches: dns"),
        }
    }
}

fn level(level: u8, why: impl Into<String>, next: impl Into<String>) -> Said {
    (Rung::Level(level), why.into(), next.into())
}

fn unknown(why: &str) -> Said {
    (Rung::Unknown, why.to_owned(), String::new())
}

fn not_needed(why: &str) -> Said {
    (Rung::NotNeeded, why.to_owned(), String::new())
}

fn nobody_looks(at: &str) -> Said {
    unknown(&format!("Lifeboat does not look at {at} yet"))
}
