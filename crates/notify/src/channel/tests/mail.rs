//! Mails, to a server of a few lines.

use super::server::{Manner, Server};
use super::*;
use estate::Kind;

fn opened(server: &Server, settings: &str) -> Channel {
    let port = server.port;
    let of = channel(&format!(
        "email: {{server: localhost, port: {port}, ca: ca.pem, from: 'Lifeboat <lifeboat@example.org>', {settings}}}"
    ));
    let secret = |_: &SecretRef| Ok::<_, Error>("hunter2\n".to_owned());
    let file = |_: &Path| Ok(server.ca.clone());
    Channel::open(&"example".parse().unwrap(), &"people".parse().unwrap(), &of, secret, file).unwrap()
}

const ONE: &str = "to: [night@example.org]";
const USER: &str = "to: [night@example.org], user: lifeboat, password: file:mail.password";

#[tokio::test]
async fn a_mail_is_sent_as_it_is_written_down() {
    let server = Server::start(Manner::default());
    let sent = opened(&server, &format!("tls: none, {ONE}")).send(&message()).await.unwrap();
    assert_eq!(sent, Sent::default());
    let heard = server.heard();
    let conversation: Vec<&str> = heard
        .lines()
        .filter(|line| !line.starts_with("EHLO") && *line != "QUIT")
        .collect();
    insta::assert_snapshot!(conversation.join("\n"));
}

#[tokio::test]
async fn tls_comes_before_the_password_and_before_the_mail() {
    for (tls, manner) in [
        ("starttls", Manner { starttls: true, ..Manner::default() }),
        ("tls", Manner { tls: true, ..Manner::default() }),
    ] {
        let server = Server::start(manner);
        opened(&server, &format!("tls: {tls}, {USER}")).send(&message()).await.unwrap();
        let heard = server.heard();
        // "\0lifeboat\0hunter2"
        let password = heard.find("AUTH PLAIN AGxpZmVib2F0AGh1bnRlcjI=");
        assert!(password.is_some() && password < heard.find("MAIL FROM"), "{heard}");
        assert_eq!(heard.contains("STARTTLS"), manner.starttls);
    }
}

#[tokio::test]
async fn without_the_tls_that_is_asked_for_nothing_is_sent() {
    // It does not offer STARTTLS, as when somebody in between takes that out.
    let server = Server::start(Manner::default());
    let error = opened(&server, USER).send(&message()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Person, "{error}");
    let heard = server.heard();
    assert!(!heard.contains("AUTH") && !heard.contains("MAIL"), "{heard}");
    // Its certificate is another CA's.
    let other = Server::start(Manner::default());
    let tls = Server::start(Manner { tls: true, ..Manner::default() });
    let it = tls.with_ca(&other.ca);
    let error = opened(&it, &format!("tls: tls, {USER}")).send(&message()).await.unwrap_err();
    assert!(error.to_string().contains("its certificate is not trusted"), "{error}");
    assert_eq!(error.kind(), Kind::Person);
    assert_eq!(it.heard(), "");
}

#[tokio::test]
async fn a_mailbox_that_is_gone_does_not_keep_it_from_others() {
    let server = Server::start(Manner::default());
    let to = "tls: none, to: [gone@example.org, night@example.org]";
    let sent = opened(&server, to).send(&message()).await.unwrap();
    assert_eq!(sent.refused.len(), 1);
    assert!(sent.refused[0].starts_with("gone@example.org did not get a message: "), "{sent:?}");
    assert!(sent.refused[0].contains("nobody is called that"), "{sent:?}");
    assert_eq!(server.heard().lines().filter(|line| *line == "DATA").count(), 1);
    let error = opened(&server, "tls: none, to: [gone@example.org]").send(&message()).await;
    assert_eq!(error.unwrap_err().kind(), Kind::Person);
}

#[tokio::test]
async fn a_server_that_cannot_now_is_asked_again_and_passwords_are_not_told() {
    let busy = Server::start(Manner { greeting: Some("421 too many"), ..Manner::default() });
    let error = opened(&busy, &format!("tls: none, {ONE}")).send(&message()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    assert!(error.to_string().contains("too many"), "{error}");
    let strict = Server::start(Manner { takes_no_password: true, ..Manner::default() });
    let channel = opened(&strict, &format!("tls: none, {USER}"));
    let error = channel.send(&message()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Person);
    assert!(error.to_string().contains("not known"), "{error}");
    for text in [format!("{error} {error:?}"), format!("{channel:?}")] {
        assert!(!text.contains("hunter2") && !text.contains("AGxpZmVib2F0"), "{text}");
    }
    // Nobody listens there.
    let closed = strict.at(1);
    let error = opened(&closed, &format!("tls: none, {ONE}"))
        .send(&message())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
}
