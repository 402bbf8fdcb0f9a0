//! What a rebuilt member finds at its first start, besides the database: as if it had just founded its cluster.
//!
//! The log says that each member joined (one entry each, term 1), that all this is committed, and that the state at that index
//! is in the database. The `.snap` file says the same, with the members in the tree of etcd's version 2 store, from which
//! etcd 3.5 still takes its membership (3.6 loads it too; 3.7 does not look). `etcdutl snapshot restore` writes the same, byte
//! by byte but for the bookkeeping of that store, which etcd fills in. Source: `saveWALAndSnap` in etcd
//! `etcdutl/snapshot/v3_snapshot.go`, `server/etcdserver/api/v2store/store.go`.

use crate::wal::frame::Writer;
use crate::wal::message::{ConfChange, ConfState, Entry, HardState, Mark, Metadata, SnapFile, State, StateMetadata};
use crate::wal::{Peer, kind};
use prost::Message;
use serde_json::{Value, json};

/// The term in which everything was decided.
const TERM: u64 = 1;

/// The files of one member, and what its database must say to fit them. All but `wal` is the same for all members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// The written part of the log's first segment; the rest of it is zero.
    pub wal: Vec<u8>,
    /// The name of the `.snap` file.
    pub snap_name: String,
    /// The `.snap` file.
    pub snap: Vec<u8>,
    /// The database's consistent index.
    pub index: u64,
    /// The database's term.
    pub term: u64,
    /// The voters as JSON, for the database's `confState`.
    pub conf_state: String,
    /// The id of the cluster.
    pub cluster_id: u64,
}

/// Makes the files of the member `this` of a cluster that consists of `peers`, in any order.
pub fn fresh(peers: &[Peer], this: u64) -> Fresh {
    let mut peers: Vec<_> = peers.iter().collect();
    peers.sort_by_key(|peer| peer.id);
    let ids: Vec<u64> = peers.iter().map(|peer| peer.id).collect();
    let index = ids.len() as u64;
    let cluster_id = super::cluster_id(&ids);
    let conf_state = ConfState {
        voters: ids.clone(),
        auto_leave: Some(false),
        ..ConfState::default()
    };

    let mut wal = Writer::default();
    wal.put(kind::CHECKSUM, None);
    let metadata = Metadata { node_id: Some(this), cluster_id: Some(cluster_id) };
    wal.put(kind::METADATA, Some(metadata.encode_to_vec()));
    let start = Mark { index: Some(0), term: Some(0), conf_state: None };
    wal.put(kind::MARK, Some(start.encode_to_vec()));
    for (peer, index) in peers.iter().zip(1..) {
        let joins = ConfChange {
            id: Some(0),
            r#type: Some(0),
            node_id: Some(peer.id),
            context: Some(peer.json().into()),
        };
        let entry = Entry {
            r#type: Some(1),
            term: Some(TERM),
            index: Some(index),
            data: Some(joins.encode_to_vec().into()),
        };
        wal.put(kind::ENTRY, Some(entry.encode_to_vec()));
    }
    let state = HardState {
        term: Some(TERM),
        vote: ids.first().copied(),
        commit: Some(index),
    };
    wal.put(kind::STATE, Some(state.encode_to_vec()));
    let mark = Mark {
        index: Some(index),
        term: Some(TERM),
        conf_state: Some(conf_state.clone()),
    };
    wal.put(kind::MARK, Some(mark.encode_to_vec()));

    let metadata = StateMetadata {
        conf_state: Some(conf_state),
        index: Some(index),
        term: Some(TERM),
    };
    let data = Some(tree(&peers).to_string().into());
    let data = State { data, metadata: Some(metadata) }.encode_to_vec();
    Fresh {
        wal: wal.finish(),
        snap_name: format!("{TERM:016x}-{index:016x}.snap"),
        snap: SnapFile { crc: Some(crc32c::crc32c(&data)), data: Some(data.into()) }.encode_to_vec(),
        index,
        term: TERM,
        conf_state: json!({ "voters": ids, "auto_leave": false }).to_string(),
        cluster_id,
    }
}

/// The store of etcd's version 2 with the members in it. What is left out (events, statistics) etcd takes from an empty store.
fn tree(peers: &[&Peer]) -> Value {
    let last = peers.len() as u64;
    let members: serde_json::Map<_, _> = peers
        .iter()
        .zip(1..)
        .map(|(peer, index)| {
            let path = format!("/0/members/{:x}", peer.id);
            let attributes = json!({ "peerURLs": peer.peer_urls }).to_string();
            let attributes = node(&format!("{path}/raftAttributes"), index, &attributes, Value::Null);
            let member = node(&path, index, "", json!({ "raftAttributes": attributes }));
            (format!("{:x}", peer.id), member)
        })
        .collect();
    let members = node("/0/members", last.min(1), "", Value::Object(members));
    let cluster = node("/0", 0, "", json!({ "members": members }));
    let root = node("/", 0, "", json!({ "0": cluster, "1": node("/1", 0, "", json!({})) }));
    json!({ "Root": root, "CurrentIndex": last, "CurrentVersion": 2 })
}

/// A node of that tree; one without children is a value.
fn node(path: &str, index: u64, value: &str, children: Value) -> Value {
    json!({
        "Path": path,
        "CreatedIndex": index,
        "ModifiedIndex": index,
        "ExpireTime": "0001-01-01T00:00:00Z",
        "Value": value,
        "Children": children,
    })
}
