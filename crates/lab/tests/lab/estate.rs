//! The lab as an estate: its file, the way onto its hosts, and the service that outlives a loss of power.

use crate::world::{block_on, break_it, cli, heal, must, shared, text};
use estate::Estate;
use lab::{Lab, ProcessStatus};

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn the_estate_leads_onto_its_hosts_whose_keys_are_known() {
    block_on(async {
        let lab = shared().await;
        let file = lab.estate_file().unwrap();
        let written = std::fs::read_to_string(&file).unwrap();
        let estate = Estate::parse("lifeboat.yaml", &written).unwrap_or_else(|e| panic!("{e}"));
        for (name, host) in &estate.hosts {
            let ssh = host.ssh.as_ref().unwrap();
            let key = lab.directory().join(ssh.identity.as_ref().unwrap());
            let known =
                format!("UserKnownHostsFile={}", lab.directory().join(ssh.known_hosts.as_ref().unwrap()).display());
            let (key, to) = (key.to_str().unwrap(), format!("root@{}", host.address));
            let options = [
                "-F",
                "none",
                "-o",
                "BatchMode=yes",
                "-o",
                "StrictHostKeyChecking=yes",
                "-o",
                &known,
            ];
            let words = [
                &["-i", key],
                &options[..],
                &[&to, "hostname; cat /etc/lifeboat/lifeboat.yaml"],
            ]
            .concat();
            assert_eq!(must("ssh", &words), format!("{name}\n{written}"));
        }
        // The standby finds its way to the primary with what it has itself.
        let primary = estate.hosts[&estate.failover().unwrap().primary.host].address;
        let ssh = "ssh -F none -i id_ed25519 -o BatchMode=yes -o UserKnownHostsFile=known_hosts";
        let said = lab
            .run(
                "standby-1",
                &format!("cd /etc/lifeboat; {ssh} -o StrictHostKeyChecking=yes root@{primary} hostname"),
            )
            .await;
        assert_eq!(said.unwrap(), "main-1\n");
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn the_manager_stops_and_starts_by_the_estates_own_words() {
    block_on(async {
        let lab = shared().await;
        let written = std::fs::read_to_string(lab.estate_file().unwrap()).unwrap();
        let estate = Estate::parse("lifeboat.yaml", &written).unwrap();
        let manager = estate.failover().unwrap().manager;
        // Twice each: what is done already does no harm.
        for _ in 0..2 {
            lab.run("main-1", &manager.stop).await.unwrap();
            let stopped = process(&lab, "main-1", "manager").await;
            assert_eq!((stopped.pid, stopped.wanted), (None, false));
        }
        for _ in 0..2 {
            lab.run("main-1", &manager.start).await.unwrap();
            lab.wait_ready(crate::world::LONG, &|_| {}).await.unwrap();
            assert!(process(&lab, "main-1", "manager").await.healthy);
        }
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn what_serves_and_what_does_not_outlives_a_loss_of_power() {
    block_on(async {
        let lab = shared().await;
        for (words, on) in [(&["--stop"][..], false), (&[], true), (&[], true), (&["--stop"], false)] {
            let words = [&["lab", "serve", "--name", "test"], words].concat();
            let output = cli(&words);
            // Without a moment in between: it has to be on disk.
            let fault = break_it(&["host", "witness", "--power"]);
            assert!(output.status.success(), "{}", text(&output.stderr));
            for host in ["main-1", "standby-1"] {
                assert_eq!(process(&lab, host, "lifeboat").await.wanted, on, "{host}");
            }
            let off = cli(&words);
            assert_eq!(off.status.code(), Some(1), "one of the hosts is off");
            assert!(text(&off.stderr).contains("host witness"), "{}", text(&off.stderr));
            heal(&fault);
            let down = lab
                .run("witness", "test ! -e /etc/sv/lifeboat/down || echo down")
                .await
                .unwrap();
            assert_eq!(down.is_empty(), on);
        }
    });
}

async fn process(lab: &Lab, host: &str, name: &str) -> ProcessStatus {
    let status = lab.status().await.unwrap();
    let host = status.hosts.into_iter().find(|h| h.name.as_str() == host).unwrap();
    host.processes.into_iter().find(|p| p.name == name).unwrap()
}
