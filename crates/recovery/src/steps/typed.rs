//! Lines as a plan has them, typed by Lifeboat: to undo a step, or to see what a person would see. So what is printed and what is done are
//! one. Start at [`run`].

use super::Context;
use crate::Trouble;
use crate::control_plane::SERVICE;
use cluster::Host;
use estate::{Kind, Name};
use plan::{ByHand, Line};

/// How long what is typed to look may take.
const LOOK: std::time::Duration = std::time::Duration::from_secs(30);

/// What `systemctl` comes to where there is no systemd, and what a host does not have is left alone.
pub(crate) fn prelude() -> String {
    format!(
        "{SERVICE}
[ -d /run/systemd/system ] || systemctl() {{
  case $1 in
    start|stop|restart) service \"$2\" \"$1\" 2>/dev/null || true ;;
    is-active) sv status \"$2\" 2>/dev/null | grep -q '^run:' && echo active || {{ echo inactive; return 3; }} ;;
    *) : ;;
  esac
}}
"
    )
}

/// Types all lines, those of one host that follow each other together, and returns what came out.
///
/// # Errors
/// A line failed, or is one that only a person can do.
pub(crate) async fn run(what: &str, lines: &ByHand, context: &Context<'_>) -> Result<String, Trouble> {
    let mut out = String::new();
    for (on, run) in together(lines, &context.step.id)? {
        let host = host(on, context)?;
        context.inside.point();
        out += &host.run_alone(what, &format!("{}{run}", prelude()), context.limit).await?;
    }
    Ok(out)
}

/// Types what is looked at, and says what came out beside what was to be expected: a person judges.
///
/// # Errors
/// A line could not be typed, or failed.
pub(crate) async fn look(context: &Context<'_>) -> Result<String, Trouble> {
    let look = &context.step.check;
    if look.run.is_empty() {
        return Ok(format!("to be seen: {}", look.expect));
    }
    let mut out = String::new();
    for (on, run) in together(&look.run, &context.step.id)? {
        let host = host(on, context)?;
        out += &host.run("looking", &format!("{}{run}", prelude()), LOOK).await?;
    }
    Ok(format!("seen: {}; to be seen: {}", out.trim(), look.expect))
}

fn host(on: Option<&Name>, context: &Context<'_>) -> Result<Host, Trouble> {
    on.map_or_else(|| Ok(Host::local("this machine")), |on| context.world.host(on))
}

/// Lines that follow each other on one host, as one script.
fn together<'a>(lines: &'a ByHand, step: &str) -> Result<Vec<(Option<&'a Name>, String)>, Trouble> {
    let mut all: Vec<(Option<&Name>, String)> = Vec::new();
    for line in &lines.0 {
        let Line::Run { on, run } = line else {
            let message = format!("a part of step {step} is for a person to do: {line}");
            return Err(Trouble::new("LB0704", Kind::Person, message));
        };
        match all.last_mut().filter(|(last, _)| *last == on.as_ref()) {
            Some((_, script)) => *script = format!("{script}\n{run}"),
            None => all.push((on.as_ref(), run.clone())),
        }
    }
    Ok(all)
}
