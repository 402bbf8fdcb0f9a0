//! `lifeboat run approve`, `reject` and `done`: what people say about a step that waits for them, from any machine.

use super::At;
use crate::failure::Failure;
use crate::guiding::person;
use crate::printer::Printer;
use crate::runner::voice;
use ::estate::Kind;
use engine::Word;
use plan::Action;
use recovery::{APPROVE, DONE, Trouble};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// The run's number; 0 in a directory
    number: u64,
    /// The step; not needed where one alone waits
    step: Option<String>,
    /// Why: it is written down
    #[arg(long, value_name = "REASON", default_value = "")]
    because: String,
    /// Who says it; without this, who is logged in
    #[arg(long = "as", value_name = "NAME")]
    by: Option<String>,
}

pub(super) async fn run(args: Args, word: &str, printer: &Printer) -> Result<(), Failure> {
    let place = args.at.open()?;
    let number = args.number;
    let run = place.kept().read(number).await?;
    let shows = format!("lifeboat run show {}", place.kept().typed(number));
    let fits = |action: &Action| match action {
        Action::Manual(_) => word == DONE,
        Action::Approve(_) => word != DONE,
        _ => false,
    };
    let invalid = |message: String, hint: String| Err(Failure::new("LB0003", Kind::Invalid, message).hint(hint));
    let waiting: Vec<&str> = run
        .state
        .in_flight
        .iter()
        .filter(|flight| run.plan.step(&flight.step).is_some_and(|step| fits(&step.action)))
        .map(|flight| flight.step.as_str())
        .collect();
    let step = match (&args.step, &waiting[..]) {
        (Some(step), _) => step.clone(),
        (None, [only]) => (*only).to_owned(),
        (None, []) => {
            return invalid(format!("no step of run {number} waits for this"), shows.clone());
        }
        (None, several) => return invalid(format!("several steps of run {number} wait"), several.join("\n")),
    };
    let Some(planned) = run.plan.step(&step) else {
        return invalid(format!("run {number} has no step {step}"), shows.clone());
    };
    if !fits(&planned.action) {
        let message = format!("step {step} is {}, and nobody asks for that there", planned.action.kind());
        return invalid(message, shows.clone());
    }
    // What is said before a step waits is heard by nobody.
    if !waiting.contains(&&*step) {
        return invalid(format!("step {step} of run {number} does not wait now"), shows.clone());
    }
    if word == APPROVE && args.because.trim().is_empty() {
        return invalid("an approval says why".to_owned(), "--because 'REASON'".to_owned());
    }
    let by = args.by.clone().unwrap_or_else(person);
    if let Action::Approve(gate) = &planned.action
        && !gate.by.is_empty()
        && !gate.by.contains(&by)
    {
        let message = format!("{by} is not one of {}: that does not count at {step}", gate.by.join(", "));
        return invalid(message, "--as NAME: who says it".to_owned());
    }
    let journal = place.kept().journal(number);
    let said = Word {
        word: word.to_owned(),
        by: by.clone(),
        because: args.because.clone(),
    };
    engine::say(&*journal, &voice(&place.world), &step, said)
        .await
        .map_err(Trouble::from)?;
    printer.talk(&format!("{by} says {word} about step {step} of run {number}"));
    Ok(())
}
