//! `helm.install`: installs or upgrades a release, by the real Helm, where the run is carried out.
//!
//! What Helm 4 does when it is killed, tried: the release stays `pending-install`, `pending-upgrade` or `pending-rollback`, and every further
//! upgrade is refused. There is one runner of a run, so a release that is pending here has nobody: what never was is uninstalled, what was is
//! rolled back.

use super::{Carry, Context, done};
use crate::{Trouble, control_plane};
use async_trait::async_trait;
use cluster::{Host, quoted};
use engine::Performed;
use estate::{Kind, Name};
use plan::InstallHelm;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

const CALL: Duration = Duration::from_secs(60);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    revision: u64,
    /// The revision that was deployed before; none of a release that was not there.
    before: Option<u64>,
    changed: bool,
}

/// A release as `helm status` has it.
struct Release {
    revision: u64,
    status: String,
    manifest: String,
}

#[async_trait]
impl Carry for InstallHelm {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        let helm = Helm::new(self, context).await?;
        context.inside.point();
        let found = helm.status().await?;
        let before = helm.mended(found, context).await?;
        let deployed = before.as_ref().filter(|release| release.status == "deployed");
        if let Some(release) = deployed {
            let planned = helm
                .json(&format!("{} --dry-run=server -o json", helm.upgrade), context.limit / 4)
                .await?;
            if planned["manifest"].as_str() == Some(&release.manifest) {
                let revision = release.revision;
                return done(Done { revision, before: Some(revision), changed: false });
            }
        }
        context.inside.point();
        let seconds = context.limit.as_secs().saturating_sub(60).max(30);
        let wait = format!("{} --wait --timeout {seconds}s -o json", helm.upgrade);
        let made = helm.json(&wait, context.limit).await?;
        let revision = made["version"].as_u64().unwrap_or_default();
        done(Done {
            revision,
            before: before.map(|release| release.revision),
            changed: true,
        })
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let helm = Helm::new(self, context).await?;
        match helm.status().await? {
            Some(release) if release.status == "deployed" => {
                Ok(format!("release {} is deployed, revision {}", self.release, release.revision))
            }
            Some(release) => Err(failed(format!("release {} is {}", self.release, release.status))),
            None => Err(failed(format!("release {} is not there", self.release))),
        }
    }

    async fn undo(&self, context: &Context<'_>, done: Option<&Value>) -> Result<Value, Trouble> {
        let helm = Helm::new(self, context).await?;
        let Some(done) = done else {
            // What it was before, nobody has written down: it may be somebody's release of years.
            return match helm.status().await? {
                None => Ok(json!({ "none": "it is not there" })),
                Some(_) => Err(failed(format!(
                    "nobody knows whether release {} was there before step {} was broken off",
                    self.release, context.step.id
                ))
                .hint(format!(
                    "helm history says when its revisions were made\nlifeboat run resume {}: lets the step be done, and then it can be undone\nlifeboat run undo {} --leave {} --because 'done by hand'",
                    context.typed, context.typed, context.step.id
                ))),
            };
        };
        match (done["before"].as_u64(), done["changed"] != false) {
            (_, false) => Ok(json!({ "none": "it was as it is before" })),
            (Some(revision), true) => {
                helm.run(&format!("rollback {} {revision} --wait", self.release), context.limit)
                    .await?;
                Ok(json!({ "rolledBackTo": revision }))
            }
            (None, true) => {
                helm.run(&format!("uninstall {} --wait --ignore-not-found", self.release), context.limit)
                    .await?;
                Ok(json!({ "uninstalled": self.release }))
            }
        }
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        let helm = Helm::new(self, context).await?;
        let planned = helm
            .json(&format!("{} --dry-run=server -o json", helm.upgrade), context.limit)
            .await?;
        let now = helm
            .status()
            .await?
            .map_or_else(|| "is not there".to_owned(), |release| format!("is {}", release.status));
        Ok(vec![format!(
            "release {} {now}; it would be revision {}",
            self.release, planned["version"]
        )])
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

fn failed(message: String) -> Trouble {
    Trouble::new("LB0815", Kind::Person, message).hint("helm status, helm history")
}

struct Helm<'a> {
    it: &'a InstallHelm,
    here: Host,
    kubeconfig: String,
    /// All of `upgrade --install` but how it ends.
    upgrade: String,
    values: String,
}

