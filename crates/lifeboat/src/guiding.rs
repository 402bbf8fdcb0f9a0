//! A person led through a run at a terminal: plain lines, no colour needed, so that it works over any connection. Start at [`Guiding`].

use crate::printer::Printer;
use async_trait::async_trait;
use plan::{Plan, Step, Undo};
use recovery::{Choice, Guide, Trouble};

/// Leads a person.
pub(crate) struct Guiding {
    printer: Printer,
    name: String,
    steps: Vec<String>,
}

/// Who is logged in.
pub(crate) fn person() -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|name| !name.trim().is_empty());
    set("SUDO_USER")
        .or_else(|| set("USER"))
        .or_else(|| set("LOGNAME"))
        .unwrap_or_else(|| "somebody".to_owned())
}

/// What went wrong, line by line.
pub(crate) fn outcome(trouble: &Trouble) -> Vec<String> {
    let mut lines = vec![format!("{trouble} ({})", trouble.code)];
    lines.extend(trouble.causes.iter().map(|cause| format!("because: {cause}")));
    lines.extend(
        trouble
            .hint
            .iter()
            .flat_map(|hint| hint.lines())
            .map(|hint| format!("next: {hint}")),
    );
    lines
}

impl Guiding {
    pub(crate) fn new(printer: Printer, name: String, plan: &Plan) -> Self {
        let steps = plan.steps.iter().map(|step| step.id.clone()).collect();
        Self { printer, name, steps }
    }

    fn show(&self, step: &Step) {
        let number = self.steps.iter().position(|id| *id == step.id).map_or(0, |index| index + 1);
        self.printer.talk(&page(step, number, self.steps.len()));
    }
}

/// A step as a person sees it.
pub(crate) fn page(step: &Step, number: usize, of: usize) -> String {
    let mut text = format!("\n=== step {number} of {of}: {} ({}) ===\n{}\n", step.id, step.action.kind(), step.what);
    if !step.why.is_empty() {
        text += &format!("why:    {}\n", step.why);
    }
    text += "how, by hand:\n";
    for line in &step.by_hand.0 {
        text += &format!("  {}\n", line.to_string().replace('\n', "\n  "));
    }
    text += "to see that it worked:\n";
    for line in &step.check.run.0 {
        text += &format!("  {}\n", line.to_string().replace('\n', "\n  "));
    }
    text += &format!("  -> {}\n", step.check.expect);
    if let Undo::None { none } = &step.undo
        && !none.starts_with("none is needed")
    {
        text += &format!("for ever: {none}\n");
    }
    if let Some(ms) = step.expected_ms {
        text += &format!("takes:  about {:.1} s when Lifeboat does it\n", Seconds(ms).value());
    }
    text
}

struct Seconds(u64);

impl Seconds {
    fn value(&self) -> f64 {
        std::time::Duration::from_millis(self.0).as_secs_f64()
    }
}

const MENU: &str = "l  let Lifeboat do it    d  I have done it    s  leave it out    u  how to undo it    q  go away, to go on later\n> ";

#[async_trait]
impl Guide for Guiding {
    fn name(&self) -> &str {
        &self.name
    }

    async fn ask(&self, step: &Step, told: Option<&str>) -> Choice {
        match told {
            None => self.show(step),
            Some(told) => self.printer.talk(&format!("! {told}")),
        }
        loop {
            let Some(line) = line(self.printer, MENU).await else {
                return Choice::Leave;
            };
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
            match word {
                "l" | "let" => return Choice::Lifeboat,
                "d" | "done" => return Choice::Done,
                "q" | "quit" => return Choice::Leave,
                "u" | "undo" => self
                    .printer
                    .talk(&format!("to undo it:\n  {}", step.undo.to_string().replace('\n', "\n  "))),
                "s" | "skip" => {
                    let reason = match rest.trim() {
                        "" => self::line(self.printer, "why is it left out? ").await.unwrap_or_default(),
                        reason => reason.to_owned(),
                    };
                    match reason.trim() {
                        "" => self.printer.talk("without a reason it stays"),
                        reason => return Choice::Skip(reason.to_owned()),
                    }
                }
                "" => {}
                _ => self.show(step),
            }
        }
    }
}

/// A line that the person types; none when there is nobody any more.
async fn line(printer: Printer, prompt: &'static str) -> Option<String> {
    let read = tokio::task::spawn_blocking(move || printer.line(prompt));
    read.await.ok().flatten()
}
