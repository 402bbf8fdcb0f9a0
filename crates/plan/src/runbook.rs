//! A plan as a document for people: what to decide first, what is needed, each step as it is typed on which host, what is seen then, who is
//! called. Level 1 of the ladder: it is carried out without Lifeboat's engine. Pure. Start at [`runbook`].
//!
//! What is typed stands in fenced blocks whose info string is `sh` and the host, or `sh here` where the person is; nothing else is in such
//! blocks. So a program can carry it out to the letter, and a test does.

use crate::page::{escaped, fenced};
use crate::when::condition;
use crate::{Action, Books, ByHand, Line, Plan, Step, Undo};
use estate::{Estate, Name, OnFailure, StoreUrl};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What a runbook is made from besides the plan.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// The estate.
    pub estate: &'a Estate,
    /// What tells a print from one that was made from something else: short, and the same for the same.
    pub stamp: &'a str,
    /// The version of Lifeboat.
    pub version: &'a str,
}

/// What stands for the copy in what is typed: a print must not lead to an old one.
const NEWEST: &str = "newest";

/// The document, in Markdown.
pub fn runbook(plan: &Plan, made: Made<'_>) -> String {
    let book = Book { plan, made, of: made.estate.clusters.get(&plan.cluster) };
    let mut text = String::new();
    book.head(&mut text);
    book.decide(&mut text);
    book.contacts(&mut text);
    book.prerequisites(&mut text);
    book.steps(&mut text);
    book.afterwards(&mut text);
    text
}

struct Book<'a> {
    plan: &'a Plan,
    made: Made<'a>,
    of: Option<&'a estate::Cluster>,
}

