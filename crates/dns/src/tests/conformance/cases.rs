//! The cases of the suite: what is true of every provider.

use super::super::relay::Mode;
use super::{RANCHER, Subject, wanted};
use crate::{About, Error, Held, How, Verdict, Wanted};
use estate::Kind;
use std::time::Duration;

/// Long enough for the TTL that names have here.
const RTO: Duration = Duration::from_secs(900);

pub(super) async fn a_missing_name_holds_nothing(subject: &impl Subject) {
    let held = subject.provider().read("absent.lab.test").await.unwrap();
    assert!(held.addresses().is_empty(), "{held:?}");
    assert_eq!(held.to_string(), "no addresses");
}

pub(super) async fn a_change_is_made_once(subject: &impl Subject) {
    let provider = subject.provider();
    let before = provider.read(RANCHER).await.unwrap();
    assert_eq!(before, subject.there().await);
    let made = provider.change(RANCHER, &before, &wanted()).await.unwrap();
    assert_eq!((made.how, &made.left), (How::Made, &subject.there().await));
    assert_eq!((made.left.addresses(), made.left.ttl()), (wanted().addresses, Some(60)));
    let changes = subject.changes();
    // By what was read before, as a run does that was killed, and by what is there now.
    for from in [&before, &made.left] {
        let again = provider.change(RANCHER, from, &wanted()).await.unwrap();
        assert_eq!((again.how, &again.left), (How::Already, &made.left));
    }
    assert_eq!(subject.changes(), changes);
}

pub(super) async fn another_writer_is_refused(subject: &impl Subject) {
    let provider = subject.provider();
    let before = provider.read(RANCHER).await.unwrap();
    subject.other_writer()().await;
    let (theirs, changes) = (subject.there().await, subject.changes());
    assert_ne!(theirs, before);
    let error = provider.change(RANCHER, &before, &wanted()).await.unwrap_err();
    is_changed(&error, &theirs);
    assert_eq!((subject.there().await, subject.changes()), (theirs, changes));
}

pub(super) async fn another_writer_in_between_is_refused(subject: &impl Subject) {
    if !subject.guards() {
        return;
    }
    let provider = subject.provider();
    let before = provider.read(RANCHER).await.unwrap();
    subject.relay().set(Mode::Before(subject.other_writer()));
    let error = provider.change(RANCHER, &before, &wanted()).await.unwrap_err();
    let theirs = subject.there().await;
    assert_ne!(theirs.addresses(), wanted().addresses);
    is_changed(&error, &theirs);
}

pub(super) async fn what_is_not_there_is_not_replaced(subject: &impl Subject) {
    let provider = subject.provider();
    let before = provider.read(RANCHER).await.unwrap();
    let target = provider.target(RANCHER, &before, &wanted()).unwrap();
    subject.other_writer()().await;
    let theirs = subject.there().await;
    is_changed(&provider.replace(RANCHER, &before, &target).await.unwrap_err(), &theirs);
    assert_eq!(subject.there().await, theirs);
}

fn is_changed(error: &Error, theirs: &Held) {
    let Error::Changed { there, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(&**there, theirs);
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.to_string().contains(RANCHER), "{error}");
}

pub(super) async fn a_lost_answer_settles(subject: &impl Subject) {
    let provider = subject.provider();
    let before = provider.read(RANCHER).await.unwrap();
    subject.relay().set(Mode::LoseAnswer);
    let error = provider.change(RANCHER, &before, &wanted()).await.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Unreachable);
    let settled = provider.change(RANCHER, &before, &wanted()).await.unwrap();
    assert_eq!((settled.left.addresses(), &settled.left), (wanted().addresses, &subject.there().await));
}

pub(super) async fn a_change_that_arrives_twice_is_made(subject: &impl Subject) {
    let provider = subject.provider();
    let before = provider.read(RANCHER).await.unwrap();
    subject.relay().set(Mode::Twice);
    let made = provider.change(RANCHER, &before, &wanted()).await.unwrap();
    assert_eq!((made.how, made.left), (How::Made, subject.there().await));
}

