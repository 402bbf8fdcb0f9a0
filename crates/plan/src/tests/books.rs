//! Playbooks as people write them: what becomes of them, and what is wrong with them.

use super::{at, facts};
use crate::*;
use estate::{Epoch, Estate, Standing};
use serde_json::json;

/// The estate of the other tests, with a playbook.
fn estate(playbook: &str) -> (Estate, Books) {
    let notify = "notify:\n  ops:\n    webhook: {url: 'https://hooks.example.org/hook'}\n";
    let text = format!("{}{notify}playbooks:\n  day:\n{playbook}", super::ESTATE);
    let estate = Estate::parse("lifeboat.yaml", &text).unwrap_or_else(|error| panic!("{error}"));
    let books = Books::of(&estate, ("lifeboat.yaml", &text), |_| Err("there are no files".to_owned()));
    (estate, books.unwrap())
}

fn planned(playbook: &str, change: impl FnOnce(&mut Facts)) -> Result<Plan, NoPlan> {
    let (estate, books) = estate(playbook);
    let mut facts = Facts {
        chosen: None,
        targets: Vec::new(),
        loss: Loss::default(),
        ..facts()
    };
    change(&mut facts);
    let book = books.get(&"day".parse().unwrap()).unwrap();
    make(&estate, &books, book, &"rancher".parse().unwrap(), &facts, at("2026-11-22T22:01:30Z"))
}

fn ids(plan: &Plan) -> Vec<String> {
    let each = plan.steps.iter().enumerate();
    each.map(|(n, step)| format!("{} after {}", step.id, plan.after(n).join("+")))
        .collect()
}

const DAY: &str = r#"
    what: What is done on such a day.
    parameters:
      hosts: {type: hosts, what: Where to look., default: [main-1, standby-1]}
      grave: {type: boolean, what: Whether people are called., default: false}
    steps:
      - id: look
        what: See what still runs.
        kind: script
        after: []
        with:
          on: "${{ parameters.hosts }}"
          run: uptime
          inputs: {cluster: "${{ cluster.name }}"}
        check: somebody has looked
      - id: call
        what: Call the others.
        kind: notify
        when: parameters.grave
        with: {title: "${{ cluster.name }} is gone"}
      - id: walk
        what: Walk there.
        kind: manual
        byHand: |
          Take the stairs.
          main-1# systemctl poweroff
          $ ping -c 1 \
            10.1.1.1
        check: the light is off
      - id: gate
        what: Decide.
        kind: approve
        with: {by: [ann, bob], people: 2, within: 2h}
      - id: stop
        what: Stop the kubelet.
        kind: service
        when: steps["look-main-1"].exit == 0
        after: [look, gate]
        onFailure: undo
        with: {on: main-1, act: stop}
      - id: settle
        what: Let it settle.
        kind: wait
        after: [gate]
        with: {for: 90s}
"#;

#[test]
fn a_playbook_becomes_a_plan() {
    let plan = planned(DAY, |_| {}).unwrap();
    insta::assert_snapshot!(plan.text());
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    let levels: Vec<u8> = plan.steps.iter().map(Step::level).collect();
    assert_eq!(levels, [2, 2, 1, 1, 3, 3]);
}

#[test]
fn a_condition_on_what_came_of_a_step_is_asked_in_its_time() {
    let plan = planned(DAY, |_| {}).unwrap();
    let stop = plan.step("stop").unwrap();
    let known = |exit: i64| Known::from_iter([("look-main-1".to_owned(), json!({ "exit": exit }))]);
    assert_eq!(wanted(&plan, stop, &known(0)), Ok(true));
    assert_eq!(wanted(&plan, stop, &known(1)), Ok(false));
    assert_eq!(
        wanted(&plan, stop, &Known::new()).unwrap_err().to_string(),
        "steps[\"look-main-1\"].exit == 0 of step stop cannot be answered: No such key: exit"
    );
}

