//! `service`: starts or stops a service of a host, by whatever starts services there.

use super::{Carry, Context, done};
use crate::Trouble;
use crate::control_plane::SERVICE;
use async_trait::async_trait;
use cluster::quoted;
use engine::Performed;
use estate::{Kind, Name};
use plan::{Service, ServiceAct};
use serde_json::json;
use std::time::Duration;

/// Says whether a service runs, by whatever starts services there.
const RUNS: &str = r#"runs() {
  if [ -d /run/systemd/system ] && systemctl cat "$1" >/dev/null 2>&1; then systemctl is-active --quiet "$1"
  elif command -v rc-service >/dev/null && rc-service -e "$1"; then rc-service "$1" status >/dev/null
  elif command -v sv >/dev/null && said=$(sv status "$1" 2>/dev/null); then case $said in run:*) return 0 ;; *) return 1 ;; esac
  else echo "there is no service $1" >&2; exit 1; fi
}"#;

#[async_trait]
impl Carry for Service {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        let host = context.world.host(&self.host)?;
        context.inside.point();
        let name = quoted(&self.service);
        let script = format!("{SERVICE}\nservice {name} {}", self.act.word());
        host.run_alone(&format!("{} {}", self.act.word(), self.service), &script, context.limit)
            .await?;
        context.inside.point();
        self.check(context).await?;
        done(json!({ "service": self.service, "act": self.act.word() }))
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let host = context.world.host(&self.host)?;
        let wanted = self.act != ServiceAct::Stop;
        let script = format!("{RUNS}\nif runs {}; then echo yes; else echo no; fi", quoted(&self.service));
        super::until(context.limit / 2, Duration::from_millis(500), || async {
            let said = host.run("looking at the service", &script, Duration::from_secs(30)).await?;
            let is = said.trim() == "yes";
            let word = if is { "runs" } else { "does not run" };
            match is == wanted {
                true => Ok(format!("{} {word} on {}", self.service, self.host)),
                false => {
                    let message = format!("{} {word} on {}", self.service, self.host);
                    Err(Trouble::new("LB0807", Kind::Unreachable, message).hint("look at its log on that host"))
                }
            }
        })
        .await
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}
