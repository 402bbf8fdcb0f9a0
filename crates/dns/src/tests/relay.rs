//! What stands between a provider and its service, and can do what networks do. Start at [`Relay`].

use futures::future::BoxFuture;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// Something that happens while a change is on its way.
pub(super) type Deed = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// What is done to the next request that fits.
pub(super) enum Mode {
    Pass,
    /// The change arrives, and its answer does not.
    LoseAnswer,
    /// The change arrives twice, and the second answer comes back.
    Twice,
    /// Something else happens just before the change arrives.
    Before(Deed),
    /// Every request that may change something is answered with these bytes, and does not arrive.
    AnswerChanges(Vec<u8>),
    /// Every request is.
    AnswerAll(Vec<u8>),
}

/// A TCP relay to a service.
#[derive(Clone)]
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    mode: Arc<Mutex<Mode>>,
}

impl Relay {
    /// `is_change` tells by its first bytes whether a request may change something.
    pub(super) async fn start(to: SocketAddr, is_change: fn(&[u8]) -> bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let relay = Self { address, mode: Arc::new(Mutex::new(Mode::Pass)) };
        let inner = relay.clone();
        tokio::spawn(async move {
            while let Ok((stream, _from)) = listener.accept().await {
                let relay = inner.clone();
                tokio::spawn(async move { relay.carry(stream, to, is_change).await });
            }
        });
        relay
    }

    pub(super) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// What is to be done to this request.
    fn taken(&self, is_change: bool) -> Mode {
        let mut mode = self.mode.lock().unwrap();
        match &*mode {
            Mode::AnswerAll(bytes) => Mode::AnswerAll(bytes.clone()),
            Mode::AnswerChanges(bytes) if is_change => Mode::AnswerAll(bytes.clone()),
            Mode::LoseAnswer | Mode::Twice | Mode::Before(_) if is_change => std::mem::replace(&mut *mode, Mode::Pass),
            _ => Mode::Pass,
        }
    }

    async fn carry(&self, mut client: TcpStream, to: SocketAddr, is_change: fn(&[u8]) -> bool) {
        let mut first = vec![0; 1 << 16];
        let Ok(length @ 1..) = client.read(&mut first).await else {
            return;
        };
        first.truncate(length);
        let mode = self.taken(is_change(&first));
        if let Mode::AnswerAll(bytes) = mode {
            let _gone = client.write_all(&bytes).await;
            // What is still on its way is read, so that the answer is not lost with a reset.
            let _gone = client.shutdown().await;
            while let Ok(1..) = client.read(&mut first).await {}
            return;
        }
        let twice = matches!(mode, Mode::Twice);
        if twice && first.starts_with(b"P") {
            whole(&mut client, &mut first).await;
        }
        let loses = matches!(mode, Mode::LoseAnswer);
        if let Mode::Before(deed) = mode {
            deed().await;
        }
        if twice {
            let mut service = TcpStream::connect(to).await.unwrap();
            service.write_all(&first).await.unwrap();
            let _answered = service.read(&mut [0; 1]).await.unwrap();
        }
        let Ok(mut service) = TcpStream::connect(to).await else {
            return;
        };
        service.write_all(&first).await.unwrap();
        if !loses {
            let _ends = copy_bidirectional(&mut client, &mut service).await;
            return;
        }
        let mut answer = [0; 1];
        loop {
            tokio::select! {
                read = client.read(&mut first) => match read {
                    Ok(length @ 1..) => service.write_all(&first[..length]).await.unwrap(),
                    _ => return,
                },
                read = service.read(&mut answer) => {
                    read.unwrap();
                    return;
                }
            }
        }
    }
}

/// Reads the rest of an HTTP request.
async fn whole(client: &mut TcpStream, request: &mut Vec<u8>) {
    let mut more = vec![0; 1 << 16];
    loop {
        let text = String::from_utf8_lossy(request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase();
            let length = length
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return;
            }
        }
        let length = client.read(&mut more).await.unwrap();
        assert_ne!(length, 0, "it ended early");
        request.extend_from_slice(&more[..length]);
    }
}
