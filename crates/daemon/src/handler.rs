//! What this site answers to the others.

use crate::Daemon;
use crate::state::millis;
use crate::voting::aged;
use estate::{Proven, Report};
use peers::{Handler, Refusal, async_trait};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

/// The desk of a site.
pub(crate) struct Answers(pub(crate) Arc<Daemon>);

#[async_trait]
impl Handler for Answers {
    async fn handle(&self, from: &str, path: &str, question: Value) -> Result<Value, Refusal> {
        let daemon = &self.0;
        match path {
            "renew" => {
                let question: estate::Renewal = read(question)?;
                if question.standing.holder.as_str() != from {
                    return Err(Refusal::new(format!("{from} asks for {}", question.standing.holder)));
                }
                written(daemon.renew(&question).await.map_err(Refusal::new)?)
            }
            "takeover" => written(daemon.takeover(&read(question)?).await.map_err(Refusal::new)?),
            "standing" => written(daemon.standing().await),
            "look" => {
                // Whoever asks this has just written down that it starts the cluster here.
                daemon.read_served().await;
                daemon.ask_now.notify_one();
                written(daemon.report())
            }
            "report" => written(daemon.report()),
            "verdict" => written(daemon.state().verdict.clone()),
            _ => Err(Refusal::new(format!("this Lifeboat, version {}, has no answer to {path}", version()))),
        }
    }
}

impl Daemon {
    /// What this site is and sees.
    pub(crate) fn report(&self) -> Report {
        let now = ambient::uptime();
        let state = self.state();
        Report {
            site: self.site.clone(),
            version: version().to_owned(),
            now: ambient::now(),
            standing: state.standing.clone(),
            serving: state.serving_at(now),
            probes: state.seen(now),
            renewed: aged(state.renewed.as_ref(), now),
            proven: state
                .proven
                .as_ref()
                .map(|(proven, at)| Proven { ago_ms: millis(now.saturating_sub(*at)), ..proven.clone() }),
            copied: state.copied.clone(),
            copies: self.board.copying(),
            protections: self.board.reports(),
            unfit: state.unfit.clone(),
            troubles: state.troubles().into_iter().chain(self.board.troubles()).collect(),
        }
    }
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn read<T: DeserializeOwned>(question: Value) -> Result<T, Refusal> {
    serde_json::from_value(question).map_err(|e| Refusal::new(format!("the question cannot be understood: {e}")))
}

fn written(answer: impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(answer).map_err(|e| Refusal::new(format!("the answer has no written form: {e}")))
}
