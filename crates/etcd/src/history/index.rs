//! The index of a pack, between its bytes and its meaning. Start at [`read`], which believes nothing; [`write`] is its reverse.

mod checks;

use super::{
    frame::INDEX_KEY_BYTES,
    header::{BaseHeader, Began, Header, Kind, LeaseSeen, Role, Seen, SegmentHeader, Source, StoredFrame},
    name::Link,
    wire,
};
use crate::FileError;
use checks::{fits, layout, sizes};
use prost::Message;

/// The version of the format that is written, and the only one that is read.
const FORMAT: u32 = 1;
/// A frame is not larger before compression, unless it holds a single thing.
const MAX_RAW: u64 = 64 << 20;
/// A single thing is not larger than this.
const MAX_SINGLE: u64 = 1 << 30;
/// Times and leases of a segment, frames of a pack: no honest one comes near it.
const MAX_ITEMS: usize = 1 << 22;

/// Reads an index. Frames must fill the pack up to `end`, where the index begins.
pub(super) fn read(pack: &str, bytes: &[u8], end: u64) -> Result<(Header, Vec<StoredFrame>), FileError> {
    let damaged = |why: String| FileError::damaged(pack, "its index", why);
    sizes(bytes).map_err(damaged)?;
    let index = wire::Index::decode(bytes).map_err(|e| damaged(e.to_string()))?;
    if index.format != FORMAT {
        let reason = format!("it has format {}, and this version knows {FORMAT}", index.format);
        return Err(FileError::Newer { file: pack.to_owned(), reason });
    }
    let timeline = index.timeline;
    let header = match index.what {
        Some(wire::index::What::Base(it)) => base(timeline, it).map(Header::Base),
        Some(wire::index::What::Segment(it)) => segment(timeline, it).map(Header::Segment),
        None => Err("it says neither that it is a base nor a segment".to_owned()),
    };
    let header = header.map_err(damaged)?;
    if timeline == 0 {
        return Err(damaged("it belongs to no timeline".to_owned()));
    }
    let frames: Result<Vec<_>, _> = index.frames.into_iter().map(frame).collect();
    let frames = frames.map_err(damaged)?;
    layout(&frames, end).and_then(|()| fits(&header, &frames)).map_err(damaged)?;
    Ok((header, frames))
}

fn frame(it: wire::Frame) -> Result<StoredFrame, String> {
    let role = match it.role() {
        wire::Role::Live => Role::Live,
        wire::Role::Older => Role::Older,
        wire::Role::Buckets => Role::Buckets,
        wire::Role::Dictionary => Role::Dictionary,
        wire::Role::Changes => Role::Changes,
        wire::Role::Gone => Role::Gone,
        wire::Role::Unknown => return Err("a frame has an unknown role".to_owned()),
    };
    let single = it.count <= 1 && role != Role::Dictionary || role == Role::Buckets;
    // What compressing makes of incompressible bytes is hardly longer than they are.
    let sound = it.raw <= if single { MAX_SINGLE } else { MAX_RAW } && it.stored <= it.raw + it.raw / 64 + 1024;
    let keys = it.first_key <= it.last_key && it.last_key.len() <= INDEX_KEY_BYTES;
    // Each takes at least one byte.
    if !sound || it.count > it.raw || it.first_revision > it.last_revision || !keys {
        return Err("a frame has sizes or bounds that cannot be".to_owned());
    }
    let size = |bytes: u64| usize::try_from(bytes).map_err(|e| e.to_string());
    Ok(StoredFrame {
        role,
        offset: it.offset,
        stored: size(it.stored)?,
        raw: size(it.raw)?,
        count: it.count,
        hash: hash(&it.hash)?,
        first_key: it.first_key.into(),
        last_key: it.last_key.into(),
        first_revision: it.first_revision,
        last_revision: it.last_revision,
        dictionary: optional(&it.dictionary)?,
    })
}

fn base(timeline: u32, it: wire::Base) -> Result<BaseHeader, String> {
    use wire::Reason;
    let began = match it.reason() {
        Reason::First => Began::First,
        Reason::Gap => Began::Gap,
        Reason::JumpedBack => Began::JumpedBack,
        Reason::OtherCluster => Began::OtherCluster,
        Reason::Imported => Began::Imported,
        Reason::Merged => Began::Merged,
        Reason::Distrust => Began::Distrust,
        Reason::Unknown => return Err("why it was made is not known".to_owned()),
    };
    if i64::try_from(it.revision).is_err() || it.compaction > it.revision {
        return Err("its revisions cannot be".to_owned());
    }
    Ok(BaseHeader {
        timeline,
        revision: it.revision,
        compaction: it.compaction,
        taken_ms: it.taken_ms,
        source: source(it.source),
        etcd_version: it.etcd_version,
        began,
        note: it.note,
        stands_for: optional(&it.stands_for)?.map(Link),
        live: it.live,
        older: it.older,
        raw: it.raw,
    })
}

