//! A moment of a history, or of anything else that holds records, as what is judged.

use super::{CapturedFiles, Each, Records, Unreadable};
use crate::files::Files;
use crate::resources::Moment;
use etcd::selection::{Damaged, SelectionError, Source};
use objects::envelope::Envelope;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Of encrypted values that are no Secrets, so many are looked at.
const SAMPLE: usize = 1000;
/// No more bytes than this are looked at.
const BYTES_MAX: usize = 256 << 20;

/// What is judged of the records that exist at `revision`, found in one pass: Secrets, bootstrap data, the ConfigMaps of the system, and
/// a sample of what else is encrypted.
///
/// # Errors
/// What reading meets.
pub fn gathered(source: &dyn Source, revision: u64) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, SelectionError> {
    let (mut found, mut bytes, mut sample) = (BTreeMap::new(), 0, 0);
    let has = |key: &[u8], part: &[u8]| key.windows(part.len()).any(|it| it == part);
    source.live_at(revision, &mut |record| {
        // What is damaged, a proof tells.
        let Ok(it) = record.checked() else { return Ok(()) };
        let is_of_system = it.key.starts_with(b"/bootstrap") || has(&it.key, b"/configmaps/kube-");
        let is_sampled = sample < SAMPLE && matches!(Envelope::of(&it.value), Envelope::Encrypted { .. });
        let is_wanted = is_of_system || has(&it.key, b"/secrets/") || is_sampled;
        if is_wanted && bytes < BYTES_MAX {
            sample += usize::from(is_sampled);
            bytes += it.key.len() + it.value.len();
            found.insert(it.key.to_vec(), it.value.to_vec());
        }
        Ok(())
    })?;
    Ok(found)
}

impl CapturedFiles for Files {
    fn hosts(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    fn get(&self, host: &str, path: &str) -> Option<&[u8]> {
        self.0.get(host)?.bytes(path)
    }

    fn list(&self, host: &str, prefix: &str) -> Vec<&str> {
        let paths = self.0.get(host).into_iter().flat_map(|tree| tree.paths());
        paths.filter(|path| path.starts_with(prefix)).collect()
    }
}

/// Records that are damaged are noted where the moment says, and left out.
impl Records for Moment {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
        let mut value = None;
        self.each(key, &mut |found, it| {
            if found == key {
                value = Some(it.to_vec());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        Ok(value)
    }

    fn each(&self, prefix: &[u8], each: &mut Each<'_>) -> Result<(), Unreadable> {
        let mut over = false;
        let read = self.source.live_under(prefix, self.revision, &mut |record| {
            if over {
                return Ok(());
            }
            match record.checked() {
                Ok(it) => over = each(&it.key, &it.value).is_break(),
                Err(why) => self.aside.note(Damaged::record(self.source.name(), &record, &*why)),
            }
            Ok(())
        });
        read.map_err(|why| Unreadable(why.to_string()))
    }
}
