//! Agents that must stay out: a wrong token, a wrong CA, a wrong name. The lab is no easier than Rancher.

use crate::world::{block_on, ready, shared, until};
use lab::Lab;

/// Changes what the agent of edge-1 believes, and returns what it then says in its log.
async fn says_after(lab: &Lab, change: &str, word: &str) -> String {
    lab.run("edge-1", "rm -rf /var/tmp/kept; cp -a /etc/cattle /var/tmp/kept")
        .await
        .unwrap();
    let lines = lab.run("edge-1", "wc -l < /var/log/agent.log").await.unwrap();
    lab.run("edge-1", &format!("{change}\nsv restart agent || true")).await.unwrap();
    let from: usize = lines.trim().parse::<usize>().unwrap() + 1;
    // Twice: an agent that is refused once tries again, and must not get in then.
    let said = until(&format!("the agent says {word:?} twice"), async || {
        let log = lab.run("edge-1", &format!("tail -n +{from} /var/log/agent.log")).await.ok()?;
        assert!(!log.contains("msg=connected"), "{log}");
        log.lines().filter(|line| line.contains(word)).nth(1).map(str::to_owned)
    })
    .await;
    lab.run("edge-1", "rm -rf /etc/cattle; mv /var/tmp/kept /etc/cattle; sv restart agent || true")
        .await
        .unwrap();
    ready(lab).await;
    said
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_wrong_token_keeps_an_agent_out() {
    block_on(async {
        let lab = shared().await;
        let said = says_after(&lab, "printf wrong > /etc/cattle/credentials/token", "refused").await;
        assert!(said.contains("401"), "{said}");
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn another_ca_keeps_an_agent_out() {
    block_on(async {
        let lab = shared().await;
        let change = "sed -i 's/CHECKSUM=../CHECKSUM=00/' /etc/cattle/agent.env";
        says_after(&lab, change, "CA checksum mismatch").await;
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn another_name_keeps_an_agent_out() {
    block_on(async {
        let lab = shared().await;
        // It resolves, and the same manager answers: only the certificate is not for that name.
        let change = "printf https://rancher-main.lab.test > /etc/cattle/credentials/url";
        let said = says_after(&lab, change, "certificate not valid").await;
        assert!(said.contains("rancher-main.lab.test"), "{said}");
    });
}