impl Book<'_> {
    fn head(&self, text: &mut String) {
        let plan = self.plan;
        _ = writeln!(text, "# Runbook: {} for {}\n", plan.playbook, plan.cluster);
        _ = writeln!(text, "{}\n", escaped(&self.sentence()));
        let made = plan.made.strftime("%Y-%m-%d %H:%M UTC");
        _ = writeln!(text, "| | |\n|---|---|");
        let mut row = |name: &str, value: String| _ = writeln!(text, "| {name} | {value} |");
        row("estate", escaped(plan.estate.as_str()));
        row(
            "stamp",
            format!("**{}**, made {made} by Lifeboat {}", self.made.stamp, escaped(self.made.version)),
        );
        if let Some(ms) = plan.expected_ms() {
            row("takes", format!("about {} s when Lifeboat does it, by earlier runs", ms / 1000));
        }
        if let Some(rto) = plan.rto_s {
            row("may take", format!("{rto} s (RTO)"));
        }
        if let Some(rpo) = plan.rpo_s {
            row("may lose", format!("{rpo} s of writes (RPO)"));
        }
        let for_ever: Vec<String> = plan.for_ever().map(|step| escaped(&step.id)).collect();
        if !for_ever.is_empty() {
            row("cannot be undone", for_ever.join(", "));
        }
        _ = writeln!(
            text,
            "\n> Is this print stale? `lifeboat runbook {} --cluster {} --stamp` must say **{}**. If it says another stamp, print it anew.\n",
            plan.playbook, plan.cluster, self.made.stamp
        );
        _ = writeln!(text, "## Contents\n");
        _ = writeln!(
            text,
            "1. [Decide first](#decide)\n2. [Who is called](#contacts)\n3. [What you need](#needs)\n4. [The steps](#steps)"
        );
        for (number, step) in plan.steps.iter().enumerate() {
            _ = writeln!(text, "   - [{}. {}](#step-{})", number + 1, escaped(&step.id), number + 1);
        }
        _ = writeln!(text, "5. [Afterwards](#afterwards)\n");
    }

    fn sentence(&self) -> String {
        let plan = self.plan;
        match (plan.epoch, plan.point.is_some()) {
            (Some(_), _) => format!("{} is brought up at {} because {} is lost.", plan.cluster, plan.to, plan.from),
            (None, true) => format!("{} is restored from a copy, at {}.", plan.cluster, plan.to),
            (None, false) => format!("Playbook {} is carried out for {}.", plan.playbook, plan.cluster),
        }
    }

    /// A tree of questions, each with where to go.
    fn decide(&self, text: &mut String) {
        let (plan, estate) = (self.plan, self.made.estate);
        _ = writeln!(text, "## Decide first {{#decide}}\n");
        let mut number = 0;
        let mut ask = |question: String, yes: String, no: String| {
            number += 1;
            _ = writeln!(text, "{number}. **{question}**\n   - yes: {yes}\n   - no: {no}");
        };
        let manager = estate.failover().filter(|of| *of.name == plan.cluster);
        if let (Some(of), true) = (manager, plan.epoch.is_some()) {
            let name = of.manager.name.trim_end_matches('.').to_owned();
            let primary = of.primary.address;
            ask(
                format!(
                    "Does https://{}:{}/ping say pong, asked from two different networks?",
                    escaped(&name),
                    of.manager.port
                ),
                "**stop here**: it serves. Look at your own network".to_owned(),
                "go on".to_owned(),
            );
            ask(
                format!("Does it say pong when it is asked at {primary} directly (`curl --resolve`)?"),
                format!("it is DNS, not {}: mend DNS, and **stop here**", plan.from),
                "go on".to_owned(),
            );
            ask(
                format!("Is the host {} alive, and only its state is wrong or its disk lost?", of.primary.host),
                format!("**stop here** and take the runbook of rebuild-cluster: it comes back at {}", plan.from),
                "go on".to_owned(),
            );
            ask(
                format!("Will {} be back sooner than this runbook takes?", plan.from),
                "wait for it, and watch the clock".to_owned(),
                format!("go on with [the steps](#steps): {} takes over", plan.to),
            );
        } else if plan.point.is_some() {
            ask(
                format!("Does a control plane of {} still serve a state that you want to keep?", plan.cluster),
                "**stop here**: what was written since the copy would be lost".to_owned(),
                "go on".to_owned(),
            );
            ask(
                "Is it only some objects that are wrong?".to_owned(),
                format!(
                    "**stop here** and bring back just those: `lifeboat etcd restore-objects --cluster {}`",
                    plan.cluster
                ),
                "go on".to_owned(),
            );
            ask(
                format!("Is the site {} lost as a whole?", plan.to),
                "**stop here**: where the cluster has a standby, take the runbook of management-failover".to_owned(),
                "go on with [the steps](#steps)".to_owned(),
            );
        } else {
            ask(
                "Has somebody who decides said that this is to be done now?".to_owned(),
                "go on with [the steps](#steps)".to_owned(),
                "**stop here** and [call them](#contacts)".to_owned(),
            );
        }
        let others: Vec<String> = estate.playbooks.keys().map(|name| escaped(name.as_str())).collect();
        if !others.is_empty() {
            _ = writeln!(text, "\nOther playbooks of this estate: {}.", others.join(", "));
        }
        text.push('\n');
    }

    fn contacts(&self, text: &mut String) {
        _ = writeln!(text, "## Who is called {{#contacts}}\n");
        let contacts = &self.made.estate.contacts;
        if contacts.is_empty() {
            _ = writeln!(
                text,
                "The estate names nobody (`contacts`). Write them in here: ________________________________\n"
            );
            return;
        }
        _ = writeln!(text, "| who | what for | telephone | else |\n|---|---|---|---|");
        for (name, of) in contacts {
            let or_none = |text: &Option<String>| text.as_deref().map(escaped).unwrap_or_default();
            _ = writeln!(text, "| {name} | {} | {} | {} |", escaped(&of.what), or_none(&of.phone), or_none(&of.at));
        }
        text.push('\n');
    }

    fn prerequisites(&self, text: &mut String) {
        let (plan, estate) = (self.plan, self.made.estate);
        _ = writeln!(text, "## What you need {{#needs}}\n");
        _ = writeln!(
            text,
            "- [ ] A shell (bash) on a machine that reaches the hosts below by SSH as root, and a second terminal."
        );
        _ = writeln!(
            text,
            "- [ ] `lifeboat` there, and the directory of the estate file as the working directory: paths below begin there."
        );
        if let Some(repository) = self.of.and_then(|of| estate.repositories.get(&*of.repository)) {
            let place = match &*repository.url {
                StoreUrl::Directory(path) => path.display().to_string(),
                url => url.to_string(),
            };
            let endpoint = repository.endpoint.as_deref().map(|at| format!(" at {at}")).unwrap_or_default();
            _ = writeln!(
                text,
                "- [ ] The repository {}{}, and an identity that opens it: {}.",
                escaped(&place),
                escaped(&endpoint),
                escaped(&repository.identity.to_string())
            );
        }
        let hosts: BTreeSet<&Name> = plan
            .steps
            .iter()
            .flat_map(|step| {
                let undo = match &step.undo {
                    Undo::Lines(lines) => lines.0.as_slice(),
                    Undo::None { .. } => &[],
                };
                step.by_hand.0.iter().chain(undo)
            })
            .filter_map(|line| match line {
                Line::Run { on, .. } => on.as_ref(),
                Line::Act { .. } => None,
            })
            .collect();
        if !hosts.is_empty() {
            _ = writeln!(text, "\n| host | site | how it is entered |\n|---|---|---|");
            for name in hosts {
                let Some(host) = estate.hosts.get(name) else { continue };
                let ssh = host.ssh.as_ref();
                let identity = ssh
                    .and_then(|ssh| ssh.identity.as_ref())
                    .map(|path| format!(" -i {}", path.display()));
                let port = ssh.filter(|ssh| ssh.port != 22).map(|ssh| format!(" -p {}", ssh.port));
                let user = ssh.map_or("root", |ssh| ssh.user.as_str());
                let line =
                    format!("ssh{}{} {user}@{}", identity.unwrap_or_default(), port.unwrap_or_default(), host.address);
                _ = writeln!(text, "| {name} | {} | `{line}` |", *host.site);
            }
        }
        if plan.point.is_some() {
            _ = writeln!(
                text,
                "\nThe newest copy is taken. Another one: `lifeboat points {}` names them, and its name stands in the place of `{NEWEST}` below.",
                plan.cluster
            );
        }
        text.push('\n');
    }

    fn steps(&self, text: &mut String) {
        _ = writeln!(text, "## The steps {{#steps}}\n");
        _ = writeln!(
            text,
            "In this order. Tick each; write down when. If one cannot be done or its check fails: stop, and see what it says of that.\n"
        );
        for (number, step) in self.plan.steps.iter().enumerate() {
            self.step(text, number, step);
        }
        for out in &self.plan.left_out {
            _ = writeln!(text, "Left out here: {}, {}.\n", escaped(&out.step), escaped(&out.why));
        }
    }

    fn step(&self, text: &mut String, number: usize, step: &Step) {
        let n = number + 1;
        _ = writeln!(text, "### {n}. {} {{#step-{n}}}\n", escaped(&step.id));
        _ = writeln!(text, "{}\n", escaped(&self.current(&step.what)));
        if !step.why.is_empty() && !Books::says(&step.why) {
            _ = writeln!(text, "Why: {}\n", escaped(&step.why));
        }
        if let Some(condition) = condition(self.plan, step) {
            _ = writeln!(text, "Only if {condition}.\n");
        }
        self.lines(text, &step.by_hand);
        _ = writeln!(text, "\n**You see:** {}\n", escaped(&step.check.expect));
        if !step.check.run.is_empty() {
            _ = writeln!(text, "Look at it so:\n");
            // A look is not a part of what is carried out: its blocks are marked as such.
            self.blocks(text, &step.check.run, "look");
        }
        let takes = step
            .expected_ms
            .map(|ms| format!("takes about {}.{} s; ", ms / 1000, ms % 1000 / 100));
        let slow = match &step.action {
            Action::Manual(_) | Action::Approve(_) => String::new(),
            _ => format!("Something is wrong after {}.", minutes(step.timeout_s)),
        };
        _ = writeln!(text, "- [ ] done at ____ : ____ by ____________ ({}{slow})\n", takes.unwrap_or_default());
        if step.on_failure == OnFailure::Continue {
            _ = writeln!(
                text,
                "*If it cannot be done, or its check fails:* undo it, as below, and go on with the next step.\n"
            );
        }
        match &step.undo {
            Undo::None { none } => _ = writeln!(text, "*If it fails, or to undo it:* {}\n", escaped(none)),
            Undo::Lines(lines) => {
                _ = writeln!(text, "*If it fails, or to undo it*, after undoing what came after it:\n");
                self.blocks(text, lines, "undo");
                text.push('\n');
            }
        }
    }

    /// What is typed to do it, host by host, and what is done otherwise.
    fn lines(&self, text: &mut String, lines: &ByHand) {
        self.blocks(text, lines, "sh");
    }

    fn blocks(&self, text: &mut String, lines: &ByHand, word: &str) {
        let mut block: Option<(Option<&Name>, Vec<String>)> = None;
        for line in &lines.0 {
            match line {
                Line::Act { act } => {
                    self.block(text, block.take(), word);
                    _ = writeln!(text, "**Do:** {}\n", escaped(&self.current(act)));
                }
                Line::Run { on, run } => {
                    let same = block.as_ref().is_some_and(|(last, _)| *last == on.as_ref());
                    if !same {
                        self.block(text, block.take(), word);
                    }
                    let (_, all) = block.get_or_insert_with(|| (on.as_ref(), Vec::new()));
                    all.push(self.current(run));
                }
            }
        }
        self.block(text, block, word);
    }

    fn block(&self, text: &mut String, block: Option<(Option<&Name>, Vec<String>)>, word: &str) {
        let Some((on, lines)) = block else { return };
        match on {
            Some(host) => {
                let address = self.made.estate.hosts.get(host).map(|host| format!(" ({})", host.address));
                _ = writeln!(text, "On **{host}**{}, as root:\n", address.unwrap_or_default());
            }
            None => _ = writeln!(text, "Where you are:\n"),
        }
        let host = on.map_or("here", Name::as_str);
        *text += &fenced(&format!("{word} {host}"), &lines.join("\n"));
        text.push('\n');
    }

    /// The text with the copy of the day instead of the one of the print.
    fn current(&self, text: &str) -> String {
        match &self.plan.point {
            Some(point) => text
                .replace(&format!("--copy {point}"), &format!("--copy {NEWEST}"))
                .replace(&format!("copy {point}"), "the newest copy")
                .replace(&point.to_string(), NEWEST),
            None => text.to_owned(),
        }
    }

    fn afterwards(&self, text: &mut String) {
        let plan = self.plan;
        _ = writeln!(text, "## Afterwards {{#afterwards}}\n");
        _ = writeln!(
            text,
            "- [ ] Tell those who were called, and those who wait: what works, and what was lost."
        );
        if plan.epoch.is_some() {
            _ = writeln!(
                text,
                "- [ ] Keep {} off, or cut off, until somebody has decided what becomes of it: it does not know of this.",
                plan.from
            );
            _ = writeln!(
                text,
                "- [ ] Name {} as the primary in the estate before `lifeboat serve` is started anew.",
                plan.to
            );
        }
        let places: BTreeSet<String> = plan
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                Action::FetchCopy(it) => Some(format!("{} on {}", it.directory, it.host)),
                _ => None,
            })
            .collect();
        for place in places {
            _ = writeln!(
                text,
                "- [ ] Remove what has keys in clear, when all is well: `rm -rf` {}",
                escaped(&place)
            );
        }
        _ = writeln!(text, "- [ ] Write down what was otherwise than here, and print this anew.\n");
        _ = writeln!(text, "---\n\nStamp {}.", self.made.stamp);
    }
}

fn minutes(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    }
}
