//! Keeps a cluster changing at a steady rate.

use super::change::{Dealer, Population};
use super::pace::Pace;
use super::work::{Outcome, Work};
use cluster::{Client, Error};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::pin::pin;
use std::time::{Duration, Instant};

/// Changes under way at once, at most.
const IN_FLIGHT_MAX: usize = 64;

/// How often progress is told.
const REPORT: Duration = Duration::from_secs(1);

/// How long changes under way at the end may take to finish.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// How to change a cluster.
#[derive(Debug)]
pub struct Churn<F> {
    /// Objects that stand at any time, events not counted.
    pub objects: usize,
    /// Changes per second.
    pub rate: f64,
    /// Where everything about the changes comes from but their times. Two runs with one seed change the same objects.
    pub seed: u64,
    /// How long, from when the population stands; `None` for as long as `stop` lets it.
    pub duration: Option<Duration>,
    /// Ends the run when it completes; `std::future::pending()` never does.
    pub stop: F,
}

/// What a run has done so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Churned {
    /// Changes that the API server has confirmed.
    pub done: u64,
    /// Changes given up after several attempts, or unfinished at the end.
    pub failed: u64,
    /// Requests that failed, repeated or not.
    pub errors: u64,
    /// Changes left out because the cluster was more than a second behind.
    pub missed: u64,
    /// How long the run has lasted.
    pub elapsed: Duration,
    /// The longest that a change took, its repetitions included.
    pub slowest: Duration,
    /// The highest resourceVersion in any answer: the cluster's state has come at least this far.
    pub resource_version: u64,
    /// Why the latest failed request failed.
    pub last_error: Option<String>,
}

impl Churned {
    /// Changes per second, achieved.
    pub fn rate(&self) -> f64 {
        self.done as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    fn add(&mut self, outcome: Outcome) {
        if outcome.confirmed {
            self.done += 1;
        } else {
            self.failed += 1;
        }
        self.errors += outcome.errors;
        self.slowest = self.slowest.max(outcome.took);
        self.resource_version = self.resource_version.max(outcome.resource_version);
        if outcome.last_error.is_some() {
            self.last_error = outcome.last_error;
        }
    }
}

/// Sets up a population in the namespace `churn-SEED` (and the definitions of [`super::objects`]), then changes it: about 40 %
/// lease renewals, 30 % status updates, 20 % creations and deletions, 10 % events. Goes on while the API server is away, and
/// when a restore has taken its objects; returns only at the end. `on_progress` is called about every second.
///
/// # Errors
/// Only before the first change: when the population is refused. While the API server does not answer at all, it waits for
/// it until `stop`, or for `duration`.
pub async fn churn<F: Future<Output = ()>>(
    client: &Client,
    churn: Churn<F>,
    mut on_progress: impl FnMut(&Churned),
) -> Result<Churned, Error> {
    let mut stop = pin!(churn.stop);
    let population = Population::of(churn.objects);
    let work = Work::new(client, churn.seed);
    let mut so_far = Churned::default();

    let begun = ambient::monotonic();
    let stands = tokio::select! {
        biased;
        () = &mut stop => false,
        stands = set_up(&work, population, &mut so_far) => { stands?; true }
        () = limit(churn.duration) => false,
    };
    if !stands {
        so_far.elapsed = begun.elapsed();
        return Ok(so_far);
    }

    let start = ambient::monotonic();
    let end = churn.duration.map(|duration| start + duration);
    let mut report = start + REPORT;
    let mut pace = Pace::new(start, churn.rate);
    let mut dealer = Dealer::new(churn.seed, population);
    let mut running = FuturesUnordered::new();
    loop {
        let now = ambient::monotonic();
        if now >= report {
            so_far.elapsed = now - start;
            on_progress(&so_far);
            report = now + REPORT;
        }
        if end.is_some_and(|end| now >= end) {
            break;
        }
        so_far.missed += pace.catch_up(now);
        let full = running.len() >= IN_FLIGHT_MAX;
        if !full && now >= pace.due() {
            running.push(work.perform(dealer.next()));
            pace.advance();
            continue;
        }
        let wake = [Some(report), end, (!full).then(|| pace.due())]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(report);
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(outcome) = running.next(), if !running.is_empty() => so_far.add(outcome),
            () = ambient::sleep(wake - now) => {}
        }
    }
    so_far.elapsed = start.elapsed();
    drain(running, &mut so_far).await;
    on_progress(&so_far);
    Ok(so_far)
}

/// Lets what is under way finish, within limits.
async fn drain(mut running: FuturesUnordered<impl Future<Output = Outcome>>, so_far: &mut Churned) {
    let end: Instant = ambient::monotonic() + DRAIN_LIMIT;
    while !running.is_empty() {
        let left = end.saturating_duration_since(ambient::monotonic());
        tokio::select! {
            biased;
            Some(outcome) = running.next() => so_far.add(outcome),
            () = ambient::sleep(left) => break,
        }
    }
    so_far.failed += running.len() as u64;
}

/// Makes the population, as often as it takes while the API server does not answer.
async fn set_up(work: &Work<'_>, population: Population, so_far: &mut Churned) -> Result<(), Error> {
    loop {
        match work.set_up(population).await {
            Err(error) if error.kind() == estate::Kind::Unreachable => {
                so_far.errors += 1;
                so_far.last_error = Some(error.to_string());
                ambient::sleep(REPORT).await;
            }
            other => return other,
        }
    }
}

async fn limit(duration: Option<Duration>) {
    match duration {
        Some(duration) => ambient::sleep(duration).await,
        None => std::future::pending().await,
    }
}
