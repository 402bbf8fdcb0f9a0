//! From a playbook and what was found to a plan: everything chosen, in the order in which it can be done. Start at [`make`].

use crate::facts::{Facts, NoPlan, Target};
use crate::hand::{ByHand, Look, Undo};
use crate::kinds::{self, At, habits};
use crate::playbook::expression::{self, Scope};
use crate::playbook::flat::{Flat, flatten};
use crate::playbook::{Book, Books, Which, lint};
use crate::scene::{Scene, Toward};
use crate::{Action, FetchCopy, LeftOut, Plan, Step};
use estate::{Estate, Name};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a playbook needs to be known before a plan of it is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// A copy, and hosts that the cluster comes up on.
    pub copy: bool,
    /// Who serves, because the cluster moves to another site: to which of its two.
    pub moves: Option<Toward>,
    /// That the former site still serves, and its last change is waited for.
    pub hands_over: bool,
    /// That hosts may not be there yet, because steps make them and wait for them.
    pub makes: bool,
}

/// What the playbook called `book` needs, those in it included.
pub fn needs(books: &Books, book: &Book) -> Needs {
    let (mut needs, mut seen, mut left) = (Needs::default(), BTreeSet::new(), vec![book]);
    while let Some(book) = left.pop() {
        if !seen.insert(&book.name) {
            continue;
        }
        for step in &book.playbook.steps {
            let kind = step.kind.as_ref().map_or("", |kind| kind.as_str());
            if kind == "fence" {
                let to = step.with.get("to").and_then(|to| serde_json::from_value((**to).clone()).ok());
                needs.moves = needs.moves.or(Some(to.unwrap_or_default()));
            }
            needs.hands_over |= kind == "etcd.handover";
            needs.makes |= kind == "host.await";
            needs.copy |= habits(kind).per_host || matches!(kind, "controlplane.stop" | "nodes.join");
            let child = step.with.get("playbook").filter(|_| kind == "playbook");
            let child = child.and_then(|name| name.as_str()?.parse::<Name>().ok());
            let child = child.or_else(|| step.include.as_deref().cloned());
            left.extend(child.and_then(|name| books.get(&name)));
        }
    }
    needs
}

/// Makes the plan of a playbook for a cluster.
///
/// # Errors
/// [`NoPlan`]: the playbook makes no sense here, or what it needs is not there.
pub fn make(
    estate: &Estate,
    books: &Books,
    book: &Book,
    cluster: &Name,
    facts: &Facts,
    now: Timestamp,
) -> Result<Plan, NoPlan> {
    let moves = needs(books, book).moves;
    let scene = Scene::new(estate, cluster, facts, moves, now)?;
    let scope = scene.scope();
    let flat = flatten(books, book, &facts.parameters, estate, &scope).map_err(NoPlan::Playbook)?;
    if let Some(wrong) = lint::of_flat(&flat, estate).into_iter().find(|lint| lint.which.is_error()) {
        return Err(NoPlan::Playbook(Box::new(wrong)));
    }
    let mut made = Made {
        ids: flat.iter().map(|flat| flat.id.clone()).collect(),
        ..Made::default()
    };
    for flat in &flat {
        made.add(flat, &scene)?;
    }
    let parameters = flat.first().and_then(|flat| flat.scope.get("parameters").cloned());
    let steps = made.in_order();
    handed_over(&steps)?;
    let is_later = steps.iter().any(|step| step.when.is_some()) || made.needs_scope(&steps);
    let chosen = scene.chosen()?;
    let revision = match (&facts.etcd, chosen) {
        (Some(etcd), _) => Some(i64::try_from(etcd.revision()).unwrap_or(i64::MAX)),
        (None, chosen) => chosen.map(|chosen| chosen.point.revision),
    };
    let needs_copy = needs(books, book).copy;
    let chosen = chosen.filter(|_| needs_copy);
    let objectives = estate.objectives_of(scene.of);
    Ok(Plan {
        estate: estate.name.clone(),
        playbook: book.name.to_string(),
        parameters: parameters.and_then(|all| all.as_object().cloned()).unwrap_or_default(),
        cluster: cluster.clone(),
        from: scene.from.clone(),
        to: scene.to.clone(),
        epoch: scene.takeover.as_ref().map(|takeover| takeover.standing.epoch),
        onto: match moves.is_some() {
            true => Vec::new(),
            false => facts.targets.iter().map(|target| target.host.clone()).collect(),
        },
        made: now,
        because: facts.because.clone(),
        point: chosen.map(|chosen| chosen.point.id.clone()),
        unsigned: chosen.and_then(|chosen| chosen.unsigned.clone()),
        point_begun: chosen.map(|chosen| facts.begun.unwrap_or(chosen.point.begun)),
        point_revision: revision.filter(|_| needs_copy),
        loss: facts.loss.clone(),
        rpo_s: objectives.rpo.map(|rpo| rpo.as_secs()),
        rto_s: objectives.rto.map(|rto| rto.as_secs()),
        left_out: made.left_out,
        scope: is_later.then_some(Value::Object(scope)),
        steps,
    })
}

