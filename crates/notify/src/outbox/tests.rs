use super::*;
use estate::{Form, Placed, Webhook, WebhookUrl};
use jiff::SignedDuration;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    "2026-11-23T02:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn channel(severities: Option<Vec<Severity>>) -> estate::Channel {
    let url = Placed::nowhere(WebhookUrl::Plain("https://ops.example.org".to_owned()));
    estate::Channel {
        webhook: Some(Webhook { url, form: Form::Json, secret: None, ca: None }),
        email: None,
        severities: severities.map(Placed::nowhere),
    }
}

fn message(about: &str, seconds: i64) -> Message {
    Message {
        about: about.to_owned(),
        severity: Severity::Alarm,
        title: "t".to_owned(),
        text: "t".to_owned(),
        next: None,
        at: at(seconds),
    }
}

fn silent() -> Error {
    Error::Unreachable {
        channel: name("ops"),
        server: "ops.example.org:443".to_owned(),
        reason: "no answer within 30s".to_owned(),
    }
}

fn refused() -> Error {
    Error::Refused {
        channel: name("ops"),
        server: "ops.example.org:443".to_owned(),
        reason: "HTTP 413".to_owned(),
    }
}

fn filled(number: usize) -> Outbox {
    let mut outbox = Outbox::default();
    for n in 0..number {
        outbox.push(&message(&n.to_string(), 0), [(&name("ops"), &channel(None))]);
    }
    outbox
}

fn abouts(outbox: &Outbox, now: i64) -> Vec<String> {
    outbox.due(&name("ops"), at(now)).into_iter().map(|it| it.about).collect()
}

#[test]
fn each_channel_gets_what_it_takes() {
    let (ops, night) = (name("ops"), name("night"));
    let (all, cured) = (channel(None), channel(Some(vec![Severity::Cured])));
    let mut outbox = Outbox::default();
    outbox.push(&message("a", 0), [(&ops, &all), (&night, &cured)]);
    assert_eq!((outbox.waiting(&ops), outbox.waiting(&night)), (1, 0));
    outbox.sent(&ops, &message("a", 0), &[]);
    assert_eq!((outbox.waiting(&ops), outbox.troubles().len()), (0, 0));
    outbox.keep_only(|it| *it == night);
    assert_eq!(outbox, Outbox::default());
}

#[test]
fn pauses_grow_to_a_quarter_of_an_hour_and_end_with_a_success() {
    let pauses: Vec<u64> = (1..=10).chain([100, u32::MAX]).map(|n| pause(n).as_secs()).collect();
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900]);
    let mut outbox = filled(2);
    outbox.failed(&name("ops"), &message("0", 0), &silent(), at(0));
    assert!(abouts(&outbox, 4).is_empty());
    assert_eq!(abouts(&outbox, 5), ["0", "1"]);
    // The clock went back by a day.
    assert_eq!(abouts(&outbox, -86_400), ["0", "1"]);
    let told = &outbox.troubles()[&name("ops")];
    assert_eq!(
        told,
        "channel ops: ops.example.org:443 did not take a message: no answer within 30s; 2 messages not sent yet"
    );
    let kept: Outbox = serde_json::from_str(&serde_json::to_string(&outbox).unwrap()).unwrap();
    assert_eq!(kept, outbox);
    outbox.sent(&name("ops"), &message("0", 0), &["x@example.org is refused: 550".to_owned()]);
    assert_eq!(abouts(&outbox, 4), ["1"]);
    assert_eq!(outbox.troubles()[&name("ops")], "x@example.org is refused: 550; 1 message not sent yet");
}

#[test]
fn a_refused_message_lets_the_others_pass_and_an_old_one_is_given_up() {
    let mut outbox = filled(3);
    outbox.failed(&name("ops"), &message("0", 0), &refused(), at(0));
    assert_eq!(abouts(&outbox, 5), ["1", "2", "0"]);
    outbox.failed(&name("ops"), &message("1", 0), &silent(), at(5));
    assert_eq!(abouts(&outbox, 15), ["1", "2", "0"]);
    let days = 3 * 86_400 + 1;
    outbox.failed(&name("ops"), &message("1", 0), &silent(), at(days));
    assert_eq!(abouts(&outbox, days + 900), ["2", "0"]);
    let told = &outbox.troubles()[&name("ops")];
    assert!(told.ends_with("; 2 messages not sent yet; 1 message given up"), "{told}");
}

#[test]
fn only_so_many_wait() {
    let outbox = filled(WAITING_MAX + 3);
    assert_eq!(outbox.waiting(&name("ops")), WAITING_MAX);
    assert_eq!(abouts(&outbox, 0)[0], "3");
}
