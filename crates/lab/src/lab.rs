//! A lab from its beginning to its end.

use crate::error::{Error, Result};
use crate::fault::{self, Break, Fault};
use crate::host;
use crate::install;
use crate::network;
use crate::parts::{self, kubeadm, pods};
use crate::ready;
use crate::record::{Phase, Place, Record, lock_machine};
use crate::secrets::Secrets;
use crate::serve;
use crate::shell;
use crate::status::{self, Status};
use crate::tools::{Say, Tools};
use crate::topology::{Host, Options, Part, Subnet, Topology};
use estate::{Distribution, Name};
use futures::future::try_join_all;
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Megabytes of memory that a lab takes: for itself, and for each downstream cluster.
const MEMORY_MIB: (u64, u64) = (1_700, 450);
/// What kubelet, containerd and pods take of each cluster's host.
const MEMORY_MIB_OF_PODS: u64 = 250;
/// Megabytes on disk that each host takes at first.
const DISK_MIB_PER_HOST: u64 = 250;
/// Where pods' images are made in the staging area; no host has a name with a dot.
const POD_IMAGES: &str = ".images";

/// What S3 is asked with.
#[expect(missing_debug_implementations, reason = "it is secret")]
pub struct S3Credentials<'a> {
    /// The access key id.
    pub access_key: &'a str,
    /// The secret key.
    pub secret_key: &'a str,
}

/// A lab on this machine.
#[derive(Debug)]
pub struct Lab {
    pub(crate) place: Place,
    pub(crate) record: Record,
}

impl Lab {
    /// Builds a lab, starts it, fills it with content, and returns when all of it is ready. What a crashed builder of the
    /// same lab left behind is taken away first.
    ///
    /// # Errors
    /// Not root, tools missing, the machine too small, addresses or names in use, the lab up already; or a part that did not
    /// become ready, in which case the lab is left as it is, to be looked at.
    pub async fn up(options: Options, say: Say<'_>) -> Result<Self> {
        options.check()?;
        check_root()?;
        check_namespaces().await?;
        let tools = Tools::find(&options).await?;
        let place = Place::of(&options.name);
        let _lock = place.lock()?;
        clear_crashed(&place, say).await?;
        let topology = {
            let _one_at_a_time = lock_machine()?;
            let subnet = network::choose(options.subnet, &subnets()).await?;
            let topology = Topology::new(options, subnet)?;
            check_size(&topology)?;
            claim(&place, &topology).await?;
            let secrets = Secrets::make(&topology, &place.directory).await?;
            let record = Record {
                phase: Phase::Building,
                topology: topology.clone(),
                secrets,
                faults: Vec::new(),
                next_fault: 1,
            };
            place.write(&record)?;
            parts::estate::write(&record, &place.directory)?;
            topology
        };
        let mut lab = Self { record: place.read()?, place };
        say(&format!(
            "building {} hosts at {} sites, {}",
            topology.hosts.len(),
            topology.sites.len(),
            topology.subnet
        ));
        tools.gather(&lab.place.path("bin")).await?;
        futures::try_join!(network::build(lab.topology()), lab.make_images())?;
        fault::begin(&lab.record).await?;
        lab.start(say).await?;
        install::install(&lab, say).await?;
        lab.record.phase = Phase::Up;
        lab.place.write(&lab.record)?;
        ready::wait(&lab, Duration::from_secs(180), say).await?;
        Ok(lab)
    }

    /// Opens the lab called `name`.
    ///
    /// # Errors
    /// There is none, or its record is damaged.
    pub fn open(name: &Name) -> Result<Self> {
        let place = Place::of(name);
        if place.exists() {
            check_root()?;
        }
        let record = place.read()?;
        Ok(Self { place, record })
    }

    /// The names of the labs on this machine, up or crashed.
    pub fn all() -> Vec<Name> {
        Place::all()
    }

    /// What the lab consists of.
    pub fn topology(&self) -> &Topology {
        &self.record.topology
    }

    /// The faults in force, oldest first.
    pub fn faults(&self) -> &[Fault] {
        &self.record.faults
    }

    /// The lab's directory, with kubeconfigs, the SSH key and each host's boot log.
    pub fn directory(&self) -> &Path {
        &self.place.directory
    }

