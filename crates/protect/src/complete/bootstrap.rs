//! k3s' and RKE2's bootstrap data in etcd, and the captured token: the token opens it, and what is in it is what was captured.
//! Start at [`judge`].
//!
//! Sources, of k3s, which RKE2 builds on: `pkg/cluster/storage.go` (the key is `/bootstrap/` and the first 12 hexadecimal digits of
//! the SHA-256 of the token's password; an empty value is a lock; older servers used the whole token, or nothing, in its place),
//! `pkg/cluster/encrypt.go` (`SALT:BASE64`; AES-256-GCM with its nonce of 12 bytes in front; the key is PBKDF2 with HMAC-SHA-1, 4096
//! rounds, over the password), `pkg/bootstrap/bootstrap.go` (JSON: names to `Timestamp` and `Content`; to the content alone, before),
//! `pkg/daemons/config/types.go` (the names), `pkg/clientaccess/token.go` (`K10CAHASH::USER:PASSWORD`, or the password alone).

use super::finding::{BACK, Found, Pair};
use super::layout::Layout;
use super::pki;
use super::{CapturedFiles, Parts};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use estate::Distribution;
use serde_json::Value;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use zeroize::Zeroizing;

const PAIR: Pair = Pair::JoinToken;
const PREFIX: &str = "/bootstrap";
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4095);
const NONCE: usize = 12;

/// What of the bootstrap data is compared, and where it lies below the server's directory.
const NAMES: [(&str, &str); 12] = [
    ("ServerCA", "tls/server-ca.crt"),
    ("ServerCAKey", "tls/server-ca.key"),
    ("ClientCA", "tls/client-ca.crt"),
    ("ClientCAKey", "tls/client-ca.key"),
    ("RequestHeaderCA", "tls/request-header-ca.crt"),
    ("RequestHeaderCAKey", "tls/request-header-ca.key"),
    ("ETCDServerCA", "tls/etcd/server-ca.crt"),
    ("ETCDServerCAKey", "tls/etcd/server-ca.key"),
    ("ETCDPeerCA", "tls/etcd/peer-ca.crt"),
    ("ETCDPeerCAKey", "tls/etcd/peer-ca.key"),
    ("ServiceKey", "tls/service.key"),
    ("EncryptionConfig", "cred/encryption-config.json"),
];

/// A token that was captured.
struct Token {
    /// Where.
    place: String,
    host: String,
    whole: Zeroizing<String>,
}

/// Tests them.
pub(super) fn judge(parts: &Parts<'_>, layout: &Layout, found: &mut Found) {
    let name = match parts.distribution {
        Distribution::K3s => "k3s",
        Distribution::Rke2 => "rke2",
        _ => return,
    };
    let tokens = tokens(name, parts.files, layout);
    if tokens.is_empty() {
        let why = format!("no token was captured: neither {}/token nor the token in config.yaml", layout.base);
        let next = "capture it: without the token nobody opens the bootstrap data in etcd, and no node joins";
        return found.missing(PAIR, why, next);
    }
    let mut stored = BTreeMap::new();
    let read = parts.records.each(PREFIX.as_bytes(), &mut |key, value| {
        stored.insert(String::from_utf8_lossy(key).into_owned(), value.to_vec());
        ControlFlow::Continue(())
    });
    if let Err(why) = read {
        let why = format!("the bootstrap data in etcd cannot be read: {why}");
        return found.unknown(PAIR, why, "lifeboat verify, for this cluster: it reads all of its history");
    }
    for token in tokens {
        names_authority(&token, parts.files, layout, found);
        opens(&token, &stored, parts.files, layout, found);
    }
}

/// The tokens of all hosts, each once.
fn tokens(name: &str, files: &dyn CapturedFiles, layout: &Layout) -> Vec<Token> {
    let mut all: Vec<Token> = Vec::new();
    for host in files.hosts() {
        let path = format!("{}/token", layout.base);
        let file = files.get(host, &path).map(|it| String::from_utf8_lossy(it).into_owned());
        // Of an agent, the token in its configuration is another one.
        let serves = file.is_some() || !files.list(host, &format!("{}/tls/", layout.base)).is_empty();
        let configured = super::generation::server_config(name, files, host).get("token").cloned();
        let configured = configured
            .filter(|_| serves)
            .map(|it| (format!("the token in config.yaml of {host}"), it));
        for (place, text) in file.map(|it| (format!("{path} of {host}"), it)).into_iter().chain(configured) {
            let whole = Zeroizing::new(text.trim().to_owned());
            if let Some(same) = all.iter_mut().find(|it| it.whole == whole) {
                same.place = format!("{}, {place}", same.place);
            } else if !whole.is_empty() {
                all.push(Token { place, host: host.to_owned(), whole });
            }
        }
    }
    all
}

impl Token {
    /// The hash of the CA that it names; nothing where it names none.
    fn authority(&self) -> Option<&str> {
        let (hash, _) = self.whole.strip_prefix("K10")?.split_once("::")?;
        (!hash.is_empty()).then_some(hash)
    }

    /// What of it is secret.
    fn password(&self) -> &str {
        let full = || {
            let (_, user) = self.whole.strip_prefix("K10")?.split_once("::")?;
            Some(user.split_once(':')?.1)
        };
        full().unwrap_or(&self.whole)
    }
}

