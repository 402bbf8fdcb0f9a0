//! Latency between a site and the others: packets take a detour through a relay of the lab's own, which holds each for a
//! while. (The kernel here may have no netem.)
//!
//! In the core, what comes from the site and what goes to it is routed into a tun device; the relay writes it back after
//! its delay, and from there it goes its way by the ordinary routes.

use crate::error::{Error, Result};
use crate::network::{batch, core};
use crate::record::{Place, Process};
use crate::shell;
use crate::topology::Topology;
use estate::Name;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::sync::mpsc;

/// Packets that a relay holds at most; more are lost, as in a router's full queue.
const HELD: usize = 20_000;

fn device(site: u8) -> String {
    format!("delay{site}")
}

/// Where a relay says which process it is, before anything else: whoever takes the lab down ends it by that.
fn pid_file(site: u8) -> String {
    format!("relay{site}.pid")
}

/// The relay of a site, while it runs.
fn running(place: &Place, site: u8) -> Option<Process> {
    Process::read(&place.path(&pid_file(site)))
}

/// Every relay of the lab that runs.
pub(crate) fn relays(place: &Place) -> Vec<Process> {
    (0..=u8::MAX).filter_map(|site| running(place, site)).collect()
}

pub(super) async fn start(place: &Place, lab: &Topology, site: &Name, ms: u32) -> Result<()> {
    let index = lab.site(site.as_str())?.index;
    let (core, device) = (core(lab.name()), device(index));
    let log_path = place.path(&format!("{device}.log"));
    let log = std::fs::File::create(&log_path).map_err(Error::file(&log_path, "making the relay's log"))?;
    let mut child = tokio::process::Command::new("setsid")
        .args(["nsenter", &format!("--net=/run/netns/{core}")])
        .arg(place.path("bin/lifeboat"))
        .args([
            "lab",
            "relay",
            "--device",
            &device,
            "--ms",
            &ms.to_string(),
            "--pid-file",
        ])
        .arg(place.path(&pid_file(index)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(Error::file(place.path("bin/lifeboat"), "starting the relay"))?;
    let deadline = ambient::monotonic() + Duration::from_secs(10);
    let failed = |last: String| Error::NotReady {
        object: format!("the relay of site {site}"),
        seconds: 10,
        last,
        log: log_path.display().to_string(),
    };
    let show = ["ip", "-n", &core, "link", "show", "dev", &device];
    while !shell::output("waiting for the relay", &show, "").await?.success {
        if ambient::monotonic() > deadline || matches!(child.try_wait(), Ok(Some(_))) {
            return Err(failed(std::fs::read_to_string(&log_path).unwrap_or_default()));
        }
        ambient::sleep(Duration::from_millis(10)).await;
    }
    let table = 100 + u32::from(index);
    let mut rules = format!("link set {device} up\nroute add default dev {device} table {table}\n");
    // What comes out of any relay goes straight on.
    rules.push_str(&format!("rule add pref 10 iif {device} lookup main\n"));
    rules.push_str(&format!("rule add pref 20 iif {site} lookup {table}\n"));
    rules.push_str(&format!("rule add pref 30 to {}/24 lookup {table}\n", lab.subnet.address(index, 0)));
    batch(Some(&core), &rules).await
}

pub(super) async fn stop(place: &Place, lab: &Topology, site: &Name) -> Result<()> {
    let index = lab.site(site.as_str())?.index;
    let (core, device) = (core(lab.name()), device(index));
    let table = (100 + u32::from(index)).to_string();
    // The rules first: packets must not be routed into a device without a reader.
    for rule in [["iif", &device, "main"], ["iif", site.as_str(), &table]] {
        let words = ["ip", "-n", &core, "rule", "del", rule[0], rule[1], "lookup", rule[2]];
        let _absent = shell::output("lifting a latency", &words, "").await?;
    }
    let to = format!("{}/24", lab.subnet.address(index, 0));
    let words = ["ip", "-n", &core, "rule", "del", "to", &to, "lookup", &table];
    let _absent = shell::output("lifting a latency", &words, "").await?;
    if let Some(process) = running(place, index) {
        process.signal(nix::sys::signal::Signal::SIGKILL);
        let deadline = ambient::monotonic() + Duration::from_secs(10);
        while process.alive() && ambient::monotonic() < deadline {
            ambient::sleep(Duration::from_millis(5)).await;
        }
    }
    Ok(())
}

/// Holds every packet that arrives at the tun device `name` for `delay`, then sends it on. Runs until it is killed.
///
/// # Errors
/// When the pid cannot be noted, or the device cannot be made or read.
pub async fn relay(name: &str, delay: Duration, pid_file: &Path) -> Result<()> {
    Process::own().and_then(|own| own.write(pid_file))?;
    let broken = |doing: &'static str| Error::file(format!("/dev/net/tun ({name})"), doing);
    let tun = tun_rs::DeviceBuilder::new()
        .name(name)
        .mtu(1500)
        .build_async()
        .map_err(broken("making the device"))?;
    let tun = std::sync::Arc::new(tun);
    let (hold, mut held) = mpsc::channel::<(std::time::Instant, Vec<u8>)>(HELD);
    let out = tun.clone();
    tokio::spawn(async move {
        while let Some((due, packet)) = held.recv().await {
            let wait = due.saturating_duration_since(ambient::monotonic());
            if !wait.is_zero() {
                ambient::sleep(wait).await;
            }
            // A packet that the kernel refuses is lost, as packets are.
            let _lost = out.send(&packet).await;
        }
    });
    let mut buffer = vec![0; 65_536];
    loop {
        let length = tun.recv(&mut buffer).await.map_err(broken("reading a packet"))?;
        if let Some(packet) = buffer.get(..length) {
            // A full queue drops, like a router's.
            let _lost = hold.try_send((ambient::monotonic() + delay, packet.to_vec()));
        }
    }
}
