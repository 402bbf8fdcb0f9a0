//! `manifests.apply`: applies manifests on the server, prunes, and waits until what they make is ready.

use super::{At, Names};
use crate::action::{Action, ApplyManifests};
use crate::hand::{ByHand, Look, Undo};
use crate::{NoPlan, Step};
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// Files and directories.
    files: Names,
    /// The host whose API server is asked; without this, the cluster's first.
    on: Option<String>,
    /// Whether what this step applied before and no longer has is deleted.
    #[serde(default)]
    prune: bool,
    /// Whether it waits until workloads are ready.
    #[serde(default = "yes")]
    wait: bool,
}

fn yes() -> bool {
    true
}

pub(super) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let Settings { files, on, prune, wait } = at.settings()?;
    let host = at.serving(on.as_deref())?;
    let files = files.all();
    let named: String = files.iter().map(|file| format!(" -f {file}")).collect();
    let kubectl = format!("kubectl --kubeconfig {}", at.kubeconfig(&host));
    let mut step = Step::new(
        at.id(),
        Action::ApplyManifests(ApplyManifests {
            host: host.clone(),
            distribution: at.scene.distribution,
            files: files.iter().map(PathBuf::from).collect(),
            prune,
            wait,
        }),
    );
    step.what = at.what().to_owned();
    step.by_hand = ByHand::here([format!(
        "{kubectl} apply --server-side --force-conflicts --field-manager lifeboat{named}"
    )]);
    step.check = Look::new(
        ByHand::here([format!("{kubectl} get{named}")]),
        "all of it is there, and workloads are ready",
    );
    step.undo = Undo::Lines(ByHand::act(
        "Delete what the step made anew: the run's outcome names it. What it changed stays as it is.",
    ));
    step.timeout_s = 300;
    step.attempts = 3;
    Ok(vec![step])
}