pub(super) async fn an_undo_restores_exactly(subject: &impl Subject) {
    let provider = subject.provider();
    let before = provider.read(RANCHER).await.unwrap();
    let left = provider.change(RANCHER, &before, &wanted()).await.unwrap().left;
    let undone = provider.restore(RANCHER, &before, &left).await.unwrap();
    assert_eq!((undone.how, &undone.left), (How::Made, &before));
    assert_eq!(subject.there().await, before);
    assert_eq!(provider.restore(RANCHER, &before, &left).await.unwrap().how, How::Already);
    // What somebody else did since the switch is not undone.
    let left = provider.change(RANCHER, &before, &wanted()).await.unwrap().left;
    subject.other_writer()().await;
    let theirs = subject.there().await;
    is_changed(&provider.restore(RANCHER, &before, &left).await.unwrap_err(), &theirs);
    assert_eq!(subject.there().await, theirs);
}

pub(super) async fn a_ttl_goes_down_and_comes_back(subject: &impl Subject) {
    let provider = subject.provider();
    let before = provider.read(RANCHER).await.unwrap();
    let lowered = provider.lower_ttl(RANCHER, &before, 60).await.unwrap();
    assert_eq!((lowered.how, lowered.left.ttl()), (How::Made, Some(60)));
    assert_eq!((lowered.left.addresses(), &lowered.left), (before.addresses(), &subject.there().await));
    assert_eq!(provider.lower_ttl(RANCHER, &before, 60).await.unwrap().how, How::Already);
    // Lower than it is, it stays.
    assert_eq!(provider.lower_ttl(RANCHER, &lowered.left, 600).await.unwrap().how, How::Already);
    provider.restore(RANCHER, &before, &lowered.left).await.unwrap();
    assert_eq!(subject.there().await, before);
}

pub(super) async fn a_planned_switch_is_undone_as_a_whole(subject: &impl Subject) {
    let provider = subject.provider();
    let before = provider.read(RANCHER).await.unwrap();
    let lowered = provider.lower_ttl(RANCHER, &before, 90).await.unwrap().left;
    // What was read before the TTL was lowered is no longer there.
    is_changed(&provider.change(RANCHER, &before, &wanted()).await.unwrap_err(), &lowered);
    let left = provider.change(RANCHER, &lowered, &wanted()).await.unwrap().left;
    provider.restore(RANCHER, &before, &left).await.unwrap();
    assert_eq!(subject.there().await, before);
}

pub(super) async fn a_strangers_credential_is_not_accepted(subject: &impl Subject) {
    let before = subject.provider().read(RANCHER).await.unwrap();
    not_accepted(subject.stranger().change(RANCHER, &before, &wanted()).await.unwrap_err());
    not_accepted(subject.reader().change(RANCHER, &before, &wanted()).await.unwrap_err());
    assert_eq!(subject.there().await, before);
}

pub(super) async fn a_late_credential_is_not_accepted(subject: &impl Subject) {
    let before = subject.there().await;
    if let Some(late) = subject.late().await {
        not_accepted(late.change(RANCHER, &before, &wanted()).await.unwrap_err());
        assert_eq!(subject.there().await, before);
    }
}

fn not_accepted(error: Error) {
    assert!(
        matches!(error, Error::Denied { .. } | Error::Key { .. } | Error::Skewed { .. }),
        "{error}"
    );
    assert_eq!(error.kind(), Kind::Person, "{error}");
}

pub(super) async fn another_zone_is_not_found(subject: &impl Subject) {
    if let Some(elsewhere) = subject.elsewhere() {
        let error = elsewhere.read(RANCHER).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
        let found = elsewhere.check(RANCHER, RTO, &[]).await;
        assert!(
            found.iter().any(|it| it.about == About::Name && it.verdict == Verdict::Broken),
            "{found:?}"
        );
    }
}