/// On the day, a playbook that is broken or gone is in the way of nobody who does not need it.
#[test]
fn a_playbook_that_is_not_needed_may_be_gone() {
    let text = format!(
        "{}playbooks:\n  gone: {{file: gone.yaml}}\n  day:\n    what: A day.\n    steps:\n      - {{include: part}}\n  part:\n    what: A part.\n    steps:\n      - {{id: b, what: B., kind: playbook, with: {{playbook: gone}}}}\n  free:\n    what: A day.\n    steps: [{{id: a, what: A., kind: wait, with: {{for: 1s}}}}]\n",
        super::ESTATE
    );
    let estate = Estate::parse("lifeboat.yaml", &text).unwrap();
    let one = |name: &str| {
        let read = |_: &std::path::Path| Err("it is gone".to_owned());
        Books::for_one(&estate, ("lifeboat.yaml", &text), read, &name.parse().unwrap())
    };
    assert!(Books::of(&estate, ("lifeboat.yaml", &text), |_| Err(String::new())).is_err());
    for name in ["management-failover", "rebuild-cluster", "free", "nothing"] {
        assert!(one(name).is_ok(), "{name}");
    }
    assert!(one("free").unwrap().get(&"free".parse().unwrap()).is_some());
    // One that it includes, and what is a child of that.
    for name in ["gone", "day"] {
        assert!(
            one(name)
                .unwrap_err()
                .to_string()
                .contains("playbook gone cannot be read: it is gone"),
            "{name}"
        );
    }
}

/// What is known when the plan is made settles a condition; whatever may turn out otherwise does not.
#[test]
fn a_condition_on_steps_is_settled_where_all_of_them_are_left_out() {
    let yaml = r#"
    what: A day.
    steps:
      - {id: never, what: Never., kind: wait, when: "false", with: {for: 1s}}
      - {id: alone, what: A., kind: wait, when: "!steps.never.done", with: {for: 1s}}
      - {id: both, what: B., kind: wait, when: "!steps.never.done && steps.alone.done", with: {for: 1s}}
      - {id: asks, what: C., kind: wait, when: "has(steps.never) && steps.never.done", with: {for: 1s}}
      - {id: in, what: D., kind: wait, when: "'never' in steps", with: {for: 1s}}
      - {id: rest, what: E., kind: wait, when: "from == 'nowhere' && steps.alone.done", with: {for: 1s}}
      - {id: child, what: G., kind: playbook, with: {playbook: child}}
  child:
    what: A child.
    steps:
      - {id: never, what: Now., kind: wait, with: {for: 1s}}
      - {id: out, what: Out., kind: wait, when: "false", with: {for: 1s}}
      - {id: near, what: H., kind: wait, when: "!steps.never.done", with: {for: 1s}}
      - {id: stands, what: I., kind: wait, when: "!steps.out.done", with: {for: 1s}}
"#;
    let plan = planned(yaml, |_| {}).unwrap();
    let asked = |id: &str| plan.step(id).map(|step| step.when.is_some());
    let found = ["alone", "both", "asks", "in", "rest", "child.near", "child.stands"].map(asked);
    assert_eq!(
        found,
        [
            Some(false),
            Some(true),
            Some(true),
            Some(true),
            None,
            Some(true),
            Some(false)
        ],
        "{plan:?}"
    );
    // In its time, a child's own step is meant, and one that was left out was not done.
    let near = plan.step("child.near").unwrap();
    let done = |id: &str| Known::from_iter([(id.to_owned(), json!({}))]);
    assert_eq!(wanted(&plan, near, &done("child.never")), Ok(false));
    assert_eq!(wanted(&plan, near, &done("alone")), Ok(true));
    let mut asks = near.clone();
    asks.when = Some("!steps.out.done && !steps.never.done".to_owned());
    assert_eq!(wanted(&plan, &asks, &done("alone")), Ok(true));
}

