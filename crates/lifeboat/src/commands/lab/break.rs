//! `lifeboat lab break site|host NAME ...`: one fault at a time.

use super::Which;
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use estate::{Kind, Name};
use lab::{Break, Target, Way};
use serde::Serialize;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    #[command(subcommand)]
    target: TargetArgs,
}

#[derive(clap::Subcommand)]
enum TargetArgs {
    /// A site with all its hosts
    Site(SiteArgs),
    /// One host, or a process, file or clock on it
    Host(HostArgs),
}

#[derive(clap::Args)]
#[group(id = "site-fault", required = true, multiple = false, args = ["power", "kill", "cut", "loss", "bandwidth", "latency"])]
struct SiteArgs {
    /// The site
    site: Name,
    #[command(flatten)]
    both: BothArgs,
    /// Packets between the site and the others take this many milliseconds more, each way
    #[arg(long, value_name = "MS")]
    latency: Option<u32>,
    /// With --cut: only from this other site
    #[arg(long, requires = "cut", value_name = "SITE")]
    from: Option<Name>,
}

#[derive(clap::Args)]
#[group(id = "host-fault", required = true, multiple = false,
        args = ["power", "kill", "cut", "loss", "bandwidth", "fill", "stop", "pause", "clock", "corrupt"])]
struct HostArgs {
    /// The host
    host: Name,
    #[command(flatten)]
    both: BothArgs,
    /// Fill the disk; so many MiB stay free [default: 0]
    #[arg(long, value_name = "MIB", num_args = 0..=1, default_missing_value = "0")]
    fill: Option<u64>,
    /// Kill this process and keep it from starting
    #[arg(long, value_name = "PROCESS")]
    stop: Option<String>,
    /// Pause this process (SIGSTOP)
    #[arg(long, value_name = "PROCESS")]
    pause: Option<String>,
    /// Put the clock of Lifeboat's processes off by so many seconds; negative is behind
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = seconds)]
    clock: Option<f64>,
    /// With --clock: whose clock
    #[arg(long, default_value = "lifeboat", requires = "clock")]
    process: String,
    /// Turn bytes of this file over
    #[arg(long, value_name = "PATH")]
    corrupt: Option<String>,
    /// With --corrupt: the first byte
    #[arg(long, default_value = "0", requires = "corrupt")]
    offset: u64,
    /// With --corrupt: how many bytes
    #[arg(long, default_value = "1", requires = "corrupt")]
    bytes: u32,
}

#[derive(clap::Args)]
struct BothArgs {
    /// Cut the power: links first, so that peers see silence; what was not synced is lost
    #[arg(long)]
    power: bool,
    /// Kill every process; connections are closed
    #[arg(long)]
    kill: bool,
    /// Cut it off from the rest
    #[arg(long)]
    cut: bool,
    /// With --cut: only what comes in, or only what goes out, is lost
    #[arg(long, requires = "cut", value_parser = way, value_name = "in|out")]
    one_way: Option<Way>,
    /// Lose this percentage of its packets
    #[arg(long, value_name = "PERCENT")]
    loss: Option<f64>,
    /// Let it send and receive at most so many kbit/s
    #[arg(long, value_name = "KBIT")]
    bandwidth: Option<u32>,
}

fn seconds(text: &str) -> Result<f64, String> {
    // Ten years: certificates and leases are then long over.
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if seconds.abs() <= 3.2e8 {
        Ok(seconds)
    } else {
        Err("at most ten years either way".into())
    }
}

fn way(text: &str) -> Result<Way, String> {
    match text {
        "in" => Ok(Way::In),
        "out" => Ok(Way::Out),
        _ => Err("in or out".into()),
    }
}

impl BothArgs {
    fn what(&self, target: Target, from: Option<Name>) -> Option<Break> {
        if self.power {
            return Some(Break::Power { target });
        }
        if self.kill {
            return Some(Break::Kill { target });
        }
        if self.cut {
            return Some(Break::Cut { target, from, way: self.one_way.unwrap_or(Way::Both) });
        }
        if let Some(percent) = self.loss {
            return Some(Break::Loss { target, percent });
        }
        self.bandwidth.map(|kbit| Break::Bandwidth { target, kbit })
    }
}

impl SiteArgs {
    fn what(self) -> Option<Break> {
        let target = Target::Site(self.site.clone());
        self.both
            .what(target, self.from)
            .or(self.latency.map(|ms| Break::Latency { site: self.site, ms }))
    }
}

impl HostArgs {
    fn what(self) -> Option<Break> {
        let host = self.host.clone();
        if let Some(what) = self.both.what(Target::Host(host.clone()), None) {
            return Some(what);
        }
        if let Some(leave_mib) = self.fill {
            return Some(Break::Fill { host, leave_mib });
        }
        if let Some(process) = self.stop {
            return Some(Break::Stop { host, process });
        }
        if let Some(process) = self.pause {
            return Some(Break::Pause { host, process });
        }
        if let Some(seconds) = self.clock {
            #[expect(clippy::cast_possible_truncation, reason = "milliseconds of any sensible skew fit")]
            let ms = (seconds * 1000.0) as i64;
            return Some(Break::Clock { host, ms, process: self.process });
        }
        let (offset, bytes) = (self.offset, self.bytes);
        self.corrupt.map(|path| Break::Corrupt { host, path, offset, bytes })
    }
}

#[derive(Serialize)]
pub(super) struct Shown {
    id: u32,
    what: String,
    in_force: bool,
}

impl Shown {
    pub(super) fn new(fault: &lab::Fault, in_force: bool) -> Self {
        Self { id: fault.id, what: fault.what.to_string(), in_force }
    }
}

impl Report for Shown {
    fn text(&self) -> String {
        let state = if self.in_force { "in force" } else { "healed" };
        format!("fault {} {state}: {}\n", self.id, self.what)
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut lab = args.which.open()?;
    let what = match args.target {
        TargetArgs::Site(site) => site.what(),
        TargetArgs::Host(host) => host.what(),
    };
    let what = what.ok_or_else(|| Failure::new("LB0111", Kind::Invalid, "no fault was asked for"))?;
    let fault = lab.break_it(what).await?;
    printer.show(&Shown::new(&fault, true))
}
