//! Judging at the standby, and failing over when that is the verdict.

use crate::Daemon;
use crate::state::millis;
use engine::{Hooks, Point, Runner};
use estate::{Name, Report};
use failover::{Arrived, Call, Evidence, Policy, Verdict};
use plan::Plan;
use recovery::gather::{self, Because, Heard, Wanted};
use recovery::runs::{self, Run};
use recovery::{Mode, Trouble, Work};
use repository::Repository;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long another site may take to report.
const ANSWER: Duration = Duration::from_millis(1500);
/// Between two looks at the journals of runs.
pub(crate) const RUNS: Duration = Duration::from_secs(5);
/// Before a run whose step failed is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// The code of a fence that found the site alive again.
const BACK_AGAIN: &str = "LB0608";

/// Who carries out runs on `host`, in journals. One at a time on each host: the caller holds a lock.
pub fn runner(host: &str, what: &str) -> Runner {
    Runner::new(format!("{what}@{host}"))
}

/// Asks one site how it is, for as long as the daemon runs: a dead one keeps nobody waiting but this.
pub(crate) async fn hear(daemon: Arc<Daemon>, site: Name) {
    let every = *daemon.world.estate.monitor.every;
    loop {
        let asked = ambient::uptime();
        let me = daemon.site.to_string();
        let report = recovery::ask_site::<_, Report>(&daemon.world, &me, &site, "report", &(), ANSWER).await;
        let arrived = ambient::uptime();
        if let Ok(report) = report {
            daemon.state().heard.insert(site.clone(), (report, arrived));
        }
        ambient::sleep(every.saturating_sub(arrived.saturating_sub(asked))).await;
    }
}

/// Judges for as long as the daemon runs.
pub(crate) async fn decide(daemon: Arc<Daemon>) {
    let policy = Policy::from(&daemon.world.estate.monitor);
    let mut watch = Watch::default();
    loop {
        let begun = ambient::uptime();
        watch.look(&daemon).await;
        if let Some(run) = watch.mine(&daemon) {
            watch.carrying = Some(tokio::spawn(carry_out(daemon.clone(), run)));
        }
        let evidence = daemon.evidence(watch.under_way());
        if let Some(evidence) = evidence {
            let verdict = failover::decide(&policy, &evidence, ambient::now());
            daemon.tell(&verdict);
            if verdict.kind == Call::Declare {
                let declared = daemon.declare(&verdict, &mut watch).await;
                let begun = declared.is_ok();
                daemon.trouble("declaring", declared.err().map(|trouble| trouble.to_string()));
                if begun {
                    continue;
                }
            }
        }
        let spent = ambient::uptime().saturating_sub(begun);
        ambient::sleep(policy.every.saturating_sub(spent)).await;
    }
}

/// The newest run, looked at now and then.
#[derive(Default)]
struct Watch {
    repository: Option<Repository>,
    newest: Option<Run>,
    due: Duration,
    /// The run that this daemon carries out.
    carrying: Option<JoinHandle<()>>,
    /// Not before then is a run that stopped tried again.
    again: Duration,
}

impl Watch {
    async fn look(&mut self, daemon: &Daemon) {
        let now = ambient::uptime();
        if self.carrying.as_ref().is_some_and(JoinHandle::is_finished) {
            (self.carrying, self.due, self.again) = (None, Duration::ZERO, now + AGAIN);
        }
        if now < self.due {
            return;
        }
        self.due = now + RUNS;
        let read = async {
            let repository = match &self.repository {
                Some(repository) => repository.clone(),
                None => daemon.world.repository(&daemon.of.repository)?,
            };
            // Also a restore that a person has begun: nothing is decided beside it.
            let is_of_it = |plan: &Plan| plan.cluster == daemon.cluster && plan.moves_cluster();
            let newest = runs::newest(&repository, &is_of_it).await?;
            Ok::<_, Trouble>((repository, newest))
        };
        match read.await {
            Ok((repository, newest)) => {
                (self.repository, self.newest) = (Some(repository), newest);
                daemon.trouble("runs", None);
            }
            Err(trouble) => {
                self.repository = None;
                daemon.trouble("runs", Some(trouble.to_string()));
            }
        }
    }

    fn under_way(&self) -> Option<String> {
        let run = self.newest.as_ref().filter(|run| !run.ended())?;
        let runner = run.state.runner.clone().unwrap_or_default();
        Some(format!("{} of {runner}", run.number))
    }

    /// An unfinished run that this site's daemon began: a restarted daemon goes on with it.
    fn mine(&self, daemon: &Daemon) -> Option<Run> {
        let run = self.newest.as_ref().filter(|run| !run.ended())?;
        let begun_by = run.entries.first().map(|entry| entry.runner.as_str());
        let me = daemon.runner();
        let free = self.carrying.is_none() && ambient::uptime() >= self.again;
        (free && begun_by == Some(me.id.as_str())).then(|| run.clone())
    }
}

