//! `infra.apply`: makes infrastructure, by the real OpenTofu, where the run is carried out.
//!
//! What OpenTofu 1.12 does when it is killed, tried: the state is written at most every 20 s, not atomically, and the first write of an empty
//! state forgets all but the newest resource. So the state is written once before anything is made (`apply -refresh-only`), and a copy of it
//! is kept beside it; a plan is made anew each time, since one that is older than the state is refused.

use super::{Carry, Context, done};
use crate::Trouble;
use async_trait::async_trait;
use cluster::{Host, quoted};
use engine::Performed;
use estate::Kind;
use plan::ApplyInfra;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    /// What later steps ask for. Those that the module calls sensitive are left out.
    outputs: Map<String, Value>,
    /// How many resources were made, changed and destroyed.
    changes: String,
}

const NOTHING: &str = "nothing was to be changed";

#[async_trait]
impl Carry for ApplyInfra {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        let here = Host::local("this machine");
        context.inside.point();
        let each = |line: &str| context.inside.say(line);
        let script = format!(
            "{}
             [ -e {kept} ] || if [ -s terraform.tfstate ]; then cp -p terraform.tfstate {kept}; else : >{kept}; fi
             tofu init -input=false -no-color >/dev/null
             tofu apply -refresh-only -auto-approve -input=false -no-color >/dev/null
             code=0; tofu plan -detailed-exitcode -input=false -no-color -out=lifeboat.plan || code=$?
             [ $code != 1 ] || exit 1
             [ $code = 0 ] || tofu apply -input=false -no-color lifeboat.plan
             rm -f lifeboat.plan",
            within(self, context),
            kept = kept(context),
        );
        let said = here
            .watch("making infrastructure by OpenTofu", &script, context.limit, &each)
            .await?;
        context.inside.point();
        let script = format!("{}\ntofu output -json -no-color", within(self, context));
        let told = here
            .run("reading outputs of OpenTofu", &script, Duration::from_secs(60))
            .await?;
        let outputs = outputs(&told).map_err(|why| {
            Trouble::new(
                "LB0814",
                Kind::Invalid,
                format!("the outputs of {} cannot be read: {why}", self.directory.display()),
            )
        })?;
        let changes = said.lines().rev().find(|line| line.starts_with("Apply complete!"));
        let changes = changes.map_or_else(|| NOTHING.to_owned(), str::to_owned);
        done(Done { outputs, changes })
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let here = Host::local("this machine");
        let script = format!(
            "{}\ncode=0; tofu plan -detailed-exitcode -input=false -no-color >/dev/null || code=$?; echo $code",
            within(self, context)
        );
        let said = here.run("asking OpenTofu", &script, context.limit / 2).await?;
        match said.trim() {
            "0" => Ok("all is as its module says".to_owned()),
            _ => {
                let message = format!("what {} describes is not all there", self.directory.display());
                Err(Trouble::new("LB0814", Kind::Person, message).hint("tofu plan, in that directory"))
            }
        }
    }

    async fn undo(&self, context: &Context<'_>, done: Option<&Value>) -> Result<Value, Trouble> {
        if done.is_some_and(|done| done["changes"] == NOTHING) {
            return Ok(json!({ "none": "it was as it is before" }));
        }
        if !self.destroy {
            return super::undo_typed(context).await;
        }
        let here = Host::local("this machine");
        let script = format!(
            "{}
             if [ ! -e {kept} ]; then echo never; elif [ -s {kept} ]; then tofu state list -state={kept}; fi",
            within(self, context),
            kept = kept(context),
        );
        let before = here.run("reading what was there before", &script, context.limit).await?;
        match before.trim() {
            "" => {}
            "never" => return Ok(json!({ "none": "it was never begun" })),
            // Destroying would take away what this run did not make.
            there => {
                let message = format!(
                    "{} described infrastructure before the run: {}",
                    self.directory.display(),
                    there.lines().collect::<Vec<_>>().join(", ")
                );
                return Err(Trouble::new("LB0814", Kind::Person, message).hint(format!(
                    "the state as it was lies in {}, beside the module: tofu plan there says what differs\nlifeboat run undo {} --leave {} --because 'done by hand'",
                    kept(context),
                    context.typed,
                    context.step.id
                )));
            }
        }
        let each = |line: &str| context.inside.say(line);
        let script = format!("{}\ntofu destroy -auto-approve -input=false -no-color", within(self, context));
        here.watch("destroying infrastructure by OpenTofu", &script, context.limit, &each)
            .await?;
        Ok(json!({ "destroyed": self.directory }))
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        let here = Host::local("this machine");
        // In a copy, so that not even a lock file is made.
        let script = format!(
            "{}
             d=$(mktemp -d); trap 'rm -rf \"$d\"' EXIT; cp -a . \"$d/\"; cd \"$d\"
             tofu init -input=false -no-color >/dev/null
             tofu plan -input=false -no-color | tail -n 20",
            within(self, context)
        );
        let said = here.run("asking OpenTofu", &script, context.limit).await?;
        Ok(said.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect())
    }
}

/// Where the state as it was before the run is kept, beside the module; empty when there was none. Not by the run's number: each directory
/// with a journal has a run 0.
fn kept(context: &Context<'_>) -> String {
    format!("terraform.tfstate.lifeboat-{}", context.made.strftime("%Y%m%dT%H%M%SZ"))
}

/// In the module's directory, with its variables, without a terminal.
fn within(it: &ApplyInfra, context: &Context<'_>) -> String {
    let directory = context.world.path(&it.directory);
    let variables = it.variables.iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("export TF_VAR_{name}={}\n", quoted(&text))
    });
    format!(
        "cd {}\nexport TF_IN_AUTOMATION=1 TF_INPUT=0 CHECKPOINT_DISABLE=1\n{}",
        quoted(&directory.display().to_string()),
        variables.collect::<String>()
    )
}

/// The values of `tofu output -json`.
fn outputs(told: &str) -> Result<Map<String, Value>, String> {
    let all: Map<String, Value> = serde_json::from_str(told).map_err(|error| error.to_string())?;
    let open = all.into_iter().filter(|(_, output)| output["sensitive"] != true);
    Ok(open.map(|(name, output)| (name, output["value"].clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_values_and_secrets_stay_where_they_are() {
        let told = r#"{"address":{"sensitive":false,"type":"string","value":"10.1.1.1"},"key":{"sensitive":true,"type":"string","value":"hunter2"}}"#;
        assert_eq!(Value::Object(outputs(told).unwrap()), json!({ "address": "10.1.1.1" }));
        assert_eq!(outputs("{}").unwrap(), Map::new());
        assert!(outputs("Error").is_err());
    }
}