pub(super) async fn a_service_that_is_away_is_unreachable(subject: &impl Subject) {
    let before = subject.there().await;
    let error = subject.away().change(RANCHER, &before, &wanted()).await.unwrap_err();
    assert!(matches!(error, Error::Away { .. } | Error::Unreachable { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Unreachable);
}

pub(super) async fn a_busy_service_may_be_asked_again(subject: &impl Subject) {
    if !subject.is_http() {
        return;
    }
    let provider = subject.provider();
    let before = provider.read(RANCHER).await.unwrap();
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
        for mode in [
            Mode::AnswerAll(answer.clone().into()),
            Mode::AnswerChanges(answer.into()),
        ] {
            subject.relay().set(mode);
            let error = provider.change(RANCHER, &before, &wanted()).await.unwrap_err();
            assert!(matches!(error, Error::Busy { .. }), "{error}");
            assert_eq!(error.kind(), Kind::Unreachable);
            assert_eq!(subject.there().await, before);
        }
    }
    // A failure while it worked on a change is no answer to whether it was made.
    let answer = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    subject.relay().set(Mode::AnswerChanges(answer.into()));
    let error = provider.change(RANCHER, &before, &wanted()).await.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    subject.relay().set(Mode::Pass);
    assert_eq!(provider.change(RANCHER, &before, &wanted()).await.unwrap().how, How::Made);
}

pub(super) async fn garbled_answers_are_errors(subject: &impl Subject) {
    let provider = subject.provider();
    let before = subject.there().await;
    let http = |status: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
    };
    let answers = match subject.is_http() {
        true => vec![
            http("200 OK", ""),
            http("200 OK", "null"),
            http("200 OK", "[[[[[[[["),
            http("200 OK", "<a><b></a>"),
            http("200 OK", "{\"success\":true,\"result\":7,\"rrsets\":7,\"properties\":7,\"token\":7}"),
            http("302 Found", "elsewhere"),
            http("400 Bad Request", "\u{1b}[31m red"),
            http("404 Not Found", "<html>no such page</html>"),
            http("999 Odd", "?"),
            b"noise without a status\r\n\r\n".to_vec(),
            Vec::new(),
        ],
        false => vec![
            b"\0\x05noise".to_vec(),
            b"\0\0".to_vec(),
            b"\0\x20half".to_vec(),
            Vec::new(),
        ],
    };
    for answer in answers {
        let shown = String::from_utf8_lossy(&answer).into_owned();
        subject.relay().set(Mode::AnswerAll(answer.clone()));
        let error = provider.read(RANCHER).await.err();
        // A load balancer without the wide IP says 404, and nothing more can be told of it.
        assert!(error.is_some() || !subject.guards(), "{shown}");
        subject.relay().set(Mode::AnswerChanges(answer));
        let error = provider.change(RANCHER, &before, &wanted()).await.unwrap_err();
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
        if shown.starts_with("HTTP/1.1 200") {
            assert!(matches!(error, Error::Lost { .. }), "{shown}: {error}");
        }
        subject.relay().set(Mode::Pass);
        assert_eq!(subject.there().await, before, "{shown}");
    }
}

pub(super) async fn endless_answers_are_errors(subject: &impl Subject) {
    if !subject.is_http() {
        return;
    }
    let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    answer.resize((1 << 20) + 1000, b' ');
    subject.relay().set(Mode::AnswerAll(answer));
    let error = subject.provider().read(RANCHER).await.unwrap_err();
    assert!(error.to_string().contains("more than 1048576 bytes"), "{error}");
}

