use super::*;

#[test]
fn the_command_of_a_manifest_is_read() {
    let pod = parse(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: etcd\n  labels: {tier: control-plane}\nspec:\n  containers:\n  \
         - command:\n    - etcd\n    - --name=a\n    args: [--b]\n    image: whatever\n",
    );
    assert_eq!(
        pod.unwrap(),
        Pod {
            name: "etcd".into(),
            words: vec!["etcd".into(), "--name=a".into(), "--b".into()]
        }
    );
}

#[test]
fn what_is_no_manifest_is_said() {
    for (text, why) in [
        ("", ""),
        ("metadata: {name: a}\nspec: {containers: []}", "no container"),
        ("metadata: {name: a}\nspec: {containers: [{command: []}]}", "no command"),
        ("metadata: {name: a}", "spec"),
    ] {
        let said = parse(text).unwrap_err();
        assert!(said.contains(why), "{text}: {said}");
    }
}

/// One directory, two programs: what a manifest does when it comes, changes and goes.
#[tokio::test]
async fn manifests_start_restart_and_stop_processes() {
    let place = tempfile::tempdir().unwrap();
    let manifests = place.path().join("manifests");
    std::fs::create_dir(&manifests).unwrap();
    let mut runner = Runner::new(place.path().join("pids"), place.path().join("logs"));
    let manifest = |seconds: u32| {
        format!("metadata: {{name: sleeper}}\nspec: {{containers: [{{command: [sleep, '{seconds}']}}]}}")
    };
    let file = manifests.join("sleeper.yaml");
    let pid = || {
        let text = std::fs::read_to_string(place.path().join("pids/sleeper.pid")).ok()?;
        crate::record::Process::now(text.parse().ok()?)
    };
    std::fs::write(&file, manifest(1000)).unwrap();
    runner.look(&manifests, &|_| {}).await;
    let first = pid().expect("it runs");

    runner.look(&manifests, &|_| {}).await;
    assert_eq!(pid(), Some(first), "nothing changed, so nothing was restarted");

    std::fs::write(&file, manifest(2000)).unwrap();
    runner.look(&manifests, &|_| {}).await;
    let second = pid().expect("it runs again");
    assert_ne!(first, second);
    assert!(!first.alive());

    std::fs::remove_file(&file).unwrap();
    runner.look(&manifests, &|_| {}).await;
    assert!(!second.alive());
    assert_eq!(pid(), None);
}
