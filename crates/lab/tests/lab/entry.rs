//! What an outsider finds: status, kubeconfigs, SSH, names, S3, a registry, encrypted Secrets.

use crate::world::{Reach, block_on, cli, must, reaches, shared, text};
use std::process::{Command, Output, Stdio};

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn status_shows_every_part_and_all_of_it_works() {
    block_on(async {
        let lab = shared().await;
        let output = cli(&["--output", "json", "lab", "status", "--name", "test"]);
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(status["hosts"].as_array().unwrap().len(), 9);
        for host in status["hosts"].as_array().unwrap() {
            assert_eq!(host["on"], true);
            for process in host["processes"].as_array().unwrap() {
                assert_eq!(process["healthy"], process["wanted"], "{host}");
            }
        }
        for agent in status["agents"].as_array().unwrap() {
            assert_eq!((&agent["connected"], &agent["condition"]), (&true.into(), &"True".into()));
        }
        let main = lab.topology().load_balancer("main").unwrap().to_string();
        for name in status["names"].as_array().unwrap() {
            assert_eq!(name["answer"], main.as_str(), "{name}");
        }
        // The printed kubeconfigs work from this machine, with the kubectl that was built.
        let kubectl = lab::tools::kubernetes().join("kubectl");
        for cluster in status["clusters"].as_array().unwrap() {
            let kubeconfig = cluster["kubeconfig"].as_str().unwrap();
            let ready = must(kubectl.to_str().unwrap(), &["--kubeconfig", kubeconfig, "get", "--raw", "/readyz"]);
            assert_eq!(ready, "ok");
        }
        // The manager reaches a downstream API server through its agent's tunnel.
        let version = through_the_manager(&main, lab.api_token(), "c-edge1");
        assert!(version.contains("v1.36.3"), "{version}");
    });
}

pub(crate) fn through_the_manager(address: &str, token: &str, cluster: &str) -> String {
    let output = try_through_the_manager(address, token, cluster);
    assert!(output.status.success(), "{cluster}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Asks a downstream cluster's API server for its version. The token goes to curl's input: others see its words.
pub(crate) fn try_through_the_manager(address: &str, token: &str, cluster: &str) -> Output {
    use std::io::Write as _;
    let mut curl = Command::new("curl")
        .args(["-sSk", "--fail", "--max-time", "10", "-H", "@-", "--resolve"])
        .arg(format!("rancher.lab.test:443:{address}"))
        .arg(format!("https://rancher.lab.test/k8s/clusters/{cluster}/version"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Dropped at the end of the statement: curl reads to the end of its input.
    writeln!(curl.stdin.take().unwrap(), "Authorization: Bearer {token}").unwrap();
    curl.wait_with_output().unwrap()
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_host_is_entered_by_exec_and_ssh_alike() {
    block_on(async {
        let lab = shared().await;
        let key = lab.directory().join("id_ed25519");
        let address = lab.topology().host("main-1").unwrap().address.to_string();
        let look = "hostname; cat /etc/hostname; test -d /etc/kubernetes/pki; ls /var/lib/etcd; cat /proc/1/comm";
        let ssh = must(
            "ssh",
            &[
                "-i",
                key.to_str().unwrap(),
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
                "-o",
                "LogLevel=ERROR",
                &format!("root@{address}"),
                look,
            ],
        );
        let exec = cli(&["lab", "exec", "--name", "test", "main-1", "--", "sh", "-c", look]);
        assert_eq!(ssh, text(&exec.stdout));
        assert_eq!(ssh, "main-1\nmain-1\nmember\nrunsvdir\n");
        // The command's exit code is exec's own.
        let code = cli(&["lab", "exec", "--name", "test", "main-1", "--", "sh", "-c", "exit 7"])
            .status
            .code();
        assert_eq!(code, Some(7));
        // What a host writes stays on the host.
        lab.run("main-1", "echo here > /etc/only-here; echo here > /var/lib/only-here")
            .await
            .unwrap();
        assert!(lab.run("main-svc", "test -e /etc/only-here").await.is_err());
        assert!(!std::path::Path::new("/etc/only-here").exists());
        assert!(!std::path::Path::new("/var/lib/only-here").exists());
        assert!(
            lab.run("main-1", "touch /usr/bin/x").await.is_err(),
            "the machine's programs cannot be changed"
        );
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn each_site_has_s3_a_registry_and_its_own_resolver() {
    block_on(async {
        let lab = shared().await;
        for site in ["main", "standby"] {
            for service in ["s3", "registry"] {
                let port = if service == "s3" { 8333 } else { 5000 };
                let reach = reaches(&lab, "witness", &format!("{service}-{site}.lab.test"), port).await;
                assert_eq!(reach, Reach::Open, "{service}-{site}");
            }
            let secrets = lab.s3();
            let endpoint = format!("http://s3-{site}.lab.test:8333");
            // What is put at one host is read at another, with the credentials only.
            let curl = format!(
                "curl -sS --fail --aws-sigv4 aws:amz:us-east-1:s3 --user '{}:{}'",
                secrets.access_key, secrets.secret_key
            );
            lab.run("edge-1", &format!("echo hello-{site} | {curl} -T - {endpoint}/lifeboat/from-edge-1"))
                .await
                .unwrap();
            let read = lab
                .run("witness", &format!("{curl} {endpoint}/lifeboat/from-edge-1"))
                .await
                .unwrap();
            assert_eq!(read.trim(), format!("hello-{site}"));
            let refused = lab
                .run("witness", &format!("curl -sS --fail {endpoint}/lifeboat/from-edge-1"))
                .await;
            assert!(refused.is_err(), "without credentials");
            let registry = lab
                .run("edge-2", &format!("curl -sS --fail http://registry-{site}.lab.test:5000/v2/"))
                .await;
            assert_eq!(registry.unwrap().trim(), "{}");
        }
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn etcd_asks_for_a_certificate_and_holds_secrets_encrypted() {
    block_on(async {
        let lab = shared().await;
        let pki = "/etc/kubernetes/pki/etcd";
        let with = format!(
            "etcdctl --endpoints https://127.0.0.1:2379 --cacert {pki}/ca.crt --cert {pki}/healthcheck-client.crt --key {pki}/healthcheck-client.key"
        );
        let stored = lab
            .run(
                "main-1",
                &format!("{with} get /registry/secrets/cattle-system/tls-rancher-ingress | head -c 200 | strings"),
            )
            .await
            .unwrap();
        assert!(stored.contains("k8s:enc:secretbox:v1:key1:"), "{stored}");
        let without = format!(
            "etcdctl --endpoints https://127.0.0.1:2379 --cacert {pki}/ca.crt --dial-timeout 3s --command-timeout 3s get /x"
        );
        assert!(lab.run("main-1", &without).await.is_err());
    });
}