    /// The kubeconfig of a cluster's administrator, usable from this machine.
    pub fn kubeconfig(&self, cluster: &str) -> PathBuf {
        self.place.path(&format!("kubeconfig/{cluster}.yaml"))
    }

    /// A client of a cluster, as its administrator.
    ///
    /// # Errors
    /// The kubeconfig cannot be read.
    pub async fn client(&self, cluster: &str) -> Result<cluster::Client> {
        self.topology().cluster(cluster)?;
        cluster::Client::from_kubeconfig(&self.kubeconfig(cluster))
            .await
            .map_err(|source| Error::Cluster {
                cluster: cluster.to_owned(),
                doing: "opening its kubeconfig".into(),
                source: source.into(),
            })
    }

    /// The manager's API token, for requests to `/k8s/clusters/ID/...`.
    pub fn api_token(&self) -> &str {
        &self.record.secrets.api_token
    }

    /// The estate file that Lifeboat protects this lab by, with its secrets beside it; none where it cannot (pods, RKE2's
    /// layout).
    pub fn estate_file(&self) -> Option<PathBuf> {
        let file = self.place.path(parts::estate::FILE);
        (self.record.secrets.estate.is_some() && file.is_file()).then_some(file)
    }

    /// What S3 at either site is asked with. The bucket `lifeboat` is there from the start.
    pub fn s3(&self) -> S3Credentials<'_> {
        let secrets = &self.record.secrets;
        S3Credentials {
            access_key: &secrets.s3_access,
            secret_key: &secrets.s3_secret,
        }
    }

    /// The TSIG key of the zone, base64, under the name `lifeboat`.
    pub fn tsig_key(&self) -> &str {
        &self.record.secrets.tsig
    }

    /// The words that run a command on a host; the command's own follow.
    ///
    /// # Errors
    /// There is no such host, or it is off.
    pub fn enter(&self, host: &str) -> Result<Vec<String>> {
        host::enter(&self.place, self.topology().host(host)?)
    }

    /// Runs a shell script on a host to its end, and returns what it printed.
    ///
    /// # Errors
    /// As [`Lab::enter`]; and when the script fails, with its last words.
    pub async fn run(&self, host: &str, script: &str) -> Result<String> {
        let host = self.topology().host(host)?;
        host::run(&self.place, host, "running a script on a host", &["bash", "-euc", script]).await
    }

    /// What there is and how it does.
    ///
    /// # Errors
    /// Only where the lab's own record or tools fail; what is broken in the lab is part of the answer.
    pub async fn status(&self) -> Result<Status> {
        status::take(self).await
    }

    /// Waits until everything that should run does, and answers.
    ///
    /// # Errors
    /// [`Error::NotReady`] naming what is not, with its last words.
    pub async fn wait_ready(&self, limit: Duration, say: Say<'_>) -> Result<()> {
        ready::wait(self, limit, say).await
    }

    /// Breaks something; the fault is in force on return.
    ///
    /// # Errors
    /// The target is unknown, or the fault makes no sense for it.
    pub async fn break_it(&mut self, what: Break) -> Result<Fault> {
        let _lock = self.change()?;
        fault::apply(&self.place, &mut self.record, what).await
    }

    /// Undoes a fault, or all of them, the youngest first. Returns what was undone.
    ///
    /// # Errors
    /// There is no such fault, or a host does not start again.
    pub async fn heal(&mut self, id: Option<u32>) -> Result<Vec<Fault>> {
        let _lock = self.change()?;
        let ids = match id {
            Some(id) => vec![id],
            None => self.record.faults.iter().rev().map(|f| f.id).collect(),
        };
        let mut healed = Vec::new();
        let mut first = None;
        for id in ids {
            match fault::undo(&self.place, &mut self.record, id).await {
                Ok(fault) => healed.push(fault),
                // The others can still be healed.
                Err(reason) => first = first.or(Some(reason)),
            }
        }
        if id.is_none() {
            // Also what died of itself, or with the machine.
            fault::start_hosts(&self.place, &self.record).await?;
        }
        first.map_or(Ok(healed), Err)
    }

    /// Lets `lifeboat serve` run on the host of each site that decides, or ends it there. On return the hosts' supervisors
    /// want it so, and do so again after a loss of power; whether it is well is for [`Lab::status`] to say.
    ///
    /// # Errors
    /// The lab has no estate, or a host is off or does not do it; the others have done it all the same.
    pub async fn serve(&self, on: bool) -> Result<()> {
        check_root()?;
        let _lock = self.place.lock()?;
        serve::set(self, on).await
    }

    /// Takes the lab called `name` away: its processes, namespaces, links, mounts and files. Saved labs and tools stay.
    ///
    /// # Errors
    /// There is no such lab, or something cannot be removed; it can be called again.
    pub async fn down(name: &Name, say: Say<'_>) -> Result<()> {
        let place = Place::of(name);
        if !place.exists() {
            return Err(Error::NoLab { name: name.to_string() });
        }
        check_root()?;
        let _lock = place.lock()?;
        take_down(&place, say).await
    }

    /// Takes the lock and reads the record again: another process may have changed it since it was opened.
    pub(crate) fn change(&mut self) -> Result<crate::record::Lock> {
        check_root()?;
        let lock = self.place.lock()?;
        self.record = self.place.read()?;
        Ok(lock)
    }

    /// Starts every host.
    pub(crate) async fn start(&self, say: Say<'_>) -> Result<()> {
        say("starting the hosts");
        try_join_all(self.topology().hosts.iter().map(|host| host::boot(&self.place, host))).await?;
        Ok(())
    }

    /// Makes every host's disk.
    async fn make_images(&self) -> Result<()> {
        let staging = self.place.path("staging");
        if self.topology().options.pods {
            pods::images::make(&self.place.path("bin"), &staging.join(POD_IMAGES))?;
        }
        // The first host of a cluster makes the CAs that its other members take over.
        let (first, further): (Vec<&Host>, Vec<&Host>) = self
            .topology()
            .hosts
            .iter()
            .partition(|h| !h.parts.iter().any(|p| matches!(p, Part::EtcdMember(_))));
        for hosts in [first, further] {
            try_join_all(hosts.into_iter().map(|host| self.make_image(&staging, host))).await?;
        }
        std::fs::remove_dir_all(&staging).map_err(Error::file(&staging, "removing the staging area"))
    }

    async fn make_image(&self, staging: &Path, host: &Host) -> Result<()> {
        let root = staging.join(host.name.as_str());
        host::share_etc(&root).await?;
        parts::render(self.topology(), &self.record.secrets, host)?.write(&root)?;
        let cluster = self.topology().clusters.iter().find(|c| c.hosts.contains(&host.name));
        if let Some(cluster) = cluster {
            if cluster.distribution == Distribution::Kubeadm {
                let first = cluster
                    .hosts
                    .first()
                    .filter(|f| **f != host.name)
                    .map(|f| staging.join(f.as_str()));
                kubeadm::generate(&self.place.path("bin/kubeadm"), &root, host, first.as_deref()).await?;
            }
            if cluster.hosts.first() == Some(&host.name) {
                self.keep_kubeconfig(&root, cluster)?;
            }
        }
        if pods::run_on(self.topology(), host) {
            let manages = host.parts.iter().any(|p| matches!(p, Part::Manager { .. }));
            pods::images::place(&staging.join(POD_IMAGES), &root, manages)?;
        }
        host::make_image(&self.place, host, &root).await
    }

    /// Keeps the administrator's kubeconfig where this machine can use it.
    fn keep_kubeconfig(&self, root: &Path, cluster: &crate::topology::Cluster) -> Result<()> {
        let host = self.topology().control_plane(cluster)?;
        let from = root.join(parts::manager::admin_kubeconfig(cluster.distribution).trim_start_matches('/'));
        let text = std::fs::read_to_string(&from).map_err(Error::file(&from, "reading a kubeconfig"))?;
        let to = self.kubeconfig(cluster.name.as_str());
        let parent = to.parent().unwrap_or(&self.place.directory);
        std::fs::create_dir_all(parent).map_err(Error::file(parent, "making the directory of kubeconfigs"))?;
        // RKE2's own file speaks to the host itself.
        let text = text.replace("https://127.0.0.1:6443", &format!("https://{}:6443", host.address));
        std::fs::write(&to, text).map_err(Error::file(to, "writing a kubeconfig"))
    }
}

