//! `etcd.promote`: lets what the Lifeboat of the host follows become etcd's data, beside the data in use.

use super::{Carry, Context, done};
use crate::{Trouble, elsewhere};
use async_trait::async_trait;
use cluster::{Host, quoted};
use engine::Performed;
use estate::{Kind, Name};
use jiff::Timestamp;
use plan::PromoteEtcd;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// The target is taken: an earlier attempt, or another run, has left something there.
const TAKEN: &str = "LB0408";

/// Which state became the data, or would. What a Lifeboat answers who is asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promoted {
    /// The timeline.
    pub timeline: u32,
    /// The revision.
    pub revision: u64,
    /// When its source was last seen to be at that revision, by the clock of who captured it.
    #[serde(default)]
    pub seen: Option<Timestamp>,
    /// How many revisions it lacks of what the history has; `None` where nobody could look.
    #[serde(default)]
    pub behind: Option<u64>,
    /// The size of its database, in bytes.
    #[serde(default)]
    pub bytes: u64,
    /// Whether it is there: nothing is, where nothing was to be changed.
    #[serde(default)]
    pub made: bool,
}

/// What `lifeboat etcd promote --followed CLUSTER --output json` says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", tag = "answer")]
enum Said {
    Promoted(Promoted),
    Refused { code: String, kind: String, message: String, hint: Option<String> },
}

impl Promoted {
    /// What came of a step, if it promoted something.
    pub(crate) fn of(outcome: Option<&Value>) -> Option<Self> {
        serde_json::from_value(outcome?.clone()).ok()
    }
}

#[async_trait]
impl Carry for PromoteEtcd {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        super::etcd_restore::is_built(context, &self.host, &self.data_dir).await
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        let it = would_be(self, context).await?;
        let behind = it
            .behind
            .map_or_else(String::new, |behind| format!(", {behind} behind its history"));
        Ok(vec![format!(
            "what is followed on {} stands at revision {}{behind}",
            self.host, it.revision
        )])
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

async fn perform(it: &PromoteEtcd, context: &Context<'_>) -> Result<Promoted, Trouble> {
    let host = context.world.host(&it.host)?;
    context.inside.point();
    let make = format!("mkdir -p -m 700 {}", quoted(&it.data_dir));
    host.run("making the data directory", &make, Duration::from_secs(30)).await?;
    let line = line(&host).await;
    let promoted = match asked(it, context, &line).await {
        // What this run has made is told again, and not refused: so this is something else.
        Err(taken) if taken.code == TAKEN => {
            let clear = format!("rm -rf {}", quoted(&protect::etcd::waiting(&it.data_dir)));
            host.run_alone("removing what an earlier attempt has left", &clear, context.limit)
                .await?;
            context.inside.point();
            asked(it, context, &line).await?
        }
        said => said?,
    };
    context
        .inside
        .say(&format!("what was followed stood at revision {}", promoted.revision));
    context.inside.point();
    Ok(promoted)
}

/// What would become the data.
pub(super) async fn would_be(it: &PromoteEtcd, context: &Context<'_>) -> Result<Promoted, Trouble> {
    match asked(it, context, &["--dry-run".to_owned()]).await {
        // It is cleared when its time comes.
        Err(taken) if taken.code == TAKEN => Ok(Promoted {
            timeline: it.least.timeline,
            revision: it.least.revision,
            seen: None,
            behind: None,
            bytes: 0,
            made: false,
        }),
        said => said,
    }
}

/// For which etcd the data is made: the one that its host restores with, which may be older than the source's.
async fn line(host: &Host) -> Vec<String> {
    let said = host
        .run(
            "looking for etcd's version",
            "etcdutl version 2>/dev/null | head -n 1",
            Duration::from_secs(30),
        )
        .await;
    let version = said
        .ok()
        .and_then(|said| said.split_whitespace().last().map(str::to_owned))
        .unwrap_or_default();
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => vec!["--line".to_owned(), format!("{major}.{minor}")],
        _ => Vec::new(),
    }
}

/// Asks the Lifeboat of the host.
async fn asked(it: &PromoteEtcd, context: &Context<'_>, more: &[String]) -> Result<Promoted, Trouble> {
    let words = it.words_of_a_run(&protect::etcd::waiting(&it.data_dir));
    let words = words.iter().chain(more).map(String::as_str).chain(["--output", "json"]);
    let words: Vec<&str> = words.collect();
    let said = elsewhere::lifeboat(context.world, &it.host, &words, context.limit).await?;
    match serde_json::from_str(&said) {
        Ok(Said::Promoted(promoted)) => Ok(promoted),
        Ok(Said::Refused { code, kind, message, hint }) => {
            let trouble = Trouble::new(code, kind.parse().unwrap_or(Kind::Person), message);
            Err(match hint {
                Some(hint) => trouble.hint(format!("on {}: {hint}", it.host)),
                None => trouble,
            })
        }
        Err(reason) => {
            let message = format!("lifeboat etcd promote on {} gives no answer: {reason}", it.host);
            Err(Trouble::new("LB0415", Kind::Unreachable, message).hint(format!("on {}: lifeboat status", it.host)))
        }
    }
}
