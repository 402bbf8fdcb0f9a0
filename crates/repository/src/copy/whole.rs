//! What can be told of an object without a key: whether it can be whole at all.

use crate::layout::Known;
use crate::seal::{HEADER, Header, Lie, Unopened};
use crate::store::{Listed, Store};
use crate::{Error, layout};

/// Why an object of `size` bytes that begins with `head` cannot be what was stored. Pure; what nobody can tell without a key, and
/// what a later version wrote, passes.
pub(super) fn harm(known: Option<&Known>, size: u64, head: &[u8]) -> Option<String> {
    if size == 0 {
        return Some("it is empty".to_owned());
    }
    let is_sealed = matches!(
        known?,
        Known::Part(..)
            | Known::History(..)
            | Known::Manifest(..)
            | Known::Hold(..)
            | Known::Entry { .. }
            | Known::Kit(_)
            | Known::Evidence(..)
    );
    let head = &head[..head.len().min(HEADER)];
    match Header::parse(head).and_then(|_header| Lie::of(size)) {
        Err(why) if is_sealed && !matches!(why, Unopened::Version(_)) => Some(why.to_string()),
        _ => None,
    }
}

/// The same of an object in a store.
pub(super) async fn harm_in(store: &Store, object: &Listed) -> Result<Option<String>, Error> {
    let head = match object.bytes {
        0 => bytes::Bytes::new(),
        bytes => store.range(&object.key, 0..bytes.min(HEADER as u64)).await?,
    };
    Ok(harm(layout::known(&object.key).as_ref(), object.bytes, &head))
}

#[cfg(test)]
mod tests;