/// Takes down everything that was noted at `place`: by pids and names, so that it can be done with a damaged record too.
async fn take_down(place: &Place, say: Say<'_>) -> Result<()> {
    say(&format!("taking lab {} down", place.name));
    for relay in fault::relays(place) {
        relay.signal(Signal::SIGKILL);
    }
    // A paused process cannot be in the way: SIGKILL ends it too.
    host::kill_all(place).await?;
    network::remove(&place.names()).await?;
    // Once more: a host that a crashed builder had only begun to start has noted its pid by now, and without its namespace
    // no other can begin.
    host::kill_all(place).await?;
    if let Ok(record) = place.read() {
        pods::cgroups::remove_all(&record.topology).await?;
    }
    std::fs::remove_dir_all(&place.directory).map_err(Error::file(&place.directory, "removing the lab's files"))
}

/// Makes room for a new lab: one whose builder crashed, or whose processes are all gone, is taken down.
pub(crate) async fn clear_crashed(place: &Place, say: Say<'_>) -> Result<()> {
    if !place.exists() {
        return Ok(());
    }
    let up = match place.read() {
        // One without power is up: it waits to be healed.
        Ok(record) => record.phase == Phase::Up && (!record.faults.is_empty() || !place.inits().is_empty()),
        // The directory is made a moment before the record; without one nothing was built.
        Err(_) if !place.path("lab.json").exists() => false,
        Err(damaged) => return Err(damaged),
    };
    if up {
        return Err(Error::AlreadyUp { name: place.name.to_string() });
    }
    say("an earlier lab of this name did not end well; taking it away first");
    take_down(place, say).await
}