/// That each copy which takes a last moment comes after the step that hands it over.
fn handed_over(steps: &[Step]) -> Result<(), NoPlan> {
    for (number, step) in steps.iter().enumerate() {
        let Action::FetchCopy(FetchCopy { handover: Some(named), .. }) = &step.action else {
            continue;
        };
        // They stand in the order in which they can be done.
        let is_it = |other: &Step| other.id == *named && matches!(other.action, Action::HandOverEtcd(_));
        if !steps.iter().take(number).any(is_it) {
            return Err(NoPlan::Lacks {
                step: step.id.clone(),
                kind: step.action.kind().to_owned(),
                what: format!("a step {named:?} of kind etcd.handover before it, in every case"),
            });
        }
    }
    Ok(())
}

#[derive(Default)]
struct Made {
    /// All steps of the playbook.
    ids: BTreeSet<String>,
    steps: Vec<Step>,
    left_out: Vec<LeftOut>,
    /// The steps of the plan that a step of the playbook came to; of one that was left out, what it came after.
    became: BTreeMap<String, Vec<String>>,
}

impl Made {
    fn add(&mut self, flat: &Flat<'_>, scene: &Scene<'_>) -> Result<(), NoPlan> {
        let at = At { flat, scene, scope: &flat.scope };
        let kind = at.kind().to_owned();
        let habits = habits(&kind);
        let (mut later, mut out) = (Vec::new(), None);
        for when in &flat.when {
            let wrong = |why: String| {
                let message = format!("the condition of step {}: {why}", flat.id);
                NoPlan::Playbook(flat.book.lint(
                    Which::Expression,
                    when.place(),
                    message,
                    "lifeboat playbook show: which names there are",
                ))
            };
            let names = expression::names(when).map_err(wrong)?;
            if names.contains("steps") {
                match self.settled(when, flat) {
                    Some(true) => {}
                    Some(false) => out = out.or_else(|| Some(format!("its condition is not true: {}", **when))),
                    None => later.push(when.as_str()),
                }
            } else if !(habits.per_host && names.contains("host")) {
                let holds = expression::holds(when, &flat.scope).map_err(wrong)?;
                out = out.or_else(|| (!holds).then(|| format!("its condition is not true: {}", **when)));
            }
        }
        let steps = match out {
            Some(_) => Vec::new(),
            None => kinds::steps(&at)?,
        };
        if steps.is_empty() {
            let why = out.unwrap_or_else(|| match flat.when.first() {
                Some(when) => format!("its condition is true on no host: {}", **when),
                None => "there is nothing for it to do".to_owned(),
            });
            self.left_out.push(LeftOut { step: flat.id.clone(), why });
            self.became.insert(flat.id.clone(), flat.after.clone());
            return Ok(());
        }
        self.became
            .insert(flat.id.clone(), steps.iter().map(|step| step.id.clone()).collect());
        for step in steps {
            self.steps.push(finished(&at, step, &later)?);
        }
        Ok(())
    }

    /// What a condition on steps comes to, if that is known already: because of what else it asks for, or because all steps that it names are
    /// left out, so that none will ever be done.
    fn settled(&self, when: &str, flat: &Flat<'_>) -> Option<bool> {
        if let Ok(holds) = expression::holds(when, &flat.scope) {
            return Some(holds);
        }
        let prefix = flat.id.rsplit_once('.').map(|(parent, _)| parent);
        let mut steps = Map::new();
        for name in expression::steps_named(when) {
            // A neighbour comes before what has its name elsewhere; one that comes later is not known.
            let near = prefix
                .map(|parent| format!("{parent}.{name}"))
                .filter(|id| self.ids.contains(id));
            let id = near.unwrap_or_else(|| name.clone());
            if !self.left_out.iter().any(|out| out.step == id) {
                return None;
            }
            steps.insert(name, json!({ "done": false }));
        }
        // Whoever asks whether there is such a step has named no other.
        let asks = |word: &str| when.contains(word);
        if steps.is_empty() || asks("has(") || asks(" in ") {
            return None;
        }
        let mut scope = flat.scope.clone();
        scope.insert("steps".to_owned(), Value::Object(steps));
        expression::holds(when, &scope).ok()
    }

