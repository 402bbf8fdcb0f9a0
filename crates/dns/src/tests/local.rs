//! Servers that answer oddly, or not at all.

use super::{fqdn, ip, key};
use crate::wire::{self, Trouble};
use crate::{Answer, Error, Held, Provider, Wanted, Zone, ask};
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// Answers every question over UDP with what `answers` makes of it, datagram by datagram, until the test ends.
async fn udp_server(answers: fn(Message) -> Vec<Vec<u8>>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            for answer in answers(Message::from_vec(&buffer[..length]).unwrap()) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    address
}

/// Answers every connection with these bytes, and closes it.
async fn tcp_server(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _from)) = listener.accept().await {
            let length = stream.read_u16().await.unwrap();
            let mut question = vec![0; length.into()];
            stream.read_exact(&mut question).await.unwrap();
            stream.write_all(bytes).await.unwrap();
        }
    });
    address
}

fn question() -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(fqdn("a.test"), RecordType::A));
    message
}

fn with_address(question: Message) -> Message {
    let name = question.queries[0].name().clone();
    let mut answer = question.into_response();
    if answer.queries[0].query_type() == RecordType::A {
        answer.add_answer(Record::from_rdata(name, 5, RData::A(A::new(192, 0, 2, 1))));
    }
    answer
}

/// A port at which nothing listens: the privileged ones are not given out.
pub(super) fn closed() -> SocketAddr {
    "127.77.255.254:1".parse().unwrap()
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let error = ask(closed(), "a.test").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("name server 127.77.255.254:1 did not answer for a.test: "),
        "{error}"
    );
    let zone = Zone { server: closed(), zone: "test".to_owned(), key: key() };
    let error = zone.read("a.test").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(error.kind(), estate::Kind::Unreachable);
}

#[tokio::test]
async fn silence_is_unreachable() {
    let server = udp_server(|_question| Vec::new()).await;
    let outcome = wire::udp(server, &question(), Duration::from_millis(20)).await;
    assert!(matches!(outcome, Err(Trouble::Silence(_))), "{outcome:?}");
}

#[tokio::test]
async fn noise_before_the_answer_is_passed_over() {
    let server = udp_server(|question| {
        let mut forged = with_address(question.clone());
        forged.metadata.id = question.id.wrapping_add(1);
        let noise = b"noise".to_vec();
        vec![
            noise,
            forged.to_vec().unwrap(),
            with_address(question).to_vec().unwrap(),
        ]
    })
    .await;
    let Answer { addresses, ttl, authoritative, .. } = ask(server, "a.test").await.unwrap();
    assert_eq!((addresses, ttl, authoritative), (vec![ip("192.0.2.1")], 5, false));
}

#[tokio::test]
async fn noise_alone_is_no_answer() {
    let server = udp_server(|_question| vec![b"noise".to_vec()]).await;
    let outcome = wire::udp(server, &question(), Duration::from_millis(20)).await;
    assert!(matches!(outcome, Err(Trouble::Nonsense(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_resolver_that_could_not_find_out_is_no_answer() {
    let server = udp_server(|question| {
        let mut answer = question.into_response();
        answer.metadata.response_code = ResponseCode::ServFail;
        vec![answer.to_vec().unwrap()]
    })
    .await;
    let error = ask(server, "a.test").await.unwrap_err();
    assert_eq!(error.to_string(), format!("name server {server} answers SERVFAIL for a.test"));
    assert_eq!(error.kind(), estate::Kind::Unreachable);
}

#[tokio::test]
async fn nxdomain_for_aaaa_does_not_hide_the_a_records() {
    let server = udp_server(|question| {
        let mut answer = with_address(question);
        if answer.answers.is_empty() {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        vec![answer.to_vec().unwrap()]
    })
    .await;
    let answer = ask(server, "a.test").await.unwrap();
    assert_eq!(answer.addresses, [ip("192.0.2.1")]);
}

#[tokio::test]
async fn broken_answers_over_tcp_are_told_apart() {
    let over_tcp = async |bytes| {
        let request = question();
        let patience = Duration::from_secs(10);
        let server = tcp_server(bytes).await;
        wire::tcp(server, &request, &request.to_vec().unwrap(), patience)
            .await
            .unwrap_err()
    };
    let closed_early = "it closed the connection without an answer";
    for bytes in [&b""[..], b"\0", b"\0\x20half"] {
        let trouble = over_tcp(bytes).await;
        assert!(
            matches!(&trouble, Trouble::Cut(reason) if reason == closed_early),
            "{bytes:?}: {trouble:?}"
        );
    }
    for bytes in [&b"\0\0"[..], b"\0\x05noise"] {
        assert!(matches!(over_tcp(bytes).await, Trouble::Nonsense(_)), "{bytes:?}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_sent() {
    // The server is closed: only what is refused before can say anything else.
    let zone = Zone { server: closed(), zone: "lab.test".to_owned(), key: key() };
    let refused = async |name: &str, to: &[_]| {
        let to = Wanted::new(to.iter().copied(), 30);
        zone.change(name, &Held::NOTHING, &to).await.unwrap_err().to_string()
    };
    let one = [ip("192.0.2.1")];
    assert_eq!(
        refused("rancher.other.test", &one).await,
        "rancher.other.test is not in the zone lab.test"
    );
    assert_eq!(refused("rancherlab.test", &one).await, "rancherlab.test is not in the zone lab.test");
    assert!(refused("a b", &one).await.starts_with("\"a b\" is not a domain name"));
    assert_eq!(refused("a.lab.test", &[]).await, "a.lab.test cannot be moved: no addresses are given");
    let many: Vec<_> = (0..65).map(|n| ip(&format!("192.0.2.{n}"))).collect();
    assert_eq!(
        refused("a.lab.test", &many).await,
        "a.lab.test cannot be moved: more than 64 addresses are given"
    );
}