/// The ranges of all labs of this machine.
pub(crate) fn subnets() -> Vec<Subnet> {
    let records = Place::all().into_iter().filter_map(|name| Place::of(&name).read().ok());
    records.map(|record| record.topology.subnet).collect()
}

/// Makes the place of a lab and notes there what will be the lab's, after making sure that it is nobody's yet.
pub(crate) async fn claim(place: &Place, topology: &Topology) -> Result<()> {
    network::check_free(topology).await?;
    std::fs::create_dir_all(place.path("hosts")).map_err(Error::file(&place.directory, "making the lab's place"))?;
    restrict(&place.directory)?;
    place.write_names(&network::names(topology))
}

/// Whether namespaces and loop devices can be had: root in a container may be less than root.
async fn check_namespaces() -> Result<()> {
    let words = [
        "unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "true",
    ];
    let refused = |missing: String| Error::NotRoot { uid: 0, missing };
    let tried = shell::output("trying to make namespaces", &words, "").await?;
    if !tried.success {
        return Err(refused(format!("the right to make namespaces ({})", tried.stderr.trim())));
    }
    if !Path::new("/dev/loop-control").exists() {
        return Err(refused("loop devices (/dev/loop-control)".into()));
    }
    Ok(())
}

pub(crate) fn check_root() -> Result<()> {
    let uid = nix::unistd::geteuid();
    if uid.is_root() {
        return Ok(());
    }
    Err(Error::NotRoot {
        uid: uid.as_raw(),
        missing: "the right to make network namespaces, mounts and loop devices".into(),
    })
}

fn check_size(lab: &Topology) -> Result<()> {
    let (base, each) = MEMORY_MIB;
    let hosts = lab.hosts.iter().filter(|h| pods::run_on(lab, h)).count();
    let pods = MEMORY_MIB_OF_PODS * u64::try_from(hosts).unwrap_or(u64::MAX);
    let needed = base + each * u64::from(lab.options.edges) + pods;
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let found = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(u64::MAX, |kib| kib / 1024);
    if found < needed {
        return Err(Error::NotEnough { what: "memory", needed, found });
    }
    let needed = DISK_MIB_PER_HOST * u64::try_from(lab.hosts.len()).unwrap_or(u64::MAX);
    let disk = nix::sys::statvfs::statvfs("/var/lib").map_err(|e| Error::File {
        path: "/var/lib".into(),
        doing: "looking for free space",
        source: e.into(),
    })?;
    let found = disk.blocks_available() * disk.fragment_size() / (1024 * 1024);
    if found < needed {
        return Err(Error::NotEnough { what: "disk", needed, found });
    }
    Ok(())
}

/// Keeps other users out of the lab's directory: it holds keys.
pub(crate) fn restrict(directory: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700))
        .map_err(Error::file(directory, "keeping others out of the lab's directory"))
}
