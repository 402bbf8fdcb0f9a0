//! `helm.install`: installs or upgrades a release, by the real Helm.

use super::At;
use crate::action::{Action, InstallHelm};
use crate::hand::{ByHand, Look, Undo};
use crate::playbook::Which;
use crate::{NoPlan, Step};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// The release.
    release: String,
    /// The chart.
    chart: String,
    /// Its namespace.
    #[serde(default = "default_namespace")]
    namespace: String,
    /// The chart's version, where it is not a file.
    version: Option<String>,
    /// Values.
    #[serde(default)]
    values: Map<String, Value>,
    /// A file of values.
    values_file: Option<PathBuf>,
    /// The host whose API server is asked; without this, the cluster's first.
    on: Option<String>,
}

fn default_namespace() -> String {
    "default".to_owned()
}

pub(super) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let Settings { release, chart, namespace, version, values, values_file, on } = at.settings()?;
    let host = at.serving(on.as_deref())?;
    let name =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    for (key, text) in [("release", &release), ("namespace", &namespace)] {
        if !name(text) {
            let message = format!("{text:?} is no name that Kubernetes takes");
            return Err(at.wrong(Which::Settings, Some(key), message, "small letters, digits and -"));
        }
    }
    let helm = |words: &str| format!("helm {words} -n {namespace} --kubeconfig {}", at.kubeconfig(&host));
    let mut install = helm(&format!("upgrade --install {release} '{}'", chart.replace('\'', "")));
    install += " --create-namespace --wait";
    if let Some(version) = &version {
        install += &format!(" --version '{}'", version.replace('\'', ""));
    }
    if let Some(file) = &values_file {
        install += &format!(" -f '{}'", file.display());
    }
    if !values.is_empty() {
        let values = Value::Object(values.clone()).to_string().replace('\'', "'\\''");
        install += &format!(" -f <(printf '%s' '{values}')");
    }
    let (look, back) = (helm(&format!("status {release}")), helm(&format!("rollback {release} --wait")));
    let gone = helm(&format!("uninstall {release} --wait"));
    let mut step = Step::new(
        at.id(),
        Action::InstallHelm(InstallHelm {
            host: host.clone(),
            distribution: at.scene.distribution,
            release,
            namespace,
            chart,
            version,
            values,
            values_file,
        }),
    );
    step.what = at.what().to_owned();
    step.by_hand = ByHand::here([install]);
    step.check = Look::new(ByHand::here([look]), "STATUS: deployed");
    step.undo = Undo::Lines(
        ByHand::act("If it was there before:")
            .then(ByHand::here([back]))
            .then(ByHand::act("If it was not:"))
            .then(ByHand::here([gone])),
    );
    step.timeout_s = 600;
    step.attempts = 2;
    Ok(vec![step])
}
