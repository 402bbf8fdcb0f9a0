//! `lifeboat lab up`: a lab from nothing.

use super::saying;
use crate::failure::Failure;
use crate::printer::{Printer, Report, table};
use estate::{Distribution, Name};
use lab::{EtcdLine, Lab, Options, Subnet};
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The lab's name, up to 10 characters; several labs can stand side by side
    #[arg(long)]
    name: Option<Name>,
    /// Downstream clusters, 1 to 20 [default: 2]
    #[arg(long)]
    edges: Option<u8>,
    /// Members of each management cluster's etcd, and its line: 1 or 3, or 3.5, 3.6, 3.7; can be given twice
    #[arg(long, value_name = "MEMBERS|LINE")]
    etcd: Vec<String>,
    /// Run kubelet and containerd too, so that pods do
    #[arg(long)]
    pods: bool,
    /// Whose file layout the clusters have [default: kubeadm]
    #[arg(long, value_parser = layout, value_name = "kubeadm|rke2")]
    layout: Option<Distribution>,
    /// The lab's addresses, 10.N.0.0/16 [default: the first free from 10.100.0.0/16]
    #[arg(long)]
    subnet: Option<Subnet>,
    /// Where the made-up content grows from [default: 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Made-up objects in each cluster, 0 to 100000 [default: 100]
    #[arg(long)]
    objects: Option<u32>,
    /// Read all of this from a YAML file; flags win over it
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,
}

fn layout(text: &str) -> Result<Distribution, String> {
    match text {
        "kubeadm" => Ok(Distribution::Kubeadm),
        "rke2" => Ok(Distribution::Rke2),
        _ => Err("kubeadm or rke2".into()),
    }
}

/// What a person needs to go on: where each cluster is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Up {
    name: Name,
    seconds: f64,
    memory_mib: u64,
    directory: PathBuf,
    /// Its estate file; none where Lifeboat cannot protect it.
    estate: Option<PathBuf>,
    clusters: Vec<lab::ClusterStatus>,
}

impl Report for Up {
    fn text(&self) -> String {
        let rows = self.clusters.iter().map(|c| {
            [
                c.name.to_string(),
                c.role.to_string(),
                c.server.clone(),
                c.kubeconfig.display().to_string(),
            ]
        });
        let estate = match &self.estate {
            Some(file) => format!("the lab as an estate: lifeboat status --estate {}\n", file.display()),
            None => String::new(),
        };
        format!(
            "{}\n\nlab {} is up after {:.1} s, with {} MiB of memory in use; everything of it is in {}\nkubectl and the lab's \
             other tools: {}\n{estate}",
            table(["CLUSTER", "ROLE", "SERVER", "KUBECONFIG"], rows),
            self.name,
            self.seconds,
            self.memory_mib,
            self.directory.display(),
            self.directory.join("bin").display()
        )
    }
}

impl Args {
    fn options(self) -> Result<Options, Failure> {
        let mut options = match &self.topology {
            Some(file) => Options::read(file)?,
            None => Options::default(),
        };
        for asked in &self.etcd {
            match (asked.parse::<u8>(), asked.parse::<EtcdLine>()) {
                (Ok(members), _) => options.etcd_members = members,
                (_, Ok(line)) => options.etcd = line,
                _ => {
                    return Err(lab::Error::Topology {
                        object: format!("--etcd {asked}"),
                        reason: "1 or 3 members, or one of the lines 3.5, 3.6 and 3.7".into(),
                    }
                    .into());
                }
            }
        }
        options.name = self.name.unwrap_or(options.name);
        options.edges = self.edges.unwrap_or(options.edges);
        options.pods |= self.pods;
        options.layout = self.layout.unwrap_or(options.layout);
        options.subnet = self.subnet.or(options.subnet);
        options.seed = self.seed.unwrap_or(options.seed);
        options.objects = self.objects.unwrap_or(options.objects);
        Ok(options)
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let options = args.options()?;
    let begun = ambient::monotonic();
    let lab = saying(printer, async |say| Lab::up(options, say).await).await?;
    report(&lab, begun, printer).await
}

/// Shows what is up, and how long it took.
pub(super) async fn report(lab: &Lab, begun: std::time::Instant, printer: &Printer) -> Result<(), Failure> {
    let seconds = begun.elapsed().as_secs_f64();
    let status = lab.status().await?;
    printer.show(&Up {
        name: status.name,
        seconds,
        memory_mib: status.memory_mib,
        directory: status.directory,
        estate: lab.estate_file(),
        clusters: status.clusters,
    })
}