    /// What a step of the playbook that others come after has become, through those that were left out.
    fn resolved(&self, id: &str, seen: &mut BTreeSet<String>) -> Vec<String> {
        if !seen.insert(id.to_owned()) {
            return Vec::new();
        }
        let Some(ids) = self.became.get(id) else {
            return Vec::new();
        };
        let is_step = |id: &String| self.steps.iter().any(|step| step.id == *id);
        let is_out = self.left_out.iter().any(|out| out.step == id);
        match is_out {
            false => ids.iter().filter(|id| is_step(id)).cloned().collect(),
            true => ids.iter().flat_map(|id| self.resolved(id, seen)).collect(),
        }
    }

    /// The steps, each after those that it comes after, otherwise as they were written.
    fn in_order(&self) -> Vec<Step> {
        let mut left: Vec<Step> = self.steps.clone();
        for step in &mut left {
            let mut after: Vec<String> = Vec::new();
            for id in std::mem::take(&mut step.after) {
                after.extend(self.resolved(&id, &mut BTreeSet::new()));
            }
            after.sort();
            after.dedup();
            step.after = after;
        }
        let mut ordered: Vec<Step> = Vec::new();
        while !left.is_empty() {
            let is_free = |step: &Step| step.after.iter().all(|id| ordered.iter().any(|done| done.id == *id));
            // There is no circle: that was looked for.
            let next = left.iter().position(is_free).unwrap_or(0);
            ordered.push(left.remove(next));
        }
        ordered
    }

    /// Whether a step has expressions that are answered later.
    fn needs_scope(&self, steps: &[Step]) -> bool {
        steps
            .iter()
            .any(|step| serde_json::to_string(&step.action).is_ok_and(|text| text.contains("${{")))
    }
}

impl At<'_> {
    /// Whether the step's conditions hold on one of the hosts that the cluster comes up on.
    pub(crate) fn holds_on(&self, target: &Target) -> Result<bool, NoPlan> {
        let scope = self.scene.scope_on(self.scope, target);
        for when in &self.flat.when {
            if expression::is_later(when) == Ok(true) {
                continue;
            }
            let holds = expression::holds(when, &scope).map_err(|why| {
                let message = format!("the condition of step {}: {why}", self.flat.id);
                let cure = "lifeboat playbook show: which names there are";
                NoPlan::Playbook(self.flat.book.lint(Which::Expression, when.place(), message, cure))
            })?;
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A step with what its playbook says of it.
fn finished(at: &At<'_>, mut step: Step, later: &[&str]) -> Result<Step, NoPlan> {
    let written = at.flat.step;
    let filled = |text: &estate::Placed<String>, scope: &Scope| -> Result<String, NoPlan> {
        let value = expression::filled(text, scope, false).map_err(|why| {
            let message = format!("a text of step {}: {why}", at.flat.id);
            let cure = "lifeboat playbook show: which names there are";
            NoPlan::Playbook(at.flat.book.lint(Which::Expression, text.place(), message, cure))
        })?;
        Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let is_host = |name: &Name| at.scene.estate.hosts.contains_key(name);
    step.of.clone_from(&at.flat.id);
    if step.what != written.what {
        step.why.clone_from(&written.what);
    }
    if let Some(text) = &written.by_hand {
        step.by_hand = ByHand::parse(&filled(text, at.scope)?, is_host);
    }
    if let Some(text) = &written.check {
        let lines = ByHand::parse(&filled(text, at.scope)?, is_host).0;
        let (run, said): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| matches!(line, crate::Line::Run { .. }));
        let said: Vec<String> = said.iter().map(ToString::to_string).collect();
        step.check = match run.is_empty() {
            true => Look { expect: said.join(" "), ..step.check },
            false => Look { run: ByHand(run), expect: said.join(" ") },
        };
    }
    if let Some(text) = &written.undo {
        let text = filled(text, at.scope)?;
        step.undo = match text.starts_with("none") {
            true => Undo::None { none: text },
            false => Undo::Lines(ByHand::parse(&text, is_host)),
        };
    }
    if let Some(timeout) = &written.timeout {
        step.timeout_s = timeout.as_secs().max(1);
    }
    if let Some(retries) = &written.retries {
        step.attempts = retries.saturating_add(1);
    }
    step.on_failure = written.on_failure.as_deref().copied().unwrap_or_default();
    let habits = habits(at.kind());
    step.gate = written.gate || habits.gate;
    step.repeatable = written.idempotent.as_deref().copied().unwrap_or(habits.idempotent);
    step.after.clone_from(&at.flat.after);
    step.when = match later {
        [] => None,
        [only] => Some((*only).to_owned()),
        several => {
            let each: Vec<String> = several.iter().map(|when| format!("({when})")).collect();
            Some(each.join(" && "))
        }
    };
    step.expected_ms = at.scene.facts.took_ms.get(&step.id).copied();
    Ok(step)
}
