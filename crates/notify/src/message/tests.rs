use super::*;

pub(crate) fn message() -> Message {
    Message {
        about: "rancher/rpo".to_owned(),
        severity: Severity::Alarm,
        title: "rancher would lose 74 s".to_owned(),
        text:
            "The objective is 30 s. The newest proven copy is of 02:40:00.\nWhy: <s3> & the \u{1f4a5} answers nothing."
                .to_owned(),
        next: Some("lifeboat status rancher".to_owned()),
        at: "2026-11-23T02:41:14.5Z".parse().unwrap(),
    }
}

#[test]
fn a_message_has_its_forms() {
    let estate: Name = "example".parse().unwrap();
    let it = message();
    let pretty = |form| serde_json::to_string_pretty(&it.body(&estate, form)).unwrap();
    let forms = [
        pretty(Form::Json),
        pretty(Form::Slack),
        format!("Subject: {}", it.subject(&estate)),
        it.letter(&estate),
    ];
    insta::assert_snapshot!(forms.join("\n\n"));
}

#[test]
fn a_message_keeps_its_id_and_others_have_others() {
    let (estate, other): (Name, Name) = ("example".parse().unwrap(), "other".parse().unwrap());
    let it = message();
    assert_eq!(it.id(&estate), it.clone().id(&estate));
    let cured = Message { severity: Severity::Cured, ..it.clone() };
    assert_ne!(it.id(&estate), cured.id(&estate));
    assert_ne!(it.id(&estate), it.id(&other));
    assert_eq!(it.thread(&estate), cured.thread(&estate));
}

#[test]
fn what_comes_from_outside_is_short_and_stays_in_its_line() {
    let estate: Name = "example".parse().unwrap();
    let it = Message {
        title: format!("a\r\nBcc: evil@example.org {}", "\u{e9}".repeat(5000)),
        text: "\u{e9}".repeat(50_000),
        ..message()
    };
    assert!(!it.subject(&estate).contains(['\r', '\n']));
    assert!(it.subject(&estate).chars().count() < 230);
    assert!(it.letter(&estate).chars().count() < 3200);
    assert!(it.body(&estate, Form::Slack).to_string().chars().count() < 3600);
}
