//! What every kind of host does alike. Each function needs fresh ground.

use super::{Ground, LIMIT};
use crate::{Exchange, HostError, quoted};
use estate::Kind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(300);

/// In a script: waits until a process is no more, or a zombie that nobody collects.
const GONE: &str = "gone() { while grep -qs '^State:[[:space:]]*[^Z[:space:]]' /proc/$1/status; do sleep 0.02; done; }";

pub(super) async fn scripts(ground: &Ground) {
    let host = &ground.host;
    let run = async |script: &str| ground.run(script).await;
    assert_eq!(run("echo one; printf ' two '").await.unwrap(), "one\n two ");
    assert_eq!(run("").await.unwrap(), "");
    assert_eq!(
        run("cat; echo \"$PWD $(umask) $LC_ALL\"").await.unwrap(),
        "/ 0022 C\n",
        "nothing to read, known surroundings"
    );
    assert_eq!(run("cat <<'E'\n  kept \\n as it is'\n\nE").await.unwrap(), "  kept \\n as it is'\n\n");

    for (script, code, said) in [
        ("echo first >&2; false; echo never", 1, "first"),
        ("exit 255", 255, "it did not say why"),
        ("exit 124", 124, "it did not say why"),
        ("exit 127", 127, "it did not say why"),
        ("kill -KILL $$", 137, ""),
        ("echo $nowhere", 2, "nowhere"),
        ("head -c 9000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 3", 3, "xxxthe end"),
    ] {
        let error = run(script).await.unwrap_err();
        match &error {
            HostError::Failed { code: ended, said: told, what, .. } => {
                assert!(told.contains(said) && told.len() < 2500 && what == "testing", "{script}: {error}");
                // Which code an unset variable gives is each shell's own affair.
                assert!(*ended == code || script.contains("nowhere"), "{script}: {error}");
            }
            _ => panic!("{script}: {error}"),
        }
    }
    let error = run("no-such-program --at-all").await.unwrap_err();
    assert!(
        matches!(&error, HostError::Missing { program, .. } if program == "no-such-program"),
        "{error}"
    );
    let error = run("dd if=/dev/zero of=/dev/full count=1").await.unwrap_err();
    assert!(matches!(&error, HostError::DiskFull { path, .. } if path == "/dev/full"), "{error}");
    assert_eq!(run("head -c 1048576 /dev/zero").await.unwrap().len(), 1 << 20);
    let error = run("head -c 1048577 /dev/zero").await.unwrap_err();
    assert!(matches!(error, HostError::TooLarge { max: 1_048_576, .. }), "{error}");

    // The mark is put together, so that only a command line that holds the script could have it.
    let unseen = "m=mar; for f in /proc/[0-9]*/cmdline; do
        case \"$(tr '\\0' ' ' 2>/dev/null <$f)\" in *${m}ker-of-this-script*) echo $f;; esac; done; : marker-of-this-script";
    assert_eq!(run(unseen).await.unwrap(), "", "scripts stand on no command line");

    let left = run("sleep 1000 & echo $!").await.unwrap();
    run(&format!("kill {left}"))
        .await
        .expect("what keeps the outputs open holds nobody up");

    let pid = ground.path("pid");
    for stubborn in ["", "trap '' TERM; "] {
        let script = format!("{stubborn}sleep 1000 & echo $! >{}; while :; do wait; done", quoted(&pid));
        let error = host.run("sleeping", &script, SHORT).await.unwrap_err();
        assert_eq!(error.to_string(), format!("sleeping on {} did not end within 300ms", host.name()));
        assert_eq!(error.kind(), Kind::Unreachable);
        let pid = std::fs::read_to_string(&pid).unwrap();
        run(&format!("{GONE}; gone {}", pid.trim()))
            .await
            .expect("the whole group is gone");
    }
}

