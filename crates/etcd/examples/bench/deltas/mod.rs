//! The peer's way of keeping changes: etcd-backup-restore's delta snapshots. Start at [`Delta`].
//!
//! A JSON array of `{"etcdEvent": event, "time": when}`, its SHA-256 behind it, and gzip around both. Source: its
//! `pkg/snapshot/snapshotter/snapshotter.go`; the events' form is what Go makes of etcd's `api/mvccpb/kv.pb.go`.

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etcd::Record;
use sha2::{Digest, Sha256};
use std::io::{Cursor, Write};
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, ZipArchive};

/// A delta that is being collected.
#[derive(Default)]
pub(crate) struct Delta(Vec<u8>);

impl Delta {
    /// Adds an event.
    pub(crate) fn add(&mut self, record: &Record, at_ms: u64) -> Result<()> {
        let it = record.decode().map_err(anyhow::Error::msg)?;
        self.0.push(if self.0.is_empty() { b'[' } else { b',' });
        write!(self.0, r#"{{"etcdEvent":{{"#)?;
        if record.tombstone {
            let (key, at) = (STANDARD.encode(&it.key), record.revision.main);
            write!(self.0, r#""type":1,"kv":{{"key":"{key}","mod_revision":{at}}}"#)?;
        } else {
            let (key, value) = (STANDARD.encode(&it.key), STANDARD.encode(&it.value));
            let (created, at, version) = (it.create_revision, it.mod_revision, it.version);
            write!(
                self.0,
                r#""kv":{{"key":"{key}","create_revision":{created},"mod_revision":{at},"version":{version}"#
            )?;
            write!(self.0, r#","value":"{value}""#)?;
            if it.lease != 0 {
                write!(self.0, r#","lease":{}"#, it.lease)?;
            }
            write!(self.0, "}}")?;
        }
        let time = jiff_like(at_ms, record.revision.main);
        write!(self.0, r#"}},"time":"{time}"}}"#)?;
        Ok(())
    }

    /// How much it takes once it is stored; nothing if nothing has happened.
    pub(crate) fn stored(mut self) -> Result<u64> {
        if self.0.is_empty() {
            return Ok(0);
        }
        self.0.push(b']');
        let hash = Sha256::digest(&self.0);
        self.0.extend_from_slice(&hash);
        // What gzip has around the same compressed bytes.
        Ok(deflated(&mut &*self.0)? + 18)
    }
}

/// How small `deflate` makes it, at the level that gzip and zip take by themselves.
pub(crate) fn deflated(from: &mut dyn std::io::Read) -> Result<u64> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .large_file(true);
    zip.start_file("it", options)?;
    std::io::copy(from, &mut zip)?;
    let size = ZipArchive::new(zip.finish()?)?.by_index(0)?.compressed_size();
    Ok(size)
}

/// As Go writes a time: nanoseconds, made up from the revision, and the zone.
fn jiff_like(at_ms: u64, revision: u64) -> String {
    let (day_ms, nanos) = (at_ms % 86_400_000, revision.wrapping_mul(0x9e37_79b9) % 1_000_000);
    let (hour, minute, second, ms) = (day_ms / 3_600_000, day_ms / 60_000 % 60, day_ms / 1000 % 60, day_ms % 1000);
    format!("2026-07-25T{hour:02}:{minute:02}:{second:02}.{ms:03}{nanos:06}Z")
}

#[cfg(test)]
mod tests;