impl<'a> Helm<'a> {
    async fn new(it: &'a InstallHelm, context: &Context<'_>) -> Result<Self, Trouble> {
        let world = context.world;
        let kubeconfig = control_plane::kubeconfig(world, &it.host, it.distribution).await?;
        let is_file = world.path(std::path::Path::new(&it.chart)).exists();
        let chart = match is_file {
            true => world.path(std::path::Path::new(&it.chart)).display().to_string(),
            false => it.chart.clone(),
        };
        let mut upgrade = format!("upgrade --install {} {} --create-namespace", quoted(&it.release), quoted(&chart));
        if let Some(version) = &it.version {
            upgrade += &format!(" --version {}", quoted(version));
        }
        if let Some(file) = &it.values_file {
            upgrade += &format!(" -f {}", quoted(&world.path(file).display().to_string()));
        }
        upgrade += " -f \"$d/values.json\"";
        let values = Value::Object(it.values.clone()).to_string();
        Ok(Self {
            it,
            here: Host::local("this machine"),
            kubeconfig,
            upgrade,
            values,
        })
    }

    async fn run(&self, words: &str, limit: Duration) -> Result<String, Trouble> {
        let script = format!(
            "d=$(mktemp -d); trap 'rm -rf \"$d\"' EXIT; trap 'exit 143' TERM
             umask 077
             printf '%s' {} >\"$d/kubeconfig\"
             printf '%s' {} >\"$d/values.json\"
             export HELM_CACHE_HOME=\"$d/cache\" HELM_CONFIG_HOME=\"$d/config\" HELM_DATA_HOME=\"$d/data\"
             helm {words} -n {} --kubeconfig \"$d/kubeconfig\"",
            quoted(&self.kubeconfig),
            quoted(&self.values),
            quoted(&self.it.namespace),
        );
        Ok(self
            .here
            .run_alone(&format!("helm for release {}", self.it.release), &script, limit)
            .await?)
    }

    async fn json(&self, words: &str, limit: Duration) -> Result<Value, Trouble> {
        let said = self.run(words, limit).await?;
        serde_json::from_str(&said)
            .map_err(|error| failed(format!("what helm says of {} cannot be read: {error}", self.it.release)))
    }

    async fn status(&self) -> Result<Option<Release>, Trouble> {
        let words = format!("status {} -o json", quoted(&self.it.release));
        let said = match self.json(&words, CALL).await {
            Ok(said) => said,
            Err(trouble) if trouble.message.contains("not found") => return Ok(None),
            Err(trouble) => return Err(trouble),
        };
        Ok(Some(Release {
            revision: said["version"].as_u64().unwrap_or_default(),
            status: said["info"]["status"].as_str().unwrap_or_default().to_owned(),
            manifest: said["manifest"].as_str().unwrap_or_default().to_owned(),
        }))
    }

    /// A release that a killed Helm has left is brought to where it can be upgraded.
    async fn mended(&self, found: Option<Release>, context: &Context<'_>) -> Result<Option<Release>, Trouble> {
        let Some(release) = found else { return Ok(None) };
        let name = quoted(&self.it.release);
        match release.status.as_str() {
            "pending-install" | "uninstalling" => {
                context.inside.say(&format!(
                    "release {} is {}, and nobody is at work on it: it is uninstalled",
                    self.it.release, release.status
                ));
                self.run(&format!("uninstall {name} --wait"), context.limit / 2).await?;
                Ok(None)
            }
            "pending-upgrade" | "pending-rollback" => {
                context.inside.say(&format!(
                    "release {} is {}, and nobody is at work on it: it is rolled back",
                    self.it.release, release.status
                ));
                self.run(&format!("rollback {name} --wait"), context.limit / 2).await?;
                self.status().await
            }
            _ => Ok(Some(release)),
        }
    }
}
