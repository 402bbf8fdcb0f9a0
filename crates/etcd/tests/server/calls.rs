//! Every other call, in every version: keys, leases, hashes, alarms, defragmentation, members.

use crate::server::{Cluster, Server, Setup, free_ports, newest, peer_url, versions};
use etcd::{Alarm, AlarmKind, Change, Error, Guard, Lease, Members};

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn keys_are_read_at_any_revision_that_is_not_compacted() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let client = server.client().await;
        assert_eq!(client.put("a", "1", 0).await.unwrap().revision, 2);
        client.put("a", "2", 0).await.unwrap();
        client.put("b", "3", 0).await.unwrap();
        let at = async |revision| client.range(b"a", b"", revision, 0).await;
        assert_eq!(at(2).await.unwrap().pairs[0].value, "1");
        assert_eq!(at(0).await.unwrap().pairs[0].value, "2");
        let one = client.range(b"\0", b"\0", 0, 1).await.unwrap();
        assert_eq!((one.pairs.len(), one.count, one.more, one.header.revision), (1, 2, true, 4));

        let change = |value: &'static str| vec![Change::Put { key: "a".into(), value: value.into(), lease: 0 }];
        let guard = |mod_revision| vec![Guard { key: "a".into(), mod_revision }];
        assert!(!client.txn(guard(2), change("4")).await.unwrap().1);
        assert!(client.txn(guard(3), change("4")).await.unwrap().1);
        let outcome = client.txn(Vec::new(), [change("5"), change("6")].concat()).await;
        assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");

        client.compact(4, false).await.unwrap();
        let outcomes = [at(3).await.unwrap_err(), client.compact(4, false).await.unwrap_err()];
        assert!(outcomes.iter().all(|e| matches!(e, Error::Compacted { .. })), "{outcomes:?}");
        let outcomes = [at(99).await.unwrap_err(), client.compact(99, false).await.unwrap_err()];
        assert!(outcomes.iter().all(|e| matches!(e, Error::Future { .. })), "{outcomes:?}");
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn leases_tell_what_they_have_left() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let client = server.client().await;
        let id = client.grant_lease(-7, 3600).await.unwrap();
        let chosen = client.grant_lease(0, 1000).await.unwrap();
        client.put("a", "1", id).await.unwrap();
        let mut leases = client.leases().await.unwrap();
        leases.sort_unstable();
        assert_eq!(leases, [-7, chosen]);
        let lease = client.lease(id).await.unwrap().unwrap();
        assert!((3000..=3600).contains(&lease.remaining_ttl), "{lease:?}");
        assert_eq!(lease, Lease { id: -7, granted_ttl: 3600, ..lease });
        assert_eq!(client.range(b"a", b"", 0, 0).await.unwrap().pairs[0].lease, -7);
        client.revoke_lease(id).await.unwrap();
        assert_eq!(client.lease(id).await.unwrap(), None);
        assert_eq!(client.range(b"a", b"", 0, 0).await.unwrap().count, 0);
        let outcome = client.revoke_lease(id).await;
        assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn members_hash_the_same_at_the_same_revision() {
    for tools in versions() {
        let cluster = Cluster::start(&tools, None, 3).await;
        let client = cluster.members[0].client().await;
        for number in 0..20 {
            client.put(format!("key{}", number % 5), format!("{number}"), 0).await.unwrap();
        }
        let never = client.hash_kv(21).await.unwrap();
        assert_eq!(never.compact_revision, 0, "{never:?}");
        client.compact(10, true).await.unwrap();
        let hash = client.hash_kv(15).await.unwrap();
        assert_eq!((hash.compact_revision, hash.header.revision), (10, 21));
        let is_old = tools.display().to_string().contains("etcd-3.5");
        assert_eq!(hash.hash_revision, (!is_old).then_some(15), "{}", tools.display());
        assert_ne!(hash.hash, client.hash_kv(0).await.unwrap().hash);
        let outcomes = (client.hash_kv(9).await, client.hash_kv(22).await);
        assert!(
            matches!(outcomes, (Err(Error::Compacted { .. }), Err(Error::Future { .. }))),
            "{outcomes:?}"
        );

        let mut ids = Vec::new();
        for server in &cluster.members {
            let client = server.client().await;
            // A reading through the leader, after which this member is as far as the others.
            client.range(b"key0", b"", 0, 1).await.unwrap();
            let other = client.hash_kv(15).await.unwrap();
            assert_eq!((other.hash, other.compact_revision), (hash.hash, 10), "{}", client.endpoint());
            assert_eq!(other.header.cluster_id, hash.header.cluster_id);
            ids.push(other.header.member_id);
        }
        let members = client.members().await.unwrap();
        for (at, server) in cluster.members.iter().enumerate() {
            let member = members.iter().find(|member| member.id == ids[at]).unwrap();
            assert_eq!(member.name, format!("m{at}"));
            assert_eq!(member.client_urls, std::slice::from_ref(&server.connection.endpoint));
            assert_eq!(member.peer_urls, [peer_url(server.peer_port)]);
            assert!(!member.is_learner);
        }
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_full_database_raises_an_alarm_until_there_is_room() {
    for tools in versions() {
        let setup = Setup::new(&tools).flags(["--quota-backend-bytes", "4194304"]);
        let server = setup.start().await;
        let client = server.client().await;
        assert_eq!(client.alarms().await.unwrap(), []);
        let mut full = None;
        for _ in 0..20 {
            full = client.put("a", vec![b'v'; 1 << 20], 0).await.err();
            if full.is_some() {
                break;
            }
        }
        assert!(full.unwrap().to_string().contains("space exceeded"));
        let status = client.status().await.unwrap();
        let alarm = Alarm { member_id: status.member_id, kind: AlarmKind::NoSpace };
        assert_eq!(client.alarms().await.unwrap(), [alarm]);
        assert!(status.errors.iter().any(|error| error.contains("NOSPACE")), "{status:?}");
        let is_old = tools.display().to_string().contains("etcd-3.5");
        assert_eq!(status.quota, (!is_old).then_some(4_194_304), "{status:?}");
        assert_eq!(status.storage_version.is_none(), is_old, "{status:?}");
        assert!(
            status.db_size_in_use <= status.db_size && status.applied_index <= status.raft_index,
            "{status:?}"
        );

        client.compact(status.revision, true).await.unwrap();
        client.defragment().await.unwrap();
        client.disarm(alarm).await.unwrap();
        assert_eq!(client.alarms().await.unwrap(), []);
        let after = client.status().await.unwrap();
        assert!(after.db_size < status.db_size && after.raft_index > status.raft_index, "{after:?}");
        client.put("a", "1", 0).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_member_that_stands_still_is_unreachable() {
    let server = Server::start(&newest(), None).await;
    let client = server.client().await;
    let mut watch = client.watch(1).await.unwrap();
    server.freeze(true);
    let (asked, watched) = tokio::join!(client.status(), watch.next());
    server.freeze(false);
    assert!(matches!(asked, Err(Error::Unreachable { .. })), "{asked:?}");
    assert!(matches!(watched, Err(Error::Unreachable { .. })), "{watched:?}");
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn when_a_member_fails_the_next_is_asked() {
    let mut cluster = Cluster::start(&newest(), None, 3).await;
    let urls: Vec<_> = cluster
        .members
        .iter()
        .map(|server| server.connection.endpoint.clone())
        .collect();
    let mut members = Members::new(cluster.members[0].connection.clone(), []);
    let (client, _) = members.connect().await.unwrap();
    members.discover(&client).await.unwrap();
    assert_eq!(members.connections().len(), 3);
    assert_eq!(client.endpoint(), urls[0]);

    cluster.members[0].kill().await;
    let (client, status) = members.connect().await.unwrap();
    assert_ne!(client.endpoint(), urls[0]);
    assert!(status.leader.is_some());
    let first = client.endpoint().to_owned();
    // It stays there until it is told not to.
    assert_eq!(members.connect().await.unwrap().0.endpoint(), first);
    members.give_up();
    assert_ne!(members.connect().await.unwrap().0.endpoint(), first);

    // The last one has no leader, and is not fit.
    cluster.members[1].kill().await;
    let error = loop {
        // Until it notices.
        match members.connect().await {
            Ok(_) => members.give_up(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_learner_is_passed_over() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let (client_port, peer_port) = free_ports();
        let learner_url = peer_url(peer_port);
        server.etcdctl(&["member", "add", "new", "--learner", "--peer-urls", &learner_url]);
        let all = format!("default={},new={learner_url}", peer_url(server.peer_port));
        let setup = Setup::new(&tools)
            .name("new")
            .ports(client_port, peer_port)
            .initial_cluster(&all);
        let learner = setup.flags(["--initial-cluster-state", "existing"]).start().await;
        let status = learner.client().await.status().await.unwrap();
        assert!(status.is_learner, "{status:?}");
        let mut members = Members::new(learner.connection.clone(), [server.connection.endpoint.clone()]);
        let (client, status) = members.connect().await.unwrap();
        assert_eq!(client.endpoint(), server.connection.endpoint);
        let known = client.members().await.unwrap();
        assert!(known.iter().any(|member| member.is_learner && member.id != status.member_id), "{known:?}");
    }
}
