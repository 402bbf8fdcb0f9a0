//! Domain names as people write them.

use crate::Error;
use hickory_proto::rr::Name;
use std::collections::BTreeSet;

/// Reads a fully qualified name, with or without its final dot.
///
/// Only what host names and keys are made of is taken: no escapes, which would let one name be written in two ways, no
/// wildcards, which nobody can ask for, and no other scripts, of which the zone holds another form.
pub(crate) fn parse(text: &str) -> Result<Name, Error> {
    let invalid = |reason| Error::Name { name: text.to_owned(), reason };
    let bare = text.strip_suffix('.').unwrap_or(text);
    if bare.is_empty() {
        return Err(invalid("it is empty"));
    }
    if bare.len() > 253 {
        return Err(invalid("it has more than 253 characters"));
    }
    for label in bare.split('.') {
        if label.is_empty() {
            return Err(invalid("it has an empty label"));
        }
        if label.len() > 63 {
            return Err(invalid("it has a label of more than 63 characters"));
        }
        if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err(invalid("only letters, digits, '-', '_' and '.' are allowed"));
        }
    }
    let mut name = Name::from_ascii(bare).map_err(|_refused| invalid("it cannot be written in a message"))?;
    name.set_fqdn(true);
    Ok(name)
}

/// A name from a message, for people: without its final dot.
pub(crate) fn shown(name: &Name) -> String {
    let text = name.to_ascii();
    match text.strip_suffix('.') {
        Some(bare) if !bare.is_empty() => bare.to_owned(),
        _ => text,
    }
}

/// A name in a zone, as services compare them: in small letters, without its final dot.
pub(crate) fn within(zone: &str, text: &str) -> Result<String, Error> {
    let (zone_name, name) = (parse(zone)?, parse(text)?);
    match zone_name.zone_of(&name) {
        true => Ok(shown(&name).to_ascii_lowercase()),
        false => Err(Error::Outside { name: text.to_owned(), zone: zone.to_owned() }),
    }
}

/// Whether two names are the same, however they are written.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

/// The names of servers, as they are compared: in small letters, without their final dots.
pub(crate) fn servers(all: &[String]) -> BTreeSet<String> {
    all.iter()
        .map(|server| server.trim_end_matches('.').to_ascii_lowercase())
        .collect()
}
