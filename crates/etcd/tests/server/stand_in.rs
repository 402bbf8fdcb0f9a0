//! The stand-in for k3s and RKE2 that tests use: what it leaves is what a real etcd starts on.

use crate::server::{Server, Setup, free_ports, newest, run};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const SCRIPT: &str = include_str!("../../../lab/src/parts/rke2/stand-in.sh");

/// A data directory of RKE2, and the stand-in as its program.
struct Ground {
    folder: TempDir,
    tools: PathBuf,
}

impl Ground {
    fn new() -> Self {
        let it = Self { folder: tempfile::tempdir().unwrap(), tools: newest() };
        std::fs::write(it.at("rke2"), SCRIPT).unwrap();
        std::fs::set_permissions(it.at("rke2"), PermissionsExt::from_mode(0o755)).unwrap();
        it
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn server(&self, flags: &[&str]) -> Output {
        let path = std::env::join_paths(
            [self.tools.clone()]
                .into_iter()
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let (port, _) = free_ports();
        Command::new(self.at("rke2"))
            .args([
                "server",
                "--config",
                "/dev/null",
                "--node-name",
                "server-1",
                "--data-dir",
            ])
            .arg(self.at("data"))
            .args(flags)
            .env("PATH", path.unwrap())
            .env("STAND_IN_PORT", port.to_string())
            .output()
            .unwrap()
    }

    fn refuses(&self, flags: &[&str], why: &str) {
        let output = self.server(flags);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{said}");
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let names = std::fs::read_dir(self.at(folder)).unwrap();
        let mut names: Vec<_> = names.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A snapshot of an etcd with bootstrap data of the token `secret`.
async fn snapshot(tools: &Path, into: &Path) {
    let server = Server::start(tools, None).await;
    // sha256("secret"), the first 12 digits.
    server.etcdctl(&["put", "/bootstrap/2bb80d537b1d", "sealed"]);
    server.etcdctl(&["put", "rke2/apiaddresses", "10.1.1.1:6443"]);
    server.etcdctl(&["put", "/registry/x", "kept"]);
    server.etcdctl(&["snapshot", "save", &into.display().to_string()]);
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_data_directory_that_it_has_reset_starts_with_what_the_snapshot_had() {
    let ground = Ground::new();
    let file = ground.at("etcd-snapshot-server-1-1700000000");
    snapshot(&ground.tools, &file).await;
    let path = format!("--cluster-reset-restore-path={}", file.display());

    ground.refuses(&[&path], "--cluster-reset required with --cluster-reset-restore-path");
    ground.refuses(&["--cluster-reset", &path], "the token of the cluster is needed");
    ground.refuses(
        &["--cluster-reset", "--token=x", "--cluster-reset-restore-path=/gone"],
        "does not exist: /gone",
    );
    ground.refuses(&["--cluster-reset", "--token=other", &path], "encrypted with different token");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(ground.at("damaged"), bytes).unwrap();
    let damaged = format!("--cluster-reset-restore-path={}", ground.at("damaged").display());
    ground.refuses(&["--cluster-reset", "--token=secret", &damaged], "cannot be restored");

    let done = ground.server(&["--cluster-reset", "--token=K10abc::server:secret", &path]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success() && said.contains("Managed etcd cluster membership has been reset"),
        "{said}"
    );
    let left = ground.names("data/server/db");
    assert!(
        left.contains(&"reset-flag".to_owned()) && left.iter().any(|it| it.starts_with("etcd-old-")),
        "{left:?}"
    );
    ground.refuses(&["--cluster-reset", "--token=secret"], "was previously reset");
    assert!(ground.server(&[]).status.success());
    assert!(!ground.at("data/server/db/reset-flag").exists(), "a normal start removes it");

    let data = ground.at("data/server/db/etcd");
    let name = std::fs::read_to_string(data.join("name")).unwrap();
    assert!(name.starts_with("server-1-") && name.len() == 17, "{name}");
    let etcd = Setup::new(&ground.tools).name(&name).data(&data).start().await;
    assert_eq!(etcd.etcdctl(&["get", "/registry/x", "--print-value-only"]).trim(), "kept");
    assert_eq!(etcd.etcdctl(&["get", "rke2/apiaddresses", "--print-value-only"]).trim(), "");
    assert_eq!(etcd.etcdctl(&["member", "list"]).lines().count(), 1);
    drop(etcd);

    let zip = ground.at("etcd-snapshot-server-1-1700000001.zip");
    let mut writer = zip::ZipWriter::new(std::fs::File::create(&zip).unwrap());
    writer
        .start_file("etcd-snapshot-server-1-1700000001", zip::write::SimpleFileOptions::default())
        .unwrap();
    std::io::copy(&mut std::fs::File::open(&file).unwrap(), &mut writer).unwrap();
    writer.finish().unwrap();
    let path = format!("--cluster-reset-restore-path={}", zip.display());
    let done = ground.server(&["--cluster-reset", "--token", "secret", &path]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    run(Command::new("sh").args(["-n"]).arg(ground.at("rke2")));
}
