//! The whole recovery by hand, with the tools that people use today: proof that the lab is faithful, and the time to beat.

use crate::entry::{through_the_manager, try_through_the_manager};
use crate::world::{block_on, break_it, must, say, shared, until};
use lab::Lab;

const ETCDCTL: &str = "etcdctl --endpoints https://127.0.0.1:2379 --cacert /etc/kubernetes/pki/etcd/ca.crt \
    --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key";

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_person_recovers_the_manager_at_the_standby_by_hand() {
    block_on(async {
        let lab = shared().await;
        // Yesterday: a snapshot of etcd and the files without which it is useless, kept off the site.
        let kept = tempfile::tempdir().unwrap();
        lab.run("main-1", &format!("{ETCDCTL} snapshot save /var/tmp/etcd.db >&2"))
            .await
            .unwrap();
        let files = "cd /etc/kubernetes; tar cf /var/tmp/pki.tar encryption.yaml pki/ca.* pki/sa.* pki/front-proxy-ca.* pki/etcd/ca.*";
        lab.run("main-1", files).await.unwrap();
        for file in ["etcd.db", "pki.tar"] {
            copy(
                &lab,
                &format!("{}:/var/tmp/{file}", at(&lab, "main-1")),
                kept.path().join(file).to_str().unwrap(),
            );
        }
        // The day: the site is gone.
        let begun = ambient::monotonic();
        let mut table = Vec::new();
        let mut step = |what: &str| table.push((begun.elapsed().as_secs_f64(), what.to_owned()));
        break_it(&["site", "main", "--power"]);
        step("main without power");

        for file in ["etcd.db", "pki.tar"] {
            copy(
                &lab,
                kept.path().join(file).to_str().unwrap(),
                &format!("{}:/var/tmp/{file}", at(&lab, "standby-1")),
            );
        }
        let stop = "mkdir -p /var/tmp/manifests; mv /etc/kubernetes/manifests/*.yaml /var/tmp/manifests/
            while pgrep -x 'etcd|kube-apiserver' >/dev/null; do sleep 0.2; done";
        lab.run("standby-1", stop).await.unwrap();
        let address = lab.topology().host("standby-1").unwrap().address;
        let restore = format!(
            "rm -rf /var/lib/etcd
             etcdutl snapshot restore /var/tmp/etcd.db --data-dir /var/lib/etcd --name standby-1 \\
               --initial-cluster standby-1=https://{address}:2380 \\
               --initial-advertise-peer-urls https://{address}:2380 \\
               --bump-revision 1000000000 --mark-compacted >&2
             cd /etc/kubernetes; rm -rf pki *.conf; tar xf /var/tmp/pki.tar
             kubeadm init phase certs all --config kubeadm.yaml >&2
             kubeadm init phase kubeconfig all --config kubeadm.yaml >&2"
        );
        lab.run("standby-1", &restore).await.unwrap();
        step("etcd restored, certificates issued");
        lab.run("standby-1", "mv /var/tmp/manifests/*.yaml /etc/kubernetes/manifests/")
            .await
            .unwrap();
        let kubectl = "kubectl --kubeconfig /etc/kubernetes/super-admin.conf";
        until("the restored API server is ready", async || {
            lab.run("standby-1", &format!("{kubectl} get --raw /readyz")).await.ok()
        })
        .await;
        step("API server ready");
        // What main had is here: its manager's objects, and Secrets that its own key decrypts.
        let clusters = lab
            .run("standby-1", &format!("{kubectl} get clusters.management.cattle.io -o name"))
            .await
            .unwrap();
        assert!(clusters.contains("c-edge1") && clusters.contains("c-edge2"), "{clusters}");
        lab.run("standby-1", &format!("{kubectl} -n cattle-system get secret tls-rancher-ingress"))
            .await
            .unwrap();
        lab.run("standby-1", "sv up manager").await.unwrap();
        let balancer = lab.topology().load_balancer("standby").unwrap();
        until("the manager answers at the standby's load balancer", async || {
            let ping =
                format!("curl -sSk --fail --resolve rancher.lab.test:443:{balancer} https://rancher.lab.test/ping");
            lab.run("witness", &ping).await.ok().filter(|answer| answer == "pong")
        })
        .await;
        step("manager serving");
        let update = format!(
            "server {}\nupdate delete rancher.lab.test A\nupdate add rancher.lab.test 30 A {balancer}\nsend\n",
            lab.topology().primary_nameserver().unwrap()
        );
        // In files of a directory that only its owner enters: a command line is everybody's to read.
        let (key_file, update_file) = (kept.path().join("tsig.key"), kept.path().join("update"));
        let key = format!("key \"lifeboat\" {{\n algorithm hmac-sha256;\n secret \"{}\";\n}};\n", lab.tsig_key());
        std::fs::write(&key_file, key).unwrap();
        std::fs::write(&update_file, update).unwrap();
        must("nsupdate", &["-k", key_file.to_str().unwrap(), update_file.to_str().unwrap()]);
        until("the edges' resolver gives the new address", async || {
            let answer = lab.run("edge-1", "dig +short rancher.lab.test").await.ok()?;
            (answer.trim() == balancer.to_string()).then_some(())
        })
        .await;
        step("name resolves to the standby");
        for cluster in ["c-edge1", "c-edge2"] {
            until(&format!("{cluster} answers through the manager"), async || {
                let output = try_through_the_manager(&balancer.to_string(), lab.api_token(), cluster);
                output.status.success().then_some(())
            })
            .await;
            step(&format!("{cluster} connected"));
        }
        assert!(through_the_manager(&balancer.to_string(), lab.api_token(), "c-edge2").contains("v1.36.3"));
        say("recovery by hand, typed without a pause:");
        for (seconds, what) in table {
            say(&format!("{seconds:7.1} s  {what}"));
        }
        // Two managers would serve if main came back now: nothing of today fences it. So this lab ends here.
        Lab::down(lab.topology().name(), &|_| {}).await.unwrap();
    });
}

fn at(lab: &Lab, host: &str) -> String {
    format!("root@{}", lab.topology().host(host).unwrap().address)
}

fn copy(lab: &Lab, from: &str, to: &str) {
    let key = lab.directory().join("id_ed25519");
    let options = [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
    ];
    let mut words = vec!["-q", "-i", key.to_str().unwrap()];
    words.extend(options.iter().flat_map(|option| ["-o", option]));
    words.extend([from, to]);
    must("scp", &words);
}