impl Daemon {
    fn runner(&self) -> Runner {
        let host = self.world.here.as_ref().map_or("unknown", Name::as_str);
        runner(host, "serve")
    }

    fn evidence(&self, run: Option<String>) -> Option<Evidence> {
        let now = ambient::uptime();
        let newest = self.state().heard.clone();
        let estate = &self.world.estate;
        let primary = estate.site_of(&self.pair.primary)?;
        let witness = estate.voters().find(|site| *site != primary && **site != self.site)?;
        let arrived = |site: &Name| {
            let (report, at) = newest.get(site)?;
            Some(Arrived {
                report: report.clone(),
                age_ms: millis(now.saturating_sub(*at)),
            })
        };
        let own = self.report();
        let reports = newest.values().map(|(report, _)| report).chain([&own]);
        let standing = reports
            .filter_map(|report| report.standing.clone())
            .max_by_key(|standing| standing.epoch);
        Some(Evidence {
            cluster: self.cluster.clone(),
            standing,
            serves: primary.clone(),
            standby: self.site.clone(),
            witness: witness.clone(),
            from_witness: arrived(witness),
            from_inside: arrived(primary),
            proven: own.proven.clone(),
            from_standby: Some(Arrived { report: own, age_ms: 0 }),
            run,
        })
    }

    /// Says a verdict when it is another kind than before.
    fn tell(&self, verdict: &Verdict) {
        let before = self.state().verdict.replace(verdict.clone());
        if before.is_none_or(|before| before.kind != verdict.kind) {
            (self.say)(&format!("verdict {}: {}", verdict.kind, verdict.reasons.join("; ")));
        }
    }

    /// The site is lost: makes the plan and begins the run.
    async fn declare(&self, verdict: &Verdict, watch: &mut Watch) -> Result<(), Trouble> {
        let repository = self.world.repository(&self.of.repository)?;
        // The newest that was opened and found sound, not just the newest.
        let proven = self.state().proven.as_ref().map(|(proven, _)| proven.id.clone());
        // What was decided from is planned from: nobody waits for the dead site once more.
        let own = self.report();
        let heard: Vec<Report> = self
            .state()
            .heard
            .values()
            .map(|(report, _)| report.clone())
            .chain([own])
            .collect();
        let heard = heard.into_iter().map(|report| Heard {
            site: report.site.clone(),
            report: Ok(report),
            at: ambient::now(),
        });
        let heard: Vec<Heard> = heard.collect();
        let because = Because::Verdict(verdict.reasons.clone());
        let wanted = proven.as_ref().map(|id| Wanted { id, accept_unsigned: false, exactly: false });
        let how = (because, &gather::Playbook::default());
        let plan = gather::plan(&self.world, &self.cluster, &repository, &heard, wanted, how).await?;
        let number = runs::begin(&repository, &plan, &self.runner()).await?;
        (self.say)(&format!("declared: {} is lost; run {number} brings {} up here", plan.from, self.cluster));
        // It is found as this site's own at the next look, which is now.
        watch.due = Duration::ZERO;
        watch.again = Duration::ZERO;
        Ok(())
    }
}

/// Carries out a run, in a task of its own: its signs of life wait for nothing here.
async fn carry_out(daemon: Arc<Daemon>, run: Run) {
    let voice = Voice(daemon.clone());
    let carried = async {
        let repository = daemon.world.repository(&daemon.of.repository)?;
        let work = Work {
            world: &daemon.world,
            repository: &repository,
            journal: &runs::InRepository { repository: &repository, run: run.number },
            number: run.number,
            typed: &run.number.to_string(),
            plan: &run.plan,
            mode: Mode::Automatic,
        };
        recovery::run(work, &daemon.runner(), &voice).await
    };
    match carried.await {
        Ok(_) => {
            (daemon.say)(&format!("run {} succeeded", run.number));
            daemon.trouble("failover", None);
        }
        Err(trouble) => {
            daemon.trouble("failover", Some(format!("run {}: {trouble}", run.number)));
            if trouble.code == BACK_AGAIN {
                let given_up = give_up(&daemon, run.number).await;
                daemon.trouble("failover", given_up.err().map(|trouble| trouble.to_string()));
            }
        }
    }
}

/// Ends a run of this daemon's own because the site that it was to replace is back.
async fn give_up(daemon: &Daemon, number: u64) -> Result<(), Trouble> {
    let repository = daemon.world.repository(&daemon.of.repository)?;
    let journal = runs::InRepository { repository: &repository, run: number };
    engine::cancel(&journal, &daemon.runner()).await?;
    (daemon.say)(&format!("run {number} is given up: the site is back"));
    Ok(())
}

/// Says in the log how a run goes.
struct Voice(Arc<Daemon>);

impl Hooks for Voice {
    fn reached(&self, point: Point) {
        if let Point::Before { step } = point {
            (self.0.say)(&format!("step {step}"));
        }
    }

    fn said(&self, step: &str, text: &str) {
        (self.0.say)(&format!("step {step}: {text}"));
    }
}
