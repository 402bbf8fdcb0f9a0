//! A mail server of a few lines: it takes what it is told, refuses mailboxes called `gone`, and notes what it hears.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub(super) struct Server {
    pub(super) port: u16,
    pub(super) ca: String,
    heard: Arc<Mutex<Vec<String>>>,
}

/// What a server is like.
#[derive(Clone, Copy, Default)]
pub(super) struct Manner {
    pub(super) tls: bool,
    pub(super) starttls: bool,
    /// What it greets with instead of 220.
    pub(super) greeting: Option<&'static str>,
    pub(super) takes_no_password: bool,
}

impl Server {
    pub(super) fn start(manner: Manner) -> Self {
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &issuer).unwrap();
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()));
        let (config, heard) = (Arc::new(config.unwrap()), Arc::new(Mutex::new(Vec::new())));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (port, notes) = (listener.local_addr().unwrap().port(), heard.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that hangs up ends its conversation, and nothing else.
                let _ = converse(stream.unwrap(), manner, &config, &notes);
            }
        });
        Self { port, ca: issuer.pem(), heard }
    }

    /// The same, for clients that know another CA.
    pub(super) fn with_ca(mut self, ca: &str) -> Self {
        ca.clone_into(&mut self.ca);
        self
    }

    /// The same, for clients that look for it at another port.
    pub(super) fn at(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// All that clients have said, a line each.
    pub(super) fn heard(&self) -> String {
        self.heard.lock().unwrap().join("\n")
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn converse(
    tcp: TcpStream,
    manner: Manner,
    config: &Arc<ServerConfig>,
    heard: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let encrypted = |tcp: TcpStream| Box::new(StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), tcp));
    let mut is_encrypted = manner.tls;
    let mut stream: Box<dyn Stream> = match manner.tls {
        true => encrypted(tcp.try_clone()?),
        false => Box::new(tcp.try_clone()?),
    };
    say(&mut stream, manner.greeting.unwrap_or("220 mail.example.org"))?;
    while let Some(line) = line(&mut stream)? {
        heard.lock().unwrap().push(line.clone());
        let word = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        match word.as_str() {
            "EHLO" if manner.starttls && !is_encrypted => say(&mut stream, "250-mail\r\n250 STARTTLS")?,
            "EHLO" => say(&mut stream, "250-mail\r\n250 AUTH PLAIN LOGIN")?,
            "STARTTLS" => {
                say(&mut stream, "220 go ahead")?;
                stream = encrypted(tcp.try_clone()?);
                is_encrypted = true;
            }
            "AUTH" if manner.takes_no_password => say(&mut stream, &format!("535 not known: {line}"))?,
            "AUTH" => say(&mut stream, "235 welcome")?,
            "RCPT" if line.contains("<gone@") => say(&mut stream, "550 nobody is called that")?,
            "DATA" => {
                say(&mut stream, "354 go on")?;
                while let Some(text) = self::line(&mut stream)?.filter(|text| text != ".") {
                    heard.lock().unwrap().push(text);
                }
                say(&mut stream, "250 taken")?;
            }
            "QUIT" => return say(&mut stream, "221 bye"),
            _ => say(&mut stream, "250 well")?,
        }
    }
    Ok(())
}

fn say(stream: &mut Box<dyn Stream>, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("{text}\r\n").as_bytes())?;
    stream.flush()
}

/// A byte at a time: what comes after it may be another protocol's.
fn line(stream: &mut Box<dyn Stream>) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 {
        bytes.push(byte[0]);
        if let Some(text) = bytes.strip_suffix(b"\r\n") {
            return Ok(Some(String::from_utf8_lossy(text).into_owned()));
        }
    }
    Ok(None)
}
