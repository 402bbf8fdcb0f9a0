//! The images of a lab's pods: OCI layouts in tar archives, made here, since no registry can be asked for them.
//!
//! A host has the archives on its disk, as a host without a way to a registry would, and imports them at its first boot.

use crate::error::{Error, Result};
use crate::parts::manager::PROCESS;
use crate::secrets::hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;
use tar::{Builder, EntryType, Header};

/// Where a host has the archives, and the names of the images in them.
pub(super) const DIRECTORY: &str = "/var/lib/lifeboat/images";
/// What holds a pod's namespaces.
pub(super) const PAUSE: &str = "registry.lab.test/pause:1";
/// Debian's busybox.
pub(super) const BUSYBOX: &str = "registry.lab.test/busybox:1";
/// The manager.
pub(crate) const MANAGER: &str = "registry.lab.test/rancher/rancher:lab";

const BUSYBOX_PROGRAM: &str = "/bin/busybox";
/// The commands that busybox is called by.
const COMMANDS: &[&str] = &[
    "cat", "date", "dd", "df", "echo", "env", "grep", "head", "hostname", "httpd", "id", "ip", "kill", "ls", "mkdir",
    "mount", "mv", "nc", "nslookup", "ping", "ps", "rm", "seq", "sh", "sleep", "sync", "tail", "test", "touch", "true",
    "vi", "wc", "wget",
];

struct Image<'a> {
    name: &'a str,
    command: &'a [&'a str],
}

/// Makes every archive, in the new directory `to`, with the programs of `bin`.
pub(crate) fn make(bin: &Path, to: &Path) -> Result<()> {
    let failed = |source| Error::File {
        path: to.to_owned(),
        doing: "making the images of pods",
        source,
    };
    let read = |path: &Path| std::fs::read(path).map_err(Error::file(path, "reading a program for an image"));
    let busybox = read(Path::new(BUSYBOX_PROGRAM))?;
    let manager = read(&bin.join(PROCESS))?;
    std::fs::create_dir_all(to).map_err(failed)?;
    let base = layer(("bin/busybox", &busybox), COMMANDS).and_then(|layer| {
        archive(
            &layer,
            &[
                Image { name: PAUSE, command: &["/bin/sleep", "infinity"] },
                Image { name: BUSYBOX, command: &["/bin/sh"] },
            ],
        )
    });
    let manager = layer((&format!("usr/bin/{PROCESS}"), &manager), &[])
        .and_then(|layer| archive(&layer, &[Image { name: MANAGER, command: &[PROCESS] }]));
    for (file, content) in [("base.tar", base), ("manager.tar", manager)] {
        std::fs::write(to.join(file), content.map_err(failed)?).map_err(failed)?;
    }
    Ok(())
}

/// Puts archives from the directory `from` onto a host's disk below `root`.
pub(crate) fn place(from: &Path, root: &Path, with_manager: bool) -> Result<()> {
    let to = root.join(DIRECTORY.trim_start_matches('/'));
    let failed = |source| Error::File { path: to.clone(), doing: "giving a host its images", source };
    std::fs::create_dir_all(&to).map_err(failed)?;
    let (files, names): (&[&str], &[&str]) = if with_manager {
        (&["base.tar", "manager.tar"], &[PAUSE, BUSYBOX, MANAGER])
    } else {
        (&["base.tar"], &[PAUSE, BUSYBOX])
    };
    for file in files {
        // Both are in the staging area: a link is enough, the host's disk gets its own copy.
        std::fs::hard_link(from.join(file), to.join(file)).map_err(failed)?;
    }
    std::fs::write(to.join("names"), format!("{}\n", names.join("\n"))).map_err(failed)
}

/// A root file system with one program, and links to it by other names beside it.
fn layer((path, program): (&str, &[u8]), links: &[&str]) -> io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    for (directory, mode) in [
        ("bin", 0o755),
        ("etc", 0o755),
        ("root", 0o700),
        ("tmp", 0o1777),
        ("usr", 0o755),
        ("usr/bin", 0o755),
    ] {
        tar.append_data(&mut header(EntryType::Directory, mode, 0), directory, io::empty())?;
    }
    append(&mut tar, "etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n")?;
    append(&mut tar, path, 0o755, program)?;
    for link in links {
        tar.append_link(&mut header(EntryType::Symlink, 0o777, 0), format!("bin/{link}"), "busybox")?;
    }
    tar.into_inner()
}

/// An OCI layout of images that all have the one layer.
fn archive(layer: &[u8], images: &[Image<'_>]) -> io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    append(
        &mut tar,
        "oci-layout",
        0o644,
        json!({"imageLayoutVersion": "1.0.0"}).to_string().as_bytes(),
    )?;
    let layer_digest = blob(&mut tar, layer)?;
    let mut index = Vec::new();
    for image in images {
        let config = json!({
            "architecture": architecture(), "os": "linux",
            "config": {"Entrypoint": image.command, "Env": ["PATH=/usr/bin:/bin"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
        })
        .to_string();
        let config_digest = blob(&mut tar, config.as_bytes())?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config_digest, config.len()),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer_digest, layer.len())],
        })
        .to_string();
        let manifest_digest = blob(&mut tar, manifest.as_bytes())?;
        let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest_digest, manifest.len());
        entry["annotations"] = json!({"io.containerd.image.name": image.name});
        index.push(entry);
    }
    append(
        &mut tar,
        "index.json",
        0o644,
        json!({"schemaVersion": 2, "manifests": index}).to_string().as_bytes(),
    )?;
    tar.into_inner()
}

fn descriptor(media_type: &str, digest: &str, size: usize) -> Value {
    json!({"mediaType": media_type, "digest": digest, "size": size})
}

/// Appends a blob under its digest, which is returned.
fn blob(tar: &mut Builder<Vec<u8>>, content: &[u8]) -> io::Result<String> {
    let digest = hex(&Sha256::digest(content));
    append(tar, &format!("blobs/sha256/{digest}"), 0o644, content)?;
    Ok(format!("sha256:{digest}"))
}

fn append(tar: &mut Builder<Vec<u8>>, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
    let size = u64::try_from(content.len()).map_err(io::Error::other)?;
    tar.append_data(&mut header(EntryType::Regular, mode, size), path, content)
}

/// Of root, without a time: the same programs make the same image.
fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

/// This machine's architecture, as images name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests;
