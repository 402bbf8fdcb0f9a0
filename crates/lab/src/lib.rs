//! Two real sites on one machine: hosts with disks and addresses of their own, real etcd, real Kubernetes, real DNS, S3
//! and a registry, and downstream clusters whose agents hold real tunnels, all of it breakable on command.
//!
//! Start at [`Lab`]: [`Lab::up`], [`Lab::status`], [`Lab::break_it`], [`Lab::heal`], [`Lab::down`]. What a lab consists of is
//! decided by [`Topology::new`], purely; `parts` renders it into files, `network` and `host` make it real.
//!
//! Only tests, benchmarks and `lifeboat lab` need this crate; nothing that recovers does.

pub mod content;
mod error;
mod fault;
mod host;
mod install;
mod lab;
mod layout;
mod machine;
mod network;
mod parts;
mod ready;
mod record;
mod save;
mod secrets;
mod serve;
mod shell;
mod static_pods;
mod status;
pub mod tools;
mod topology;
mod tree;

pub use error::{Error, Result};
pub use fault::{Break, Fault, Target, Way, relay};
pub use lab::{Lab, S3Credentials};
pub use parts::rke2::STAND_IN;
pub use record::Phase;
pub use save::saved;
pub use static_pods::serve as static_pods;
pub use status::{AgentStatus, ClusterStatus, HostStatus, NameStatus, ProcessStatus, Status};
pub use topology::{Cluster, EtcdLine, Host, MANAGER_NAME, Options, Part, Site, Subnet, Topology, ZONE};
