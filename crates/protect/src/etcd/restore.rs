//! Building a data directory from a snapshot, with etcd's own tool.

use crate::Error;
use cluster::{Host, quoted};
use std::time::Duration;

/// What to build and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore<'a> {
    /// The snapshot, on the host.
    pub snapshot: &'a str,
    /// The member's name.
    pub member: &'a str,
    /// Its URL for other members.
    pub peer_url: &'a str,
    /// All members that the restored cluster begins with: `NAME=URL`, commas between them.
    pub initial_cluster: &'a str,
    /// The data directory that etcd starts on. What is built waits below it, where nothing starts on it, and on the same file
    /// system whatever is mounted there.
    pub data_dir: &'a str,
    /// How much higher revisions go on.
    pub bump: u64,
}

/// Builds new data below [`waiting`], whole or not at all. May be repeated: what an earlier attempt left is built anew.
///
/// Compaction marks make every watcher and informer list again instead of believing that nothing happened since the copy.
///
/// # Errors
/// etcdutl is missing, refuses the snapshot, or the disk is full; then nothing is waiting.
pub async fn restore(host: &Host, what: &Restore<'_>, limit: Duration) -> Result<(), Error> {
    host.run_alone("restoring etcd", &script(what), limit).await?;
    Ok(())
}

/// Where restored data waits until it is put in place.
pub fn waiting(data_dir: &str) -> String {
    format!("{}/lifeboat-restored", data_dir.trim_end_matches('/'))
}

fn script(what: &Restore<'_>) -> String {
    let into = waiting(what.data_dir);
    let (data_dir, into, beside) = (quoted(what.data_dir), quoted(&into), quoted(&format!("{into}.partial")));
    let cluster = quoted(what.initial_cluster);
    format!(
        "mkdir -p -m 700 {data_dir}
         rm -rf {into} {beside}
         etcdutl snapshot restore {} --data-dir {beside} --name {} --initial-cluster {cluster} \\
           --initial-advertise-peer-urls {} --bump-revision {} --mark-compacted >/dev/null || {{
             code=$?; rm -rf {beside}; exit $code; }}
         sync -f {beside}
         mv {beside} {into}
         sync -f {into}",
        quoted(what.snapshot),
        quoted(what.member),
        quoted(what.peer_url),
        what.bump,
    )
}