pub(super) async fn files(ground: &Ground) {
    let host = &ground.host;
    let path = ground.path("a $file's \"name\"");
    let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(host.read(&path, 10).await.unwrap(), None);
    let all: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    for (bytes, permissions) in [(&b""[..], 0o600), (b"\n\n", 0o644), (&all, 0o400), (b"last", 0o755)] {
        host.write(&path, bytes, permissions).await.unwrap();
        assert_eq!(mode(&path), permissions);
        assert_eq!(host.read(&path, bytes.len()).await.unwrap().as_deref(), Some(bytes));
    }
    let error = host.read(&path, 3).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{path} on {} is larger than 3 bytes", host.name()));

    let it = Exchange {
        what: "testing",
        script: "cat",
        input: &all,
        output_bytes_max: all.len(),
        limit: LIMIT,
        alone: false,
    };
    assert_eq!(host.exchange(&it).await.unwrap(), all);
    let error = host.exchange(&Exchange { output_bytes_max: 9, ..it }).await.unwrap_err();
    assert!(matches!(error, HostError::TooLarge { max: 9, .. }), "{error}");

    let (from, to) = (ground.directory.path().join("from"), ground.path("to"));
    let large: Vec<u8> = all.iter().copied().cycle().take(5_000_000).collect();
    std::fs::write(&from, &large).unwrap();
    host.put(&from, &to, 0o640, LIMIT).await.unwrap();
    assert_eq!((std::fs::read(&to).unwrap() == large, mode(&to)), (true, 0o640));
    for (begin, bytes) in [
        (0, 10),
        (4_999_990, 100),
        (1_000_003, 3_000_000),
        (5_000_000, 10),
        (6_000_000, 10),
    ] {
        let rest = large.get(begin..).unwrap_or_default();
        let piece = host.read_piece(&to, begin as u64, bytes).await.unwrap();
        assert!(piece == rest[..rest.len().min(bytes)], "{begin}");
    }
    let gone = host.read_piece(&ground.path("no"), 0, 10).await.unwrap_err().to_string();
    assert!(gone.contains("No such file"), "{gone}");
    let error = host.put(Path::new("/no/such/file"), &to, 0o640, LIMIT).await.unwrap_err();
    assert!(matches!(error, HostError::Source { .. }), "{error}");

    let error = host.write(&ground.path("no/such/directory"), b"x", 0o600).await.unwrap_err();
    assert!(matches!(error, HostError::Failed { .. }), "{error}");
    std::fs::create_dir(ground.path("directory")).unwrap();
    for refused in [
        host.write(&ground.path("directory"), b"x", 0o600).await,
        host.read(&ground.path("directory"), 10).await.map(drop),
    ] {
        assert!(matches!(refused, Err(HostError::Failed { .. })), "{refused:?}");
    }
    for path in ["", "relative", "/", "/etc/", "/etc/..", "/etc/a\0b"] {
        assert!(matches!(host.write(path, b"", 0o600).await, Err(HostError::Path { .. })), "{path}");
        assert!(matches!(host.read(path, 1).await, Err(HostError::Path { .. })), "{path}");
    }
    let names = ground.run(&format!("ls -A {}", quoted(&ground.path("")))).await.unwrap();
    assert_eq!(names, "a $file's \"name\"\ndirectory\nfrom\nto\n", "nothing is left beside");
}

pub(super) async fn alone(ground: &Ground) {
    let host = &ground.host;
    let (held, go, log) = (ground.path("held"), ground.path("go"), ground.path("log"));
    let note = |text: &str| format!("echo {text} >>{}", quoted(&log));
    let holder = {
        let wait = format!("while [ ! -e {} ]; do sleep 0.02; done", quoted(&go));
        let (host, script) = (host.clone(), format!("touch {}\n{wait}\n{}", quoted(&held), note("holder")));
        tokio::spawn(async move { host.run_alone("holding", &script, LIMIT).await })
    };
    ground
        .run(&format!("while [ ! -e {} ]; do sleep 0.02; done", quoted(&held)))
        .await
        .unwrap();
    let mode = std::fs::metadata(ground.path("run/host.lock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let error = host.run_alone("testing", &note("early"), SHORT).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(error.to_string().split(':').next(), Some("testing was not begun"));
    // As when Lifeboat is killed while it waits: nobody is left to send the script.
    let abandoned = tokio::time::timeout(SHORT, host.run_alone("testing", &note("abandoned"), LIMIT)).await;
    assert!(abandoned.is_err());
    ground.run("true").await.expect("others need no lock");
    std::fs::write(&go, "").unwrap();
    host.run_alone("testing", &note("next"), LIMIT).await.unwrap();
    holder.await.unwrap().unwrap();
    host.run_alone("testing", &note("last"), LIMIT).await.unwrap();
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "holder\nnext\nlast\n");

    let free = host
        .run_alone("starting", "sleep 1000 >/dev/null 2>&1 9>&- & echo $!", LIMIT)
        .await
        .unwrap();
    host.run_alone("testing", &format!("kill {free}"), LIMIT)
        .await
        .expect("it has let go of the lock");
    let bound = host
        .run_alone("starting", "sleep 1000 >/dev/null 2>&1 & echo $!", LIMIT)
        .await
        .unwrap();
    let error = host.run_alone("testing", "true", SHORT).await.unwrap_err();
    ground.run(&format!("kill {bound}")).await.unwrap();
    assert!(matches!(error, HostError::Busy { .. }), "{error}");
    host.run_alone("testing", "true", LIMIT).await.unwrap();
}
