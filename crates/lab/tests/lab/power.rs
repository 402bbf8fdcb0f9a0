//! A site dies: silently (power), or with its connections closed (kill).

use crate::world::{Reach, block_on, break_it, cli, heal, reaches, ready, shared, text, until};

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_site_without_power_is_silent_loses_what_was_not_synced_and_comes_back_whole() {
    block_on(async {
        let lab = shared().await;
        let write = "cd /var/lib; echo synced > synced; sync synced .; echo unsynced > unsynced";
        lab.run("main-1", write).await.unwrap();
        let marks = agent_log_lines(&lab).await;
        let fault = break_it(&["site", "main", "--power"]);

        let nowhere = reaches(&lab, "witness", "10.255.255.1", 1).await;
        assert_eq!(nowhere, Reach::Silent, "no router says that there is no way");
        let address = lab.topology().host("main-1").unwrap().address.to_string();
        assert_eq!(reaches(&lab, "witness", &address, 6443).await, Reach::Silent);
        let status = lab.status().await.unwrap();
        for host in &status.hosts {
            assert_eq!(host.on, host.site.as_str() != "main", "{}", host.name);
        }
        // The backbone, the other site and the edges still answer for the name.
        for name in status.names.iter().filter(|n| !n.server.as_str().starts_with("main")) {
            assert!(!name.answer.is_empty(), "{}", name.server);
        }
        // Nobody told the agents: they find out by their own deadline.
        for (edge, mark) in ["edge-1", "edge-2"].into_iter().zip(marks) {
            let said = until(&format!("the agent of {edge} notices"), async || {
                let log = lab.run(edge, &format!("tail -n +{} /var/log/agent.log", mark + 1)).await.ok()?;
                log.lines().find(|line| line.contains("msg=disconnected")).map(str::to_owned)
            })
            .await;
            assert!(said.contains("i/o timeout"), "{said}");
        }
        heal(&fault);
        ready(&lab).await;
        assert_eq!(lab.run("main-1", "cat /var/lib/synced").await.unwrap(), "synced\n");
        assert!(lab.run("main-1", "test -s /var/lib/unsynced").await.is_err(), "unsynced bytes were kept");
    });
}

async fn agent_log_lines(lab: &lab::Lab) -> Vec<usize> {
    let mut lines = Vec::new();
    for edge in ["edge-1", "edge-2"] {
        lines.push(lab.run(edge, "cat /var/log/agent.log").await.unwrap().lines().count());
    }
    lines
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_killed_site_tells_its_peers() {
    block_on(async {
        let lab = shared().await;
        let marks = agent_log_lines(&lab).await;
        let fault = break_it(&["site", "main", "--kill"]);
        let address = lab.topology().host("main-1").unwrap().address.to_string();
        assert_eq!(reaches(&lab, "witness", &address, 6443).await, Reach::Refused);
        for (edge, mark) in ["edge-1", "edge-2"].into_iter().zip(marks) {
            let said = until(&format!("the agent of {edge} notices"), async || {
                let log = lab.run(edge, &format!("tail -n +{} /var/log/agent.log", mark + 1)).await.ok()?;
                log.lines().find(|line| line.contains("msg=disconnected")).map(str::to_owned)
            })
            .await;
            // The machine's kernel lives on and closes what was open: no deadline has to pass.
            assert!(!said.contains("i/o timeout"), "{said}");
        }
        heal(&fault);
        ready(&lab).await;
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn one_host_without_power_leaves_its_neighbours_alone() {
    block_on(async {
        let lab = shared().await;
        let fault = break_it(&["host", "main-1", "--power"]);
        let exec = cli(&["lab", "exec", "--name", "test", "main-1", "--", "true"]);
        assert_eq!(exec.status.code(), Some(1));
        assert!(text(&exec.stderr).contains("it is off"), "{}", text(&exec.stderr));
        assert_eq!(reaches(&lab, "witness", "s3-main.lab.test", 8333).await, Reach::Open);
        let address = lab.topology().host("main-1").unwrap().address.to_string();
        assert_eq!(reaches(&lab, "witness", &address, 6443).await, Reach::Silent);
        // On the same LAN nobody answers for the address, which a host may find out by itself.
        let neighbour = reaches(&lab, "main-svc", &address, 6443).await;
        assert!(matches!(neighbour, Reach::Unreachable | Reach::Silent), "{neighbour:?}");
        // The load balancer has noticed, and says so at once.
        until("the load balancer refuses", async || {
            let said = lab
                .run("witness", "curl -sSk --max-time 5 https://rancher.lab.test/ping 2>&1 || true")
                .await
                .ok()?;
            (!said.contains("pong")).then_some(())
        })
        .await;
        heal(&fault);
        ready(&lab).await;
    });
}
