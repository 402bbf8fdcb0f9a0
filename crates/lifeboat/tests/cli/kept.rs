//! A run whose journal is in a directory, because no repository can be reached.

use crate::place::Place;
use std::fs;
use std::process::Stdio;

const PLAYBOOK: &str = r#"
playbooks:
  day:
    what: What is done on such a day.
    steps:
      - id: ready
        what: See that the switch is on.
        kind: script
        with: {run: test -e on}
        idempotent: true
      - id: make
        what: Make the light.
        kind: script
        with: {run: echo light > light, undo: rm light}
      - id: tell
        what: Tell them.
        kind: manual
        timeout: 60s
        byHand: Call them.
        check: they know
"#;

#[test]
fn a_run_is_kept_in_a_directory_when_there_is_no_repository() {
    let place = Place::new("kept");
    let estate = fs::read_to_string(place.0.join("lifeboat.yaml")).unwrap();
    let here = place.0.display().to_string();
    let playbook = PLAYBOOK
        .replace("test -e on", &format!("'test -e {here}/on'"))
        .replace(" light, ", &format!(" {here}/light, "));
    fs::write(
        place.0.join("lifeboat.yaml"),
        estate + &playbook.replace("rm light", &format!("rm {here}/light")),
    )
    .unwrap();

    let away = place.run("run day --yes");
    assert!(away.code != Some(0) && away.err.contains("LB03"), "{}", away.err);
    let failed = place.run("run day --journal kept --yes");
    assert!(
        failed.err.contains(&format!("lifeboat run resume 0 --journal {here}/kept"))
            || failed.err.contains("step ready"),
        "{}",
        failed.err
    );
    assert_ne!(failed.code, Some(0));
    let second = place.run("run day --journal kept --yes");
    assert!(
        second.err.contains("LB0706") && second.err.contains(&format!("resume 0 --journal {here}/kept")),
        "{}",
        second.err
    );
    let other = place.run("run show 3 --journal kept");
    assert!(other.err.contains("LB0705"), "{}", other.err);
    let none = place.run("run show --journal nothing");
    assert!(none.err.contains("LB0705"), "{}", none.err);

    fs::write(place.0.join("on"), "").unwrap();
    let early = place.run("run resume --journal kept --done tell --because called");
    assert!(early.err.contains("step tell comes after make, which is not over"), "{}", early.err);
    let strange = place.run("run resume --journal kept --skip tall --because called");
    assert!(strange.err.contains("run 0 has no step tall"), "{}", strange.err);
    let mut resumed = place.command("run resume --journal kept");
    let mut resumed = resumed.stderr(Stdio::piped()).spawn().unwrap();
    // Heard as soon as the step waits, and refused before.
    while place.run("run done 0 --journal kept tell --because called").code != Some(0) {
        assert!(resumed.try_wait().unwrap().is_none(), "it is over before anybody was told");
    }
    let resumed = resumed.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&resumed.stderr);
    assert!(resumed.status.success(), "{said}");
    // The command that it asks for is the one that is heard.
    assert!(said.contains(&format!("lifeboat run done 0 --journal {here}/kept tell")), "{said}");
    let shown = place.must("run show --journal kept");
    assert!(shown.out.contains("succeeded"), "{}", shown.out);
    assert_eq!(fs::read_to_string(place.0.join("light")).unwrap(), "light\n");
    let report = place.must("run report --journal kept");
    assert!(report.out.contains("make"), "{}", report.out);

    let again = place.run("run day --journal kept --yes");
    assert!(again.err.contains("LB0706") && again.err.contains("is over"), "{}", again.err);
    assert_eq!(
        fs::read_dir(place.0.join("copies")).map_or(0, Iterator::count),
        0,
        "nothing was written elsewhere"
    );
}