pub(super) async fn a_check_proves_and_changes_nothing(subject: &impl Subject) {
    let (before, changes) = (subject.there().await, subject.changes());
    let found = subject.provider().check(RANCHER, RTO, &[]).await;
    let verdict = |about| found.iter().find(|it| it.about == about).map(|it| it.verdict);
    for about in [About::Name, About::Right, About::Ttl] {
        assert_eq!(verdict(about), Some(Verdict::Proven), "{found:?}");
    }
    // There is no resolver here to ask.
    assert_eq!(verdict(About::Delegation), Some(Verdict::Unproven), "{found:?}");
    assert_eq!((subject.there().await, subject.changes()), (before, changes));
    let found = subject.provider().check(RANCHER, Duration::from_secs(30), &[]).await;
    assert!(
        found.iter().any(|it| it.about == About::Ttl && it.verdict == Verdict::Broken),
        "{found:?}"
    );
}

pub(super) async fn a_check_finds_a_credential_that_may_only_read(subject: &impl Subject) {
    let before = subject.there().await;
    let found = subject.reader().check(RANCHER, RTO, &[]).await;
    let right = found.iter().find(|it| it.about == About::Right).unwrap();
    assert_eq!(right.verdict, Verdict::Broken, "{found:?}");
    assert_eq!(subject.there().await, before);
}

pub(super) async fn a_check_takes_no_noise_for_a_proof(subject: &impl Subject) {
    for status in ["400 Bad Request", "404 Not Found", "409 Conflict", "500 Odd"] {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\nconnection: close\r\n\r\nnoise");
        subject.relay().set(Mode::AnswerChanges(answer.into()));
        let found = subject.provider().check(RANCHER, RTO, &[]).await;
        let right = found.iter().find(|it| it.about == About::Right).unwrap();
        assert_ne!(right.verdict, Verdict::Proven, "{status}: {found:?}");
    }
}

pub(super) async fn what_is_typed_by_hand_is_exact(subject: &impl Subject) {
    let provider = subject.provider();
    let lines = provider.by_hand(RANCHER, &subject.there().await, &wanted());
    let text = lines.join("\n");
    assert!(!text.is_empty() && text.contains("60"), "{text}");
    // A load balancer's members have names instead.
    assert!(text.contains("192.0.2.2") || text.contains("hamburg"), "{text}");
    assert!(lines.iter().all(|line| !line.contains('\n')), "{text}");
    let server = "192.0.2.53:53".parse().unwrap();
    // What cannot be had is said in the place of what would be typed.
    let nowhere = provider.by_hand(RANCHER, &subject.there().await, &Wanted::new([], 60));
    assert_eq!(nowhere, ["rancher.lab.test cannot be moved: no addresses are given"]);
    let check = provider.check_by_hand(RANCHER, &[server]);
    assert_eq!(check, ["dig +short @192.0.2.53 rancher.lab.test A rancher.lab.test AAAA"]);
}

pub(super) async fn a_foreign_name_is_refused(subject: &impl Subject) {
    let provider = subject.provider();
    for name in ["rancher.other.test", "rancherlab.test"] {
        let error = provider.read(name).await.unwrap_err();
        assert!(matches!(error, Error::Outside { .. }), "{error}");
    }
    assert!(matches!(provider.read("a b").await, Err(Error::Name { .. })));
    let none = Wanted::new([], 60);
    let error = provider.change(RANCHER, &subject.there().await, &none).await.unwrap_err();
    assert_eq!(error.to_string(), "rancher.lab.test cannot be moved: no addresses are given");
}

pub(super) async fn what_was_read_survives_a_journal(subject: &impl Subject) {
    let held = subject.provider().read(RANCHER).await.unwrap();
    let written = serde_json::to_string(&held).unwrap();
    assert_eq!(serde_json::from_str::<Held>(&written).unwrap(), held);
}

pub(super) async fn no_secret_is_shown(subject: &impl Subject) {
    let shown = format!("{:?}", subject.provider());
    for secret in [
        "wJalrXUtnFEMI",
        "Sn3lZJTBX6",
        "PRIVATE KEY",
        "Qq~8Q",
        "correct horse",
        "bGlmZWJvYXQ",
        "[108, 105",
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