/// Whether the CA whose hash is in the token is the captured one.
fn names_authority(token: &Token, files: &dyn CapturedFiles, layout: &Layout, found: &mut Found) {
    let path = format!("{}/tls/server-ca.crt", layout.base);
    let (Some(hash), Some(file)) = (token.authority(), files.get(&token.host, &path)) else {
        return;
    };
    let certificates = pki::certificates(file);
    let roots = certificates.iter().any(|it| it.digest() == hash);
    if pki::sha256(file) != hash && !roots {
        let why = format!("{}: the CA that it names by its hash is not {path} of {}", token.place, token.host);
        let next =
            format!("put back the one that was changed, token or CA, nodes would not join with this pair: {BACK}");
        found.mismatch(PAIR, why, next);
    }
}

fn opens(
    token: &Token,
    stored: &BTreeMap<String, Vec<u8>>,
    files: &dyn CapturedFiles,
    layout: &Layout,
    found: &mut Found,
) {
    let place = &token.place;
    if stored.is_empty() {
        let why = format!("etcd holds no bootstrap data, so nothing tells whether {place} is this cluster's");
        let next = "a recovery takes the CAs from the captured files; a server of k3s 1.22 or RKE2 1.22 and later writes them into etcd";
        return found.unknown(PAIR, why, next);
    }
    // The same order in which a server looks.
    let forms = [token.password(), "", &token.whole];
    let hit = forms.iter().find_map(|word| Some((*word, stored.get(&key(word))?)));
    let Some((word, value)) = hit else {
        let why = format!("{place}: the bootstrap data in etcd stands under the hash of another token");
        let next = format!(
            "put back the token that the servers use, with this one no server starts on the restored etcd: {BACK}"
        );
        return found.mismatch(PAIR, why, next);
    };
    if value.is_empty() {
        let why =
            format!("{place}: the bootstrap data in etcd is empty, which is the lock of a server that is writing it");
        return found.unknown(PAIR, why, "look again in a minute");
    }
    let Some(data) = open(word, value) else {
        let why = format!("{place} does not open the bootstrap data that stands under its hash in etcd");
        return found.mismatch(PAIR, why, "one of both is damaged: verify the history, and capture the token again");
    };
    let Some(inside) = parsed(&data) else {
        let why = format!("{place} opens the bootstrap data in etcd, but what is in it cannot be read");
        return found.unknown(PAIR, why, "capture the CAs as files; they are what a recovery uses then");
    };
    // Data under no word at all is sealed for everybody.
    let any = if word.is_empty() {
        " (sealed without a token, as servers did once, so that any token opens it)"
    } else {
        ""
    };
    let opened = format!("{place} opens the bootstrap data in etcd{any}");
    compare(&opened, &inside, files, layout, found);
}

/// Compares what is in the bootstrap data with the captured files.
fn compare(
    opened: &str,
    inside: &BTreeMap<String, Vec<u8>>,
    files: &dyn CapturedFiles,
    layout: &Layout,
    found: &mut Found,
) {
    let mut equal = 0_usize;
    let mut differing = Vec::new();
    for (name, path) in NAMES {
        let path = format!("{}/{path}", layout.base);
        let Some(content) = inside.get(name) else {
            continue;
        };
        for host in files.hosts() {
            match files.get(host, &path) {
                Some(file) if file == content.as_slice() => equal += 1,
                Some(_) => differing.push(format!("{path} of {host}")),
                None => {}
            }
        }
    }
    if differing.is_empty() {
        let equals = match equal {
            0 => "none of the files in it was captured apart".to_owned(),
            _ => "the CAs and keys in it are the captured ones".to_owned(),
        };
        return found.matches(PAIR, format!("{opened}, and {equals}"));
    }
    let why = format!("{opened}, but these are not what is in it: {}", super::finding::some(&differing));
    found.mismatch(
        PAIR,
        why,
        format!("put back the files that were changed, they are of another generation: {BACK}"),
    );
}

fn key(word: &str) -> String {
    let mut digest = pki::sha256(word.as_bytes());
    digest.truncate(12);
    format!("{PREFIX}/{digest}")
}

fn open(password: &str, value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (salt, sealed) = std::str::from_utf8(value).ok()?.split_once(':')?;
    let mut sealed = Zeroizing::new(BASE64_STANDARD.decode(sealed.trim()).ok()?);
    let mut secret = Zeroizing::new([0; 32]);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, ROUNDS, salt.as_bytes(), password.as_bytes(), secret.as_mut());
    let opener = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, secret.as_ref()).ok()?);
    let (nonce, sealed) = sealed.split_at_mut_checked(NONCE)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let plain = opener.open_in_place(nonce, Aad::empty(), sealed).ok()?;
    Some(Zeroizing::new(plain.to_vec()))
}

fn parsed(data: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let read: BTreeMap<String, Value> = serde_json::from_slice(data).ok()?;
    let content = |it: &Value| {
        let text = it.as_str().or_else(|| it.get("Content")?.as_str())?;
        BASE64_STANDARD.decode(text).ok()
    };
    Some(
        read.iter()
            .filter_map(|(name, it)| Some((name.clone(), content(it)?)))
            .collect(),
    )
}