fn segment(timeline: u32, it: wire::Segment) -> Result<SegmentHeader, String> {
    let stands_for = || hash(&it.stands_for).map(Link);
    let kind = match it.kind() {
        wire::Kind::Captured => Kind::Captured,
        wire::Kind::MergedRun => Kind::Merged { stands_for: stands_for()? },
        wire::Kind::Coalesced => Kind::Coalesced { stands_for: stands_for()? },
        wire::Kind::Synthetic => Kind::Synthetic { compaction: it.compaction, stands_for: stands_for()? },
        wire::Kind::Unknown => return Err("what it keeps is not known".to_owned()),
    };
    let within = |at: u64| it.after <= at && at <= it.through;
    let compaction = !matches!(kind, Kind::Synthetic { compaction, .. } if !within(compaction));
    if i64::try_from(it.through).is_err() || it.after > it.through || !compaction {
        return Err("its revisions cannot be".to_owned());
    }
    let times: Vec<Seen> = it
        .times
        .iter()
        .map(|it| Seen { revision: it.revision, at_ms: it.at_ms })
        .collect();
    let ascend = times.is_sorted_by(|a, b| a.revision <= b.revision && a.at_ms <= b.at_ms);
    if times.is_empty() || times.len().max(it.leases.len()) > MAX_ITEMS || !ascend {
        return Err("its times are missing or not in order".to_owned());
    }
    if !times.iter().all(|it| within(it.revision)) {
        return Err("its times are of revisions that are not in it".to_owned());
    }
    let lease = |it: &wire::Lease| LeaseSeen {
        id: it.id,
        granted_s: it.granted_s,
        remaining_s: it.remaining_s,
        at_ms: it.at_ms,
    };
    Ok(SegmentHeader {
        timeline,
        kind,
        prev: Link(hash(&it.prev)?),
        after: it.after,
        through: it.through,
        count: it.count,
        times,
        leases: it.leases.iter().map(lease).collect(),
        source: source(it.source),
    })
}

fn source(it: Option<wire::Source>) -> Source {
    let it = it.unwrap_or_default();
    Source {
        cluster_id: it.cluster_id,
        member_id: it.member_id,
        raft_term: it.raft_term,
    }
}

fn hash(bytes: &[u8]) -> Result<[u8; 32], String> {
    bytes.try_into().map_err(|_| "a hash has not 32 bytes".to_owned())
}

fn optional(bytes: &[u8]) -> Result<Option<[u8; 32]>, String> {
    if bytes.is_empty() {
        Ok(None)
    } else {
        hash(bytes).map(Some)
    }
}

/// The bytes of an index.
pub(super) fn write(header: &Header, frames: &[StoredFrame]) -> Vec<u8> {
    let (timeline, what) = match header {
        Header::Base(it) => (it.timeline, wire::index::What::Base(wire_base(it))),
        Header::Segment(it) => (it.timeline, wire::index::What::Segment(wire_segment(it))),
    };
    let frames = frames.iter().map(wire_frame).collect();
    wire::Index { format: FORMAT, timeline, what: Some(what), frames }.encode_to_vec()
}

fn wire_base(it: &BaseHeader) -> wire::Base {
    use wire::Reason;
    let reason = match it.began {
        Began::First => Reason::First,
        Began::Gap => Reason::Gap,
        Began::JumpedBack => Reason::JumpedBack,
        Began::OtherCluster => Reason::OtherCluster,
        Began::Imported => Reason::Imported,
        Began::Merged => Reason::Merged,
        Began::Distrust => Reason::Distrust,
    };
    wire::Base {
        revision: it.revision,
        compaction: it.compaction,
        taken_ms: it.taken_ms,
        source: Some(wire_source(it.source)),
        etcd_version: it.etcd_version.clone(),
        reason: reason.into(),
        note: it.note.clone(),
        stands_for: it.stands_for.map_or_else(Vec::new, |link| link.0.to_vec()),
        live: it.live,
        older: it.older,
        raw: it.raw,
    }
}

fn wire_segment(it: &SegmentHeader) -> wire::Segment {
    let (kind, compaction) = match it.kind {
        Kind::Captured => (wire::Kind::Captured, 0),
        Kind::Merged { .. } => (wire::Kind::MergedRun, 0),
        Kind::Coalesced { .. } => (wire::Kind::Coalesced, 0),
        Kind::Synthetic { compaction, .. } => (wire::Kind::Synthetic, compaction),
    };
    let lease = |it: &LeaseSeen| wire::Lease {
        id: it.id,
        granted_s: it.granted_s,
        remaining_s: it.remaining_s,
        at_ms: it.at_ms,
    };
    wire::Segment {
        kind: kind.into(),
        prev: it.prev.0.to_vec(),
        after: it.after,
        through: it.through,
        count: it.count,
        times: it
            .times
            .iter()
            .map(|it| wire::Seen { revision: it.revision, at_ms: it.at_ms })
            .collect(),
        leases: it.leases.iter().map(lease).collect(),
        source: Some(wire_source(it.source)),
        stands_for: it.kind.stands_for().map_or_else(Vec::new, |link| link.0.to_vec()),
        compaction,
    }
}

fn wire_source(it: Source) -> wire::Source {
    wire::Source {
        cluster_id: it.cluster_id,
        member_id: it.member_id,
        raft_term: it.raft_term,
    }
}

fn wire_frame(it: &StoredFrame) -> wire::Frame {
    let role = match it.role {
        Role::Live => wire::Role::Live,
        Role::Older => wire::Role::Older,
        Role::Buckets => wire::Role::Buckets,
        Role::Dictionary => wire::Role::Dictionary,
        Role::Changes => wire::Role::Changes,
        Role::Gone => wire::Role::Gone,
    };
    wire::Frame {
        role: role.into(),
        offset: it.offset,
        stored: it.stored as u64,
        raw: it.raw as u64,
        count: it.count,
        hash: it.hash.to_vec(),
        first_key: it.first_key.to_vec(),
        last_key: it.last_key.to_vec(),
        first_revision: it.first_revision,
        last_revision: it.last_revision,
        dictionary: it.dictionary.map_or_else(Vec::new, |id| id.to_vec()),
    }
}

#[cfg(test)]
mod tests;
