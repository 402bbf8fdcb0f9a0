use crate::{Estate, FileError, Form, MailTls, Name, Severity, WebhookUrl};

const GOOD: &str = include_str!("../tests/good.yaml");

fn with(channels: &str) -> Result<Estate, FileError> {
    Estate::parse("lifeboat.yaml", &format!("{GOOD}notify:\n{channels}"))
}

const ALL: &str = r#"  ops:
    webhook:
      url: https://ops.example.org/lifeboat
      secret: file:ops.secret
      ca: ops-ca.pem
  chat:
    webhook: {url: "${CHAT_URL}", form: slack}
    severities: [alarm, cured]
  people:
    email:
      server: mail.example.org
      user: lifeboat
      password: file:mail.password
      from: Lifeboat <lifeboat@example.org>
      to: [night@example.org, team@example.org]
"#;

#[test]
fn channels_are_read_and_their_secrets_are_referred_to() {
    let estate = with(ALL).unwrap();
    let channel = |name: &str| &estate.notify[&name.parse::<Name>().unwrap()];
    let ops = channel("ops").webhook.as_ref().unwrap();
    assert_eq!(*ops.url, WebhookUrl::Plain("https://ops.example.org/lifeboat".to_owned()));
    assert_eq!(ops.form, Form::Json);
    let severities = channel("chat").severities.as_ref().unwrap();
    assert_eq!(**severities, [Severity::Alarm, Severity::Cured]);
    let people = channel("people").email.as_ref().unwrap();
    assert_eq!((people.tls, people.port(), people.to.len()), (MailTls::Starttls, 587, 2));
    let places: Vec<String> = estate.referred().into_iter().map(|it| it.place).collect();
    let ours: Vec<&str> = places
        .iter()
        .map(String::as_str)
        .filter(|it| it.starts_with("notify"))
        .collect();
    assert_eq!(
        ours,
        [
            "notify.chat.webhook.url",
            "notify.ops.webhook.secret",
            "notify.ops.webhook.ca",
            "notify.people.email.password"
        ]
    );
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let mistakes = [
        ("  chat:\n", "  chat:\n    email: {server: a, from: a@b, to: [c@d]}\n"),
        ("form: slack", "form: slacker"),
        ("severities: [alarm, cured]", "severities: []"),
        ("severities: [alarm, cured]", "severities: [alarms]"),
        ("\"${CHAT_URL}\"", "https://chat.example.org/hooks/T0/B0/hunter2"),
        ("url: https://ops", "url: http://ops"),
        ("url: https://ops.example.org/lifeboat", "url: https://user:hunter2@ops.example.org"),
        ("secret: file:ops.secret", "secret: hunter2"),
        ("server: mail.example.org", "server: smtp://mail.example.org"),
        ("      password: file:mail.password\n", ""),
        ("      user: lifeboat\n", ""),
        ("      user: lifeboat\n", "      user: lifeboat\n      tls: none\n"),
        ("to: [night@example.org, team@example.org]", "to: []"),
        ("to: [night@example.org, team@example.org]", "to: [night at example.org]"),
        ("from: Lifeboat <lifeboat@example.org>", "from: Lifeboat"),
        ("      server: mail.example.org\n", ""),
    ];
    let shown = mistakes.map(|(from, to)| {
        let text = ALL.replacen(from, to, 1);
        assert_ne!(text, ALL, "{from:?} is not in the file");
        with(&text).unwrap_err().to_string()
    });
    let shown = shown.join("\n\n");
    assert!(!shown.contains("hunter2"), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn only_the_host_itself_is_called_without_tls() {
    for good in [
        "https://a.example.org",
        "https://[2001:db8::1]:8443/x",
        "http://localhost:9095/hook",
        "http://127.0.0.1:8080",
        "http://[::1]:80/a",
        "http://[::1]/a",
    ] {
        assert!(crate::is_safe_to_call(good), "{good}");
    }
    for bad in [
        "",
        "https://",
        "https:///x",
        "http://",
        "http://a.example.org",
        "http://localhost.example.org",
        "http://localhost@a.example.org",
        "http://127.0.0.1@a.example.org/",
        "http://10.0.0.1",
        "ftp://localhost",
        "HTTPS://a",
    ] {
        assert!(!crate::is_safe_to_call(bad), "{bad}");
    }
}
