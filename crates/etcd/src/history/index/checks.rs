//! What must hold in an index as a whole: its lines, where frames stand, and which of them belong into such a pack.

use crate::{
    history::{
        frame::INDEX_KEY_BYTES,
        header::{Header, Kind, Role, StoredFrame},
    },
    record::varint,
};

/// Where the first frame begins.
const FIRST_FRAME: u64 = 8;
/// Field 5 of the index, and the least that a line of it has: a hash.
pub(super) const FRAME_TAG: u64 = 5 << 3 | 2;
const MIN_FRAME_LINE: u64 = 34;

/// Looks at the lengths of the frames' lines before anything is made of them: empty ones take a hundred times more memory.
pub(super) fn sizes(bytes: &[u8]) -> Result<(), String> {
    let mut at = 0;
    while at < bytes.len() {
        let tag = varint(bytes, &mut at)?;
        let value = varint(bytes, &mut at)?;
        if tag & 7 == 2 {
            let length = usize::try_from(value).map_err(|e| e.to_string())?;
            at = at.saturating_add(length);
        }
        let short = tag == FRAME_TAG && value < MIN_FRAME_LINE;
        if short || !matches!(tag & 7, 0 | 2) || at > bytes.len() {
            return Err("it is no index".to_owned());
        }
    }
    Ok(())
}

/// Frames follow each other without space between them, from the magic to the index.
pub(super) fn layout(frames: &[StoredFrame], end: u64) -> Result<(), String> {
    let mut at = FIRST_FRAME;
    for (number, frame) in frames.iter().enumerate() {
        if frame.offset != at {
            return Err(format!("frame {number} does not begin where the one before it ends"));
        }
        at = at.checked_add(frame.stored as u64).ok_or("its frames are too long")?;
    }
    if at == end {
        Ok(())
    } else {
        Err("its frames do not end where the index begins".to_owned())
    }
}

/// Whether frames are such as the header's pack has, in order and in number.
pub(super) fn fits(header: &Header, frames: &[StoredFrame]) -> Result<(), String> {
    let count = |role| frames.iter().filter(|it| it.role == role).map(|it| it.count).sum::<u64>();
    let raw = |roles: &[Role]| {
        frames
            .iter()
            .filter(|it| roles.contains(&it.role))
            .map(|it| it.raw as u64)
            .sum()
    };
    let (allowed, low, high): (&[Role], u64, u64) = match header {
        Header::Base(it) => {
            let told = (it.live, it.older, it.raw);
            if told != (count(Role::Live), count(Role::Older), raw(&[Role::Live, Role::Older])) {
                return Err("its frames hold something else than it says".to_owned());
            }
            (&[Role::Live, Role::Older, Role::Buckets, Role::Dictionary], 0, it.revision)
        }
        Header::Segment(it) => {
            if it.count != count(Role::Changes) {
                return Err("its frames hold something else than it says".to_owned());
            }
            let gone = matches!(it.kind, Kind::Coalesced { .. } | Kind::Synthetic { .. });
            let allowed: &[Role] = if gone {
                &[Role::Changes, Role::Gone]
            } else {
                &[Role::Changes]
            };
            (allowed, it.after + 1, it.through)
        }
    };
    for (number, frame) in frames.iter().enumerate() {
        let revisions = matches!(frame.role, Role::Live | Role::Older | Role::Changes);
        let within = !revisions || low <= frame.first_revision && frame.last_revision <= high;
        if !allowed.contains(&frame.role) || !within {
            return Err(format!("frame {number} does not belong into such a pack"));
        }
    }
    for role in [Role::Live, Role::Older, Role::Changes, Role::Gone] {
        let of_role: Vec<_> = frames.iter().filter(|it| it.role == role).collect();
        for pair in of_role.windows(2) {
            if let [one, next] = pair
                && !ascends(one, next)
            {
                return Err(format!("its frames of role {role:?} are not in order"));
            }
        }
    }
    Ok(())
}

fn ascends(one: &StoredFrame, next: &StoredFrame) -> bool {
    match one.role {
        // The same where long keys were cut.
        Role::Live | Role::Gone if one.last_key.len() == INDEX_KEY_BYTES => one.last_key <= next.first_key,
        Role::Live | Role::Gone => one.last_key < next.first_key,
        // The same where a transaction is parted.
        _ => one.last_revision <= next.first_revision,
    }
}
