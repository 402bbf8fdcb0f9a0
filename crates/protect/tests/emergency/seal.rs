//! Seals objects as docs/repository-format.md has it, "Sealed objects": apart from the crate, so that the page has two writers.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

const CHUNK: usize = 65_536;

/// The key of a scope that seals, and its id, as `age` opens them.
pub(crate) struct Key {
    id: Vec<u8>,
    key: Vec<u8>,
}

impl Key {
    pub(crate) fn of(keyring: &Path, identity: &Path) -> Self {
        let text = fs::read_to_string(keyring).unwrap();
        let (_, body) = text.split_once("\n\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        let armored = tempfile::NamedTempFile::new().unwrap();
        fs::write(armored.path(), body["sealed"][0].as_str().unwrap()).unwrap();
        let mut age = Command::new("/usr/bin/age");
        let done = age.args(["-d", "-i"]).arg(identity).arg(armored.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let opened: Value = serde_json::from_slice(&done.stdout).unwrap();
        let last = opened["keys"].as_array().unwrap().last().unwrap();
        let id = last["id"].as_str().unwrap();
        let id = (0..16).map(|at| u8::from_str_radix(&id[2 * at..2 * at + 2], 16).unwrap());
        Self {
            id: id.collect(),
            key: STANDARD.decode(last["key"].as_str().unwrap()).unwrap(),
        }
    }

    /// The sealed object of `content` under the key name `name`.
    pub(crate) fn seal(&self, repository: &str, name: &str, content: &[u8]) -> Vec<u8> {
        let salt: [u8; 32] = ambient::random_bytes();
        let head = [b"lbseal\0\x01", &*self.id, &[0; 8], &salt].concat();
        let bound = [&*head, repository.as_bytes(), b"\0", name.as_bytes()].concat();
        let extracted = Salt::new(HKDF_SHA256, &salt).extract(&self.key);
        let own = UnboundKey::from(extracted.expand(&[b"lifeboat/1 object"], &AES_256_GCM).unwrap());
        let own = LessSafeKey::new(own);
        let mut sealed = head;
        let last = content.len().div_ceil(CHUNK).max(1) - 1;
        for number in 0..=last {
            let mut chunk = content[number * CHUNK..content.len().min((number + 1) * CHUNK)].to_vec();
            let mut nonce = [0; 12];
            nonce[7..11].copy_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
            nonce[11] = u8::from(number == last);
            let nonce = Nonce::assume_unique_for_key(nonce);
            own.seal_in_place_append_tag(nonce, Aad::from(&bound), &mut chunk).unwrap();
            sealed.extend(chunk);
        }
        sealed
    }
}
