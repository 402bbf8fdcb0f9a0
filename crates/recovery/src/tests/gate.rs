//! Who passes a gate: whose word counts, also when it was said while nobody was at work, and nobody by being led to it.

use super::{at, name, repository};
use crate::{APPROVE, Choice, Guide, Mode, REJECT, Trouble, Work, World};
use async_trait::async_trait;
use engine::harness::Memory;
use engine::{Finished, Hooks, Journal, Runner, Word};
use estate::Estate;
use plan::{Books, Facts, Plan, Step};
use repository::Repository;
use std::path::Path;
use std::sync::Mutex;

const PLAYBOOK: &str = "
playbooks:
  day:
    what: What is done on such a day.
    steps:
      - {id: go, what: Decide., kind: approve, with: {by: [ann, bob], people: PEOPLE}}
";

fn planned(directory: &Path, people: u32) -> (World, Plan) {
    let text = format!("{}{PLAYBOOK}", super::ESTATE).replace("PEOPLE", &people.to_string());
    let estate = Estate::parse("lifeboat.yaml", &text).unwrap();
    let books = Books::of(&estate, ("lifeboat.yaml", &text), |_| Err(String::new())).unwrap();
    let book = books.get(&name("day")).unwrap();
    let plan = plan::make(&estate, &books, book, &name("rancher"), &Facts::default(), at(0.0)).unwrap();
    (World::new(estate, text, directory.join("lifeboat.yaml"), None), plan)
}

/// Makes these choices in turn, leaves at the end, and remembers what it was told.
struct Led {
    by: &'static str,
    choices: Mutex<Vec<Choice>>,
    told: Mutex<Vec<String>>,
}

impl Led {
    fn new(by: &'static str, choices: &[Choice]) -> Self {
        let choices = choices.iter().rev().cloned().collect();
        Self { by, choices: Mutex::new(choices), told: Mutex::default() }
    }
}

#[async_trait]
impl Guide for Led {
    fn name(&self) -> &str {
        self.by
    }

    async fn ask(&self, _step: &Step, told: Option<&str>) -> Choice {
        self.told.lock().unwrap().extend(told.map(str::to_owned));
        self.choices.lock().unwrap().pop().unwrap_or(Choice::Leave)
    }
}

struct Ground {
    directory: tempfile::TempDir,
    repository: Repository,
    journal: Memory,
}

impl Ground {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let repository = repository(&directory.path().join("copies")).await;
        Self { directory, repository, journal: Memory::default() }
    }

    async fn run(&self, people: u32, mode: Mode<'_>, hooks: &dyn Hooks) -> Result<Finished, Trouble> {
        let (world, plan) = planned(self.directory.path(), people);
        let work = Work {
            world: &world,
            repository: &self.repository,
            journal: &self.journal,
            number: 1,
            typed: "1",
            plan: &plan,
            mode,
        };
        engine::begin(&self.journal, serde_json::to_value(&plan).unwrap(), &Runner::new("one"))
            .await
            .unwrap();
        crate::run(work, &Runner::new("one"), hooks).await
    }

    async fn says(&self, by: &str, word: &str) {
        let word = Word {
            word: word.to_owned(),
            by: by.to_owned(),
            because: "it is time".to_owned(),
        };
        engine::say(&self.journal, &Runner::new("voice"), "go", word).await.unwrap();
    }

    /// Begins to wait at the gate, and dies.
    async fn dies_waiting(&self, people: u32) {
        let before = self.begun().await;
        let waiting = self.run(people, Mode::Scripted, &());
        let begun = async {
            while self.begun().await == before {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { ended = waiting => panic!("{ended:?}"), () = begun => {} }
    }

    /// How often the gate was come to.
    async fn begun(&self) -> usize {
        let entries = self.journal.entries().await.unwrap();
        let is_intent = |entry: &&engine::Entry| matches!(entry.event, engine::Event::Intent { .. });
        entries.iter().filter(is_intent).count()
    }
}

#[tokio::test]
async fn what_is_said_while_nobody_is_at_work_counts() {
    let ground = Ground::new().await;
    ground.dies_waiting(2).await;
    ground.says("carl", APPROVE).await;
    ground.says("ann", APPROVE).await;
    ground.says("bob", APPROVE).await;
    let ended = ground.run(2, Mode::Scripted, &()).await.unwrap();
    let approved = ended.outcomes.get("go").unwrap()["approved"].clone();
    let by: Vec<&str> = approved
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["by"].as_str().unwrap())
        .collect();
    assert_eq!(by, ["ann", "bob"]);
}

#[tokio::test]
async fn a_no_ends_the_attempt_and_the_next_one_asks_anew() {
    let ground = Ground::new().await;
    ground.dies_waiting(1).await;
    ground.says("ann", REJECT).await;
    let refused = ground.run(1, Mode::Scripted, &()).await.unwrap_err();
    assert_eq!(&*refused.code, "LB0710");
    ground.dies_waiting(1).await;
    ground.says("bob", APPROVE).await;
    assert!(ground.run(1, Mode::Scripted, &()).await.is_ok());
}

#[tokio::test]
async fn nobody_passes_a_gate_by_being_led_to_it() {
    let ground = Ground::new().await;
    let skip = Choice::Skip("no time".to_owned());
    let eve = Led::new("eve", &[Choice::Done, Choice::Lifeboat, skip]);
    let left = ground.run(1, Mode::Guided(&eve), &()).await.unwrap_err();
    assert_eq!(&*left.code, "LB0709");
    let told = eve.told.into_inner().unwrap();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].starts_with(
            "the word of who is here does not count; it waits for 1 of ann, bob: lifeboat run approve 1 go"
        )
    );
    assert!(told[2].starts_with("a gate is not left out"), "{told:?}");

    // One of two is not enough alone, and is with the other's word.
    let ground = Ground::new().await;
    let ann = Led::new("ann", &[Choice::Done]);
    assert!(ground.run(2, Mode::Guided(&ann), &()).await.is_err());
    assert!(ann.told.into_inner().unwrap()[0].starts_with("it waits for 2 of ann, bob"));
    ground.dies_waiting(2).await;
    ground.says("bob", APPROVE).await;
    let ann = Led::new("ann", &[Choice::Done]);
    let ended = ground.run(2, Mode::Guided(&ann), &()).await.unwrap();
    assert_eq!(ended.outcomes.get("go").unwrap()["approved"].as_array().unwrap().len(), 2);
}
