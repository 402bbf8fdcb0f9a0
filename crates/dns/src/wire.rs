//! One request, one answer: over UDP with a second try and TCP on truncation, or over TCP. Start at [`udp`] and [`tcp`].

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long a question waits for its answer, and every request for a connection.
pub(crate) const TRY: Duration = Duration::from_secs(2);

/// How long an update waits for its answer: the server syncs its journal to disk first.
pub(crate) const UPDATE: Duration = Duration::from_secs(10);

/// How often a question is asked before the server counts as unreachable.
const TRIES: usize = 2;

/// Bytes of the largest answer over UDP that is taken: without EDNS, no server sends more than 512.
const UDP_LIMIT: usize = 4096;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Nothing came, or nothing could be sent.
    Silence(String),
    /// Something was sent over a connection, and nothing came back.
    Cut(String),
    /// Something came that is not an answer to this request.
    Nonsense(String),
}

/// An answer, and the bytes that its signature covers.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) message: Message,
    pub(crate) bytes: Vec<u8>,
}

/// Asks over UDP, once more when there is no answer within `patience`, and over TCP when the answer does not fit.
pub(crate) async fn udp(server: SocketAddr, request: &Message, patience: Duration) -> Result<Reply, Trouble> {
    let bytes = written(request)?;
    let mut last = Trouble::Silence("it was not asked".to_owned());
    for _ in 0..TRIES {
        match udp_once(server, request, &bytes, patience).await {
            Ok(Some(reply)) => return Ok(reply),
            Ok(None) => return tcp(server, request, &bytes, patience).await,
            Err(trouble) => last = trouble,
        }
    }
    Err(last)
}

/// `None` when the answer was cut off.
async fn udp_once(
    server: SocketAddr,
    request: &Message,
    bytes: &[u8],
    patience: Duration,
) -> Result<Option<Reply>, Trouble> {
    let local: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(local).await.map_err(silence)?;
    // Connected, the socket takes datagrams from this server only, and hears of a closed port at once.
    socket.connect(server).await.map_err(silence)?;
    socket.send(bytes).await.map_err(silence)?;
    let mut nonsense = None;
    let answer = async {
        let mut buffer = vec![0; UDP_LIMIT];
        loop {
            let length = socket.recv(&mut buffer).await.map_err(silence)?;
            let received = &buffer[..length];
            if is_cut_off(received, request.id) {
                return Ok(None);
            }
            match read(request, received) {
                Ok(message) => return Ok(Some(Reply { message, bytes: received.to_vec() })),
                // Forged or late: the answer may still come.
                Err(reason) => nonsense = Some(reason),
            }
        }
    };
    match timeout(patience, answer).await {
        Ok(answered) => answered,
        Err(_elapsed) => Err(nonsense.map_or_else(|| too_late(patience), Trouble::Nonsense)),
    }
}

/// Sends `bytes`, which are `request` (signed or not), over a connection of their own. Not tried again.
pub(crate) async fn tcp(
    server: SocketAddr,
    request: &Message,
    bytes: &[u8],
    patience: Duration,
) -> Result<Reply, Trouble> {
    let length = u16::try_from(bytes.len())
        .map_err(|_too_long| Trouble::Nonsense("the request has more than 65535 bytes".to_owned()))?;
    let mut stream = timeout(TRY, TcpStream::connect(server))
        .await
        .map_err(|_elapsed| too_late(TRY))?
        .map_err(silence)?;
    let exchange = async {
        // In one write: some servers drop connections whose first segment is the length alone.
        let framed = [&length.to_be_bytes(), bytes].concat();
        stream.write_all(&framed).await?;
        let length = stream.read_u16().await?;
        let mut received = vec![0; usize::from(length)];
        stream.read_exact(&mut received).await?;
        io::Result::Ok(received)
    };
    let received = match timeout(patience, exchange).await {
        Ok(Ok(received)) => received,
        Ok(Err(error)) => return Err(Trouble::Cut(said(&error))),
        Err(_elapsed) => return Err(Trouble::Cut(not_within(patience))),
    };
    let message = read(request, &received).map_err(Trouble::Nonsense)?;
    Ok(Reply { message, bytes: received })
}

/// A request as bytes.
pub(crate) fn written(request: &Message) -> Result<Vec<u8>, Trouble> {
    request.to_vec().map_err(|error| Trouble::Nonsense(error.to_string()))
}

/// Reads an answer, and sees that it is one to this request.
pub(crate) fn read(request: &Message, bytes: &[u8]) -> Result<Message, String> {
    let answer = Message::from_vec(bytes).map_err(|error| error.to_string())?;
    if answer.message_type != MessageType::Response || answer.id != request.id || answer.op_code != request.op_code {
        return Err("it is not an answer to this request".to_owned());
    }
    // Refusals and answers to updates may leave the question out; what repeats it must repeat ours.
    let may_be_left_out = answer.op_code == OpCode::Update || answer.response_code != ResponseCode::NoError;
    if answer.queries != request.queries && !(may_be_left_out && answer.queries.is_empty()) {
        return Err("it answers another question".to_owned());
    }
    Ok(answer)
}

/// Whether these are the first bytes of an answer too long for UDP. It may be cut within a record, so that it cannot be read.
fn is_cut_off(bytes: &[u8], id: u16) -> bool {
    const RESPONSE: u8 = 0x80;
    const TRUNCATED: u8 = 0x02;
    match bytes {
        [high, low, flags, ..] => {
            u16::from_be_bytes([*high, *low]) == id && flags & (RESPONSE | TRUNCATED) == RESPONSE | TRUNCATED
        }
        _ => false,
    }
}

fn silence(error: io::Error) -> Trouble {
    Trouble::Silence(said(&error))
}

fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it closed the connection without an answer".to_owned(),
        _ => error.to_string(),
    }
}

fn too_late(patience: Duration) -> Trouble {
    Trouble::Silence(not_within(patience))
}

fn not_within(patience: Duration) -> String {
    format!("nothing came within {} s", patience.as_secs())
}
