//! A disk of its own that forgets what was not synced: ext4, whose journal is never written by itself.
//!
//! The power goes by the kernel's own means, as in the lab: the file system stops, its journal is not written, and mounting it again
//! replays what the journal had. No timer writes it before, no file's bytes are written in order with its names, and no rename writes
//! them: `commit`, `data` and `noauto_da_alloc` are set so that the kernel keeps no more than was asked for.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What it can do, and forget.
pub(super) trait Disk {
    /// Where it is mounted.
    fn place(&self) -> &Path;
    /// Empties it.
    fn renew(&mut self);
    /// Takes its power: from now on nothing reaches it.
    fn cut(&mut self);
    /// Gives it back, once nobody uses the disk any more.
    fn mend(&mut self);
}

/// In a file that is held in memory, below a folder that ends with this process.
pub(super) struct Ext4 {
    image: PathBuf,
    place: PathBuf,
    mounted: bool,
}

impl Ext4 {
    pub(super) fn new(folder: &Path) -> Self {
        let (image, place) = (folder.join("disk"), folder.join("place"));
        std::fs::create_dir_all(&place).unwrap();
        let mut disk = Self { image, place, mounted: false };
        disk.renew();
        disk
    }

    fn mount(&mut self) {
        let options = "loop,noatime,commit=900,data=writeback,noauto_da_alloc";
        run(Command::new("mount").args(["-o", options]).args([&self.image, &self.place]));
        self.mounted = true;
    }

    fn unmount(&mut self) {
        if std::mem::take(&mut self.mounted) {
            run(Command::new("umount").arg(&self.place));
        }
    }
}

impl Disk for Ext4 {
    fn place(&self) -> &Path {
        &self.place
    }

    fn renew(&mut self) {
        self.unmount();
        let image = std::fs::File::create(&self.image).unwrap();
        image.set_len(512 << 20).unwrap();
        let options = ["-q", "-F", "-m", "0", "-J", "size=16", "-E", "nodiscard"];
        run(Command::new("mkfs.ext4").args(options).arg(&self.image));
        self.mount();
    }

    fn cut(&mut self) {
        run(Command::new("xfs_io").args(["-x", "-F", "-c", "shutdown"]).arg(&self.place));
    }

    fn mend(&mut self) {
        self.unmount();
        self.mount();
    }
}

pub(super) fn run(command: &mut Command) {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(done.status.success(), "{command:?}: {done:?}");
}
