//! `script`: a shell script on a host, or where the run is carried out. Its output is shown as it comes, and kept.

use super::{Carry, Context, done};
use crate::Trouble;
use async_trait::async_trait;
use cluster::{Host, quoted};
use engine::Performed;
use estate::{Kind, Name};
use plan::Script;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::sync::Mutex;

/// How much of its output is kept in the journal, in bytes.
const KEPT: usize = 16 << 10;
/// The most that its outputs may be, in bytes.
const OUTPUTS_MAX: usize = 64 << 10;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    /// Always 0: any other is a failure.
    exit: u8,
    /// What it left for later steps.
    outputs: Map<String, Value>,
    /// The end of what it wrote.
    said: String,
}

#[async_trait]
impl Carry for Script {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        let host = host(self, context)?;
        context.inside.point();
        let mark = ambient::random_id(20);
        let kept = Mutex::new((String::new(), false));
        let each = |line: &str| {
            let Ok(mut kept) = kept.lock() else { return };
            // After the mark come the outputs.
            if line == mark {
                kept.1 = true;
            }
            if kept.1 {
                return;
            }
            context.inside.say(line);
            kept.0.push_str(line);
            kept.0.push('\n');
            let surplus = kept.0.len().saturating_sub(KEPT);
            if surplus > 0 {
                let from = (surplus..kept.0.len()).find(|at| kept.0.is_char_boundary(*at)).unwrap_or(0);
                kept.0.drain(..from);
            }
        };
        let what = format!("step {}", context.step.id);
        let out = host
            .watch(&what, &wrapped(self, &self.run, &mark), context.limit, &each)
            .await?;
        context.inside.point();
        let outputs = out
            .split_once(&format!("{mark}\n"))
            .map(|(_, outputs)| outputs)
            .unwrap_or_default();
        let outputs = parsed(outputs).map_err(|why| {
            let message = format!("what step {} left in LIFEBOAT_OUTPUTS cannot be used: {why}", context.step.id);
            Trouble::new("LB0803", Kind::Invalid, message).hint("lines NAME=VALUE, or one JSON object")
        })?;
        if let Some(check) = &self.check {
            host.run_alone("looking whether it worked", &wrapped(self, check, &mark), context.limit)
                .await?;
        }
        let said = kept.lock().map(|kept| kept.0.clone()).unwrap_or_default();
        done(Done { exit: 0, outputs, said })
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let Some(check) = &self.check else {
            return super::typed::look(context).await;
        };
        let host = host(self, context)?;
        host.run("looking whether it worked", &wrapped(self, check, "-"), context.limit)
            .await?;
        Ok("its check ends without an error".to_owned())
    }

    async fn undo(&self, context: &Context<'_>, _: Option<&Value>) -> Result<Value, Trouble> {
        let Some(undo) = &self.undo else {
            return super::undo_typed(context).await;
        };
        let host = host(self, context)?;
        let what = format!("undoing {}", context.step.id);
        let said = host.run_alone(&what, &wrapped(self, undo, "-"), context.limit).await?;
        let said: String = said.chars().take(KEPT).collect();
        Ok(json!({ "said": said }))
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        let host = host(self, context)?;
        let read = format!("printf '%s\\n' {} | sh -n", quoted(&self.run));
        host.run("reading the script", &read, std::time::Duration::from_secs(20))
            .await?;
        Ok(vec![format!("its script can be read by the shell of {}", host.name())])
    }

    fn hosts(&self) -> Vec<&Name> {
        self.on.iter().collect()
    }
}

fn host(script: &Script, context: &Context<'_>) -> Result<Host, Trouble> {
    match &script.on {
        Some(on) => context.world.host(on),
        None => Ok(Host::local("this machine")),
    }
}

/// The script with its inputs, in a directory of its own, and after it `mark` and what it left as outputs.
fn wrapped(script: &Script, run: &str, mark: &str) -> String {
    let inputs = script.inputs.iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("export INPUT_{}={}\n", name.to_uppercase(), quoted(&text))
    });
    let json = Value::Object(script.inputs.clone()).to_string();
    format!(
        "d=$(mktemp -d)
         trap 'rm -rf \"$d\"' EXIT
         trap 'exit 143' TERM
         umask 077
         printf '%s' {json} >\"$d/inputs\"
         printf '%s\\n' {run} >\"$d/script\"
         : >\"$d/outputs\"
         umask 022
         export LIFEBOAT_INPUTS=\"$d/inputs\" LIFEBOAT_OUTPUTS=\"$d/outputs\"
         {}
         sh -eu \"$d/script\" </dev/null 9>&-
         printf '\\n{mark}\\n'
         head -c {OUTPUTS_MAX} \"$d/outputs\"",
        inputs.collect::<String>(),
        json = quoted(&json),
        run = quoted(run),
    )
}

/// `NAME=VALUE` lines, or one JSON object.
fn parsed(text: &str) -> Result<Map<String, Value>, String> {
    let text = text.trim();
    if text.starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| match line.split_once('=') {
            Some((name, value)) => Ok((name.trim().to_owned(), json!(value))),
            None => Err(format!("{line:?} is no NAME=VALUE")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_lines_or_json() {
        assert_eq!(parsed("").unwrap(), Map::new());
        assert_eq!(Value::Object(parsed("a=b\n c = d=e \n").unwrap()), json!({"a": "b", "c": " d=e"}));
        assert_eq!(Value::Object(parsed(" {\"a\": [1]}\n").unwrap()), json!({"a": [1]}));
        assert!(parsed("hello").is_err() && parsed("{").is_err());
    }
}