#[test]
fn parameters_are_given_as_text_and_checked() {
    let given = |name: &str, value: &str| {
        let parameters = Map::from_iter([(name.to_owned(), json!(value))]);
        planned(DAY, |facts| facts.parameters = parameters)
    };
    assert!(given("grave", "true").is_ok_and(|plan| plan.left_out.is_empty()));
    assert_eq!(given("hosts", "main-1").unwrap().steps[0].id, "look");
    let wrong = [("hosts", "main-1,man-2"), ("grave", "perhaps"), ("host", "main-1")];
    let told = wrong.map(|(name, value)| given(name, value).unwrap_err().to_string());
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn an_included_playbook_stands_in_place_and_a_child_under_its_step() {
    let (estate, books) = estate(
        r#"
    what: A whole day.
    parameters: {message: {type: text, what: What to say., default: hello}}
    steps:
      - {id: begin, what: Begin., kind: wait, with: {for: 1s}}
      - include: talk
        with: {text: "${{ parameters.message }}"}
      - {id: talking, what: Talk again., kind: playbook, with: {playbook: talk, text: bye}}
      - {id: early, what: Be early., kind: wait, after: [], with: {for: 1s}, priority: 1}
      - {id: late, what: Be late., kind: wait, after: [talking], with: {for: 1s}, priority: 2}
  talk:
    what: Talk.
    parameters: {text: {type: text, what: What to say.}}
    steps:
      - {id: say, what: Say it., kind: script, with: {run: "echo ${{ parameters.text }}"}, check: it was heard}
      - {id: hear, what: Listen., kind: script, when: "steps.say.exit == 0", with: {run: "true"}, check: it was heard}
"#,
    );
    let book = books.get(&"day".parse().unwrap()).unwrap();
    let facts = Facts { chosen: None, targets: Vec::new(), ..facts() };
    let plan = make(&estate, &books, book, &"rancher".parse().unwrap(), &facts, at("2026-11-22T22:01:30Z")).unwrap();
    insta::assert_snapshot!(ids(&plan).join("\n"));
    assert_eq!(plan.step("say").unwrap().by_hand.to_string(), "$ echo hello");
    assert_eq!(plan.step("talking.say").unwrap().by_hand.to_string(), "$ echo bye");
    let known = Known::from_iter([("talking.say".to_owned(), json!({ "exit": 0 }))]);
    assert_eq!(wanted(&plan, plan.step("talking.hear").unwrap(), &known), Ok(true));
}

#[test]
fn values_that_a_step_brings_are_filled_in_later() {
    let plan = planned(
        r#"
    what: Values.
    steps:
      - {id: make, what: Make it., kind: script, with: {run: make}, check: it is made}
      - {id: use, what: Use it., kind: script, with: {run: "use ${{ steps.make.outputs.address }} of ${{ cluster.name }}"}, check: it is used}
"#,
        |_| {},
    );
    let plan = plan.unwrap();
    let step = plan.step("use").unwrap();
    assert_eq!(step.by_hand.to_string(), "$ use ${{ steps.make.outputs.address }} of rancher");
    let known = Known::from_iter([("make".to_owned(), json!({ "outputs": { "address": "10.9.9.9" } }))]);
    let Action::Script(script) = action_now(&plan, step, &known).unwrap() else {
        panic!("it is a script")
    };
    assert_eq!(script.run, "use 10.9.9.9 of rancher");
    assert!(
        action_now(&plan, step, &Known::new())
            .unwrap_err()
            .to_string()
            .contains("No such key: outputs")
    );
}

#[test]
fn tools_are_called_as_a_person_would_call_them() {
    let plan = planned(
        r#"
    what: The tools of others.
    steps:
      - {id: hosts, what: Make hosts., kind: infra.apply, with: {directory: infra/dr, variables: {count: 2, name: it's}, destroy: true}}
      - {id: objects, what: Apply manifests., kind: manifests.apply, with: {files: [manifests, extra.yaml], prune: true}}
      - {id: shop, what: Install the shop., kind: helm.install, with: {release: shop, chart: charts/shop, namespace: shop, values: {replicas: 2}}}
      - {id: lead, what: Lead to the other server., kind: loadbalancer.switch, with: {on: main-1, backend: manager, to: standby-1}}
"#,
        |_| {},
    );
    insta::assert_snapshot!(plan.unwrap().text());
}

#[test]
fn expected_times_are_those_of_the_longest_way() {
    let plan = planned(DAY, |facts| {
        facts.took_ms = [
            ("look-main-1", 1000),
            ("look-standby-1", 5000),
            ("walk", 60_000),
            ("gate", 0),
            ("stop", 2000),
        ]
        .map(|(id, ms)| (id.to_owned(), ms))
        .into();
    });
    let mut plan = plan.unwrap();
    assert_eq!(plan.expected_ms(), None, "one was never measured");
    let settle = plan.steps.iter_mut().find(|step| step.id == "settle").unwrap();
    settle.expected_ms = Some(90_000);
    assert_eq!(plan.expected_ms(), Some(155_000));
}

#[test]
fn two_plans_are_compared() {
    let before = planned(DAY, |_| {}).unwrap();
    let grave = Map::from_iter([("grave".to_owned(), json!(true))]);
    let mut after = planned(DAY, |facts| facts.parameters = grave).unwrap();
    after.steps[0].timeout_s = 7;
    assert!(Difference::between(&before, &before).is_empty());
    insta::assert_snapshot!(Difference::between(&before, &after).text());
}

/// A playbook with one mistake, as it is told.
fn mistakes(steps: &str) -> String {
    let playbook = format!("    what: Wrong.\n    steps:\n{steps}\n");
    let text = format!("{}playbooks:\n  day:\n{playbook}", super::ESTATE);
    let estate = match Estate::parse("lifeboat.yaml", &text) {
        Ok(estate) => estate,
        Err(error) => return error.to_string(),
    };
    let books = match Books::of(&estate, ("lifeboat.yaml", &text), |_| Err("No such file or directory".to_owned())) {
        Ok(books) => books,
        Err(error) => return error.to_string(),
    };
    let book = books.get(&"day".parse().unwrap()).unwrap();
    let mut told: Vec<String> = lints(&estate, &books, book).iter().map(ToString::to_string).collect();
    if told.is_empty() {
        let facts = Facts { chosen: None, targets: Vec::new(), ..facts() };
        let made = make(&estate, &books, book, &"rancher".parse().unwrap(), &facts, at("2026-11-22T22:01:30Z"));
        told.push(
            made.map(|_| "nothing is wrong".to_owned())
                .unwrap_or_else(|none| none.to_string()),
        );
    }
    told.join("\n")
}

#[test]
fn each_mistake_is_told_with_its_place_and_its_cure() {
    let fence = "      - {id: fence, what: Fence it., kind: fence}\n";
    let all = [
        // The form.
        "      - {what: No id., kind: wait}",
        "      - {id: a, kind: wait}",
        "      - {id: a, what: No kind.}",
        "      - {id: a, what: A., kind: wiat, with: {for: 1s}}",
        "      - {id: a, what: A., kind: wait, with: {for: 1s}, onFailure: explode}",
        "      - {id: a, what: A., kind: wait, with: {for: 1s}, after: [b]}",
        "      - {id: a, what: A., kind: wait, with: {for: 1s}, after: [b]}\n      - {id: b, what: B., kind: wait, with: {for: 1s}}",
        "      - {id: a, what: A., kind: wait, with: {for: 1s}}\n      - {id: a, what: B., kind: wait, with: {for: 1s}}",
        "      - {id: a, what: A., kind: wait, with: {for: 1s}, timeout: soon}",
        "      - {include: talk, kind: wait}",
        "      - {include: talk}",
        "      - {include: day}",
        "      - {id: a, what: A., kind: playbook}",
        "      - {id: a, what: A., kind: playbook, with: {playbook: management-failver}}",
        // Settings and expressions.
        "      - {id: a, what: A., kind: wait, with: {fro: 1s}}",
        "      - {id: a, what: A., kind: wait, with: {for: soon}}",
        "      - {id: a, what: A., kind: script, check: seen, with: {run: date, on: main-2}}",
        "      - {id: a, what: A., kind: script, check: seen, with: {run: \"date ${{ nobody }}\"}}",
        "      - {id: a, what: A., kind: script, check: seen, with: {run: \"date ${{ nobody\"}}",
        "      - {id: a, what: A., kind: wait, with: {for: 1s}, when: \"cluster.name ==\"}",
        "      - {id: a, what: A., kind: wait, with: {for: 1s}, when: cluster.name}",
        "      - {id: a, what: A., kind: wait, with: {for: 1s}, when: steps.b.exit == 0}",
        "      - {id: a, what: A., kind: probe, with: {tcp: '10.1.1.1:443', command: {run: date}}}",
        "      - {id: a, what: A., kind: probe, with: {http: {url: 'https://me:pw@rancher.example.org/'}}}",
        "      - {id: a, what: A., kind: approve, with: {by: ann, people: 2}}",
        "      - {id: a, what: A., kind: notify, with: {title: hello}}",
        // The rules.
        "      - {id: dns, what: Move the name., kind: dns.switch}",
        &format!(
            "{}      - {{id: dns, what: Move the name., kind: dns.switch}}",
            fence.replace("kind: fence}", "kind: fence, when: automatic}")
        ),
        &format!(
            "      - {{id: lb, what: Lead., kind: loadbalancer.switch, with: {{on: main-1, backend: b, to: s}}}}\n{fence}"
        ),
        "      - {id: lb, what: Lead., kind: loadbalancer.switch, with: {on: main-1, backend: 'b; quit', to: s}}",
        "      - {id: h, what: Install., kind: helm.install, with: {release: Shop, chart: c}}",
        "      - {id: a, what: A., kind: script, with: {run: date}}",
        "      - {id: a, what: A., kind: manual, check: seen}",
        "      - {id: a, what: A., kind: script, check: seen, with: {run: 'curl https://ann:hunter2@rancher.example.org/'}}",
        "      - {id: a, what: A., kind: script, check: seen, with: {run: date, inputs: {password: hunter2}}}",
        "      - {id: a, what: A., kind: script, check: seen, byHand: 'curl -H \"Authorization: Bearer abcdefghijklmnopqrstuvwxyz\"', with: {run: date}}",
        "      - {id: a, what: A., kind: wait, with: {for: 1s}, when: 1 > 2}",
        "      - {id: a, what: A., kind: script, check: seen, retries: 3, with: {run: date}}",
        &format!("{fence}      - {{id: a, what: A., kind: service, with: {{on: [standby-1, main-1], act: stop}}}}"),
        // What a day like this does not have.
        fence,
        "      - {id: a, what: A., kind: etcd.restore}",
        "      - {id: a, what: A., kind: wait, with: {for: 1s}}",
    ];
    let told: Vec<String> = all.iter().map(|steps| mistakes(steps)).collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn a_planned_move_loses_nothing_and_leads_either_way() {
    let (estate, books) = estate(DAY);
    let planned = |book: &str, holder: &str, epoch| {
        let standing = Standing { epoch: Epoch(epoch), holder: holder.parse().unwrap() };
        let facts = Facts { standing: Some(standing), started: true, ..facts() };
        let book = books.get(&book.parse().unwrap()).unwrap();
        make(&estate, &books, book, &"rancher".parse().unwrap(), &facts, at("2026-11-22T22:01:30Z"))
    };
    let there = planned("switchover", "main", 1).unwrap();
    let back = planned("failback", "standby", 2).unwrap();
    for (plan, to, epoch) in [(&there, "standby", 2), (&back, "main", 3)] {
        assert_eq!((plan.to.as_str(), plan.epoch), (to, Some(Epoch(epoch))));
        assert_eq!(plan.losing(), "nothing: the last change is shipped first");
        let Action::HandOverEtcd(handover) = &plan.step("handover").unwrap().action else {
            panic!("{plan:?}");
        };
        assert_ne!(estate.site_of_host(&handover.host).unwrap().as_str(), to);
    }
    assert!(matches!(planned("switchover", "standby", 2), Err(NoPlan::AlreadyThere { .. })));
    assert!(matches!(planned("failback", "main", 3), Err(NoPlan::AlreadyThere { .. })));
}

#[test]
fn a_last_moment_is_that_of_a_handover_and_fences_lead_one_way() {
    let wrong = |steps: &str| planned(steps, |it| *it = facts()).unwrap_err().to_string();
    let step = |id: &str, kind: &str, with: &str| {
        format!("      - {{id: {id}, what: Do it., kind: {kind}, with: {{{with}}}}}\n")
    };
    let before = "    what: A move.\n    steps:\n";
    let fence = step("fence", "fence", "");
    let fetch = step("fetch", "copy.fetch", "handover: hand");
    let hand = step("hand", "etcd.handover", "");
    let none = wrong(&format!("{before}{fetch}{fence}"));
    assert!(none.contains(r#"a step "hand" of kind etcd.handover before it"#), "{none}");
    assert_eq!(wrong(&format!("{before}{fetch}{hand}{fence}")), none, "it comes too late");
    let other = step("other", "fence", "to: primary");
    let two = wrong(&format!("{before}{fence}{other}"));
    assert!(two.contains("step other leads to another site than the playbook"), "{two}");
}

#[test]
fn lifeboats_own_playbooks_have_nothing_wrong() {
    let estate = super::estate();
    let books = Books::builtin().unwrap();
    for book in books.iter() {
        assert_eq!(lints(&estate, &books, book), [], "{}", book.name);
    }
}

#[test]
fn a_playbook_in_a_file_stands_beside_the_estate() {
    let text = format!("{}playbooks: {{day: {{file: playbooks/day.yaml}}}}\n", super::ESTATE);
    let estate = Estate::parse("lifeboat.yaml", &text).unwrap();
    let of = |own: Result<&str, &str>| {
        let own = own.map(str::to_owned).map_err(str::to_owned);
        Books::of(&estate, ("lifeboat.yaml", &text), |_| own.clone())
    };
    let good = "what: Wait.\nsteps:\n  - {id: a, what: A., kind: wait, with: {for: 1s}}\n";
    let books = of(Ok(good)).unwrap();
    assert_eq!(books.get(&"day".parse().unwrap()).unwrap().source, "playbooks/day.yaml");
    let told = [
        Err("No such file or directory"),
        Ok("file: other.yaml"),
        Ok("what: Wait.\nsteps: []"),
        Ok("stpes: []"),
    ];
    let told = told.map(|own| of(own).unwrap_err().to_string());
    insta::assert_snapshot!(told.join("\n\n"));
}
