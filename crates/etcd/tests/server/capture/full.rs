//! An etcd whose space is used up while it is captured: what it still took is captured, and so is what it takes once there is room.

use super::round::{look, rebuilt_serves};
use super::running::{Load, Running, check, check_all};
use crate::server::{Setup, versions};
use etcd::AlarmKind;
use etcd::capture::{Arrival, Note, Way};
use etcd::history::{Directory, History};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn an_etcd_that_runs_out_of_space_is_captured_all_the_while() {
    for tools in versions() {
        let setup = Setup::new(&tools).flags(["--quota-backend-bytes", "8000000"]);
        let server = setup.start().await;
        let client = server.client().await;
        let (folder, during) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut load = Load::new(client.clone());
        load.run(20).await;
        let running = Running::start(&server.connection, folder.path());
        running.stored(load.revision).await;

        let error = loop {
            if let Err(error) = client.put("big", vec![b'v'; 1 << 20], 0).await {
                break error;
            }
        };
        assert!(error.to_string().contains("space exceeded"), "{error}");
        let alarms = client.alarms().await.unwrap();
        assert!(matches!(alarms[..], [alarm] if alarm.kind == AlarmKind::NoSpace), "{alarms:?}");
        // What it took is stored, and nothing is at risk. The write that meets the end of the space only when it is applied is taken, and its
        // writer told that it is refused all the same (source: etcd `server/etcdserver/apply/apply.go`, `quotaApplierV3`).
        let last = client.status().await.unwrap().revision;
        running.stored(last).await;
        let since = Arrival::now().at;
        running
            .shows(|behind| {
                let heard_later = behind.heard.is_some_and(|heard| heard > since);
                heard_later && (behind.source, behind.stored, behind.waiting_bytes) == (last, Some(last), 0)
            })
            .await;
        // Deletions it still takes.
        let deletion = client
            .delete("/registry/pods/10", "/registry/pods/20")
            .await
            .unwrap()
            .0
            .revision;
        running.stored(deletion).await;
        check_all(folder.path(), &client).await;
        let full = look(&client, deletion).await;

        // A history that begins now has the alarm in its base.
        let second = Running::start(&server.connection, during.path());
        second.stored(deletion).await;
        second.stop().await;
        assert_eq!(alarms_in_base(during.path()), 1);
        let history = check(during.path(), &client).await;
        rebuilt_serves(&tools, &history, &full, None).await;

        client.compact(deletion, true).await.unwrap();
        client.defragment().await.unwrap();
        client.disarm(alarms[0]).await.unwrap();
        load.insist(30).await;
        assert!(load.revision > deletion);
        running.stored(load.revision).await;
        assert_eq!(running.now().at_risk(Arrival::now().at), Duration::ZERO);
        let notes = running.stop().await;
        assert!(
            matches!(notes[..], [Note::Taking { .. }, Note::Based { way: Way::Stream, .. }]),
            "{notes:?}"
        );
        let history = check_all(folder.path(), &client).await;
        assert_eq!((history.timelines().len(), history.holes(1).unwrap()), (1, vec![]));
        rebuilt_serves(&tools, &history, &full, None).await;
        rebuilt_serves(&tools, &history, &look(&client, load.revision).await, None).await;
    }
}

/// How many alarms the newest base of a history holds.
fn alarms_in_base(folder: &Path) -> usize {
    let history = History::open(Arc::new(Directory::open(&folder.join("history")).unwrap())).unwrap();
    let tail = history.tail().unwrap().unwrap();
    let moment = history.moment(tail.timeline, tail.through).unwrap();
    moment.base().buckets().unwrap()["alarm"].len()
}
