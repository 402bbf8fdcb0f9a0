//! The shared lab, and ways to look at it.

use lab::{Lab, Options, Status};
use std::future::Future;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The limit on whatever is waited for: many times what it takes on a slow machine.
pub(crate) const LONG: Duration = Duration::from_secs(240);

pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let _gone = writeln!(std::io::stderr(), "    {text}");
}

/// The binary under test.
pub(crate) fn lifeboat() -> PathBuf {
    let named = std::env::var_os("LIFEBOAT_BIN").map(PathBuf::from);
    named.expect("LIFEBOAT_BIN names the lifeboat binary; cargo xtask test sets it")
}

/// Runs `lifeboat` with these words.
pub(crate) fn cli(words: &[&str]) -> Output {
    Command::new(lifeboat()).args(words).output().expect("lifeboat starts")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a program of this machine that must succeed, and returns what it printed.
pub(crate) fn must(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().expect("the program starts");
    assert!(output.status.success(), "{program} {words:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Does asynchronous work in a test.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tokio::runtime::Runtime::new().expect("a runtime").block_on(work)
}

/// The lab that most tests share: brought up by the first of them, whole at the beginning of each.
pub(crate) async fn shared() -> Lab {
    let options = Options {
        name: "test".parse().unwrap(),
        objects: 40,
        ..Options::default()
    };
    if let Ok(mut lab) = Lab::open(&options.name)
        && lab.topology().options.objects == options.objects
        && lab.heal(None).await.is_ok()
        && lab.wait_ready(LONG, &|_| {}).await.is_ok()
    {
        return lab;
    }
    up(options).await
}

/// Brings a lab up; one of that name is taken away first.
pub(crate) async fn up(options: Options) -> Lab {
    let _absent = Lab::down(&options.name, &|_| {}).await;
    let begun = ambient::monotonic();
    let lab = Lab::up(options, &|_| {}).await.unwrap_or_else(|e| panic!("{e}"));
    say(&format!("lab {} up after {:.1} s", lab.topology().name(), begun.elapsed().as_secs_f64()));
    lab
}

/// Asks again and again until `wanted` says yes; panics with `what` at the limit.
pub(crate) async fn until<T>(what: &str, mut wanted: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline: Instant = ambient::monotonic() + LONG;
    loop {
        if let Some(value) = wanted().await {
            return value;
        }
        assert!(ambient::monotonic() < deadline, "not in {} s: {what}", LONG.as_secs());
        ambient::sleep(Duration::from_millis(250)).await;
    }
}

/// What becomes of a TCP connection that a host tries to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It is made.
    Open,
    /// The other side says that nobody listens.
    Refused,
    /// Somebody says that there is no way; also the host itself, of a neighbour that does not answer for its address.
    Unreachable,
    /// Nobody says anything.
    Silent,
}

/// Tries a TCP connection from `host` to `to`. The limit is longer than the 3 s after which a router gives up looking for a
/// host: were it shorter, a router that then says so would be taken for silent.
pub(crate) async fn reaches(lab: &Lab, host: &str, to: &str, port: u16) -> Reach {
    let script = format!(
        "said=$(timeout 6 bash -c 'exec 3<>/dev/tcp/{to}/{port}' 2>&1) && code=0 || code=$?; echo \"$code $said\""
    );
    let outcome = lab.run(host, &script).await.unwrap_or_else(|e| panic!("{e}"));
    match outcome.split_whitespace().next() {
        Some("0") => Reach::Open,
        Some("124") => Reach::Silent,
        _ if outcome.contains("Connection refused") => Reach::Refused,
        _ if outcome.contains("No route to host") || outcome.contains("unreachable") => Reach::Unreachable,
        _ => panic!("{host} to {to}:{port}: {outcome}"),
    }
}

/// Takes a lab down when its test panics: nothing else would. The shared lab stays, and is healed by the next test.
pub(crate) struct DownOnPanic(pub(crate) &'static str);

impl Drop for DownOnPanic {
    fn drop(&mut self) {
        // A second panic in here would end the whole run, so nothing of this asserts.
        if let (true, Some(lifeboat)) = (std::thread::panicking(), std::env::var_os("LIFEBOAT_BIN")) {
            let _best_effort = Command::new(lifeboat).args(["lab", "down", "--name", self.0]).output();
        }
    }
}

/// Breaks something through the command line, and returns the fault's number.
pub(crate) fn break_it(words: &[&str]) -> String {
    let all = [&["--output", "json", "lab", "break", "--name", "test"], words].concat();
    let output = cli(&all);
    assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    let fault: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(fault["in_force"], true);
    fault["id"].to_string()
}

/// Heals one fault through the command line.
pub(crate) fn heal(id: &str) {
    let output = cli(&["lab", "heal", "--name", "test", id]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

pub(crate) async fn ready(lab: &Lab) -> Status {
    lab.wait_ready(LONG, &|_| {}).await.unwrap_or_else(|e| panic!("{e}"));
    lab.status().await.unwrap()
}
