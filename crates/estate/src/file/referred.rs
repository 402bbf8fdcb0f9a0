//! What an estate file refers to: the files and variables without which it is only half of what a recovery needs.

use super::{Estate, SecretRef, WebhookUrl};
use std::path::Path;

/// Something that the estate refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referred<'a> {
    /// Where in the estate, as people write it: `dns.key.secret`.
    pub place: String,
    /// What.
    pub what: What<'a>,
}

/// A file or a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What<'a> {
    /// A secret.
    Secret(&'a SecretRef),
    /// A file that may be no secret.
    File(&'a Path),
}

impl Estate {
    /// Everything that the estate refers to, but for what opens repositories: who reads a kit has that already.
    pub fn referred(&self) -> Vec<Referred<'_>> {
        let mut all = Vec::new();
        let mut add = |place: String, what| all.push(Referred { place, what });
        if let Some(peers) = &self.peers {
            add("peers.key".to_owned(), What::Secret(&peers.key));
        }
        for (name, host) in &self.hosts {
            let ssh = host
                .ssh
                .iter()
                .flat_map(|ssh| [("identity", &ssh.identity), ("knownHosts", &ssh.known_hosts)]);
            for (key, path) in ssh {
                if let Some(path) = path {
                    add(format!("hosts.{name}.ssh.{key}"), What::File(path));
                }
            }
        }
        for (name, of) in &self.repositories {
            let credentials = [
                ("accessKey", &of.access_key),
                ("secretKey", &of.secret_key),
                ("serviceAccount", &of.service_account),
                ("accountKey", &of.account_key),
            ];
            for (key, secret) in credentials {
                if let Some(secret) = secret {
                    add(format!("repositories.{name}.{key}"), What::Secret(secret));
                }
            }
            if let Some(signer) = &of.signer {
                add(format!("repositories.{name}.signer"), What::Secret(signer));
            }
        }
        for (name, of) in &self.clusters {
            let etcd = of
                .etcd
                .iter()
                .flat_map(|it| [("ca", &it.ca), ("cert", &it.cert), ("key", &it.key)]);
            for (key, path) in etcd {
                if let Some(path) = path {
                    add(format!("clusters.{name}.etcd.{key}"), What::File(path));
                }
            }
            if let Some(path) = &of.kubeconfig {
                add(format!("clusters.{name}.kubeconfig"), What::File(path));
            }
            for (number, place) in of.snapshots.iter().enumerate() {
                for (key, secret) in place.secrets() {
                    add(format!("clusters.{name}.snapshots.{number}.{key}"), What::Secret(secret));
                }
            }
            if let Some(manager) = &of.manager {
                add(format!("clusters.{name}.manager.ca"), What::File(&manager.ca));
                add(format!("clusters.{name}.manager.token"), What::Secret(&manager.token));
            }
        }
        if let Some(dns) = &self.dns {
            for (key, secret) in dns.secrets() {
                add(format!("dns.{key}"), What::Secret(secret));
            }
            if let Some(ca) = dns.bigip.as_ref().and_then(|it| it.ca.as_ref()) {
                add("dns.bigip.ca".to_owned(), What::File(ca));
            }
        }
        for (name, playbook) in &self.playbooks {
            if let Some(path) = &playbook.file {
                add(format!("playbooks.{name}.file"), What::File(path));
            }
        }
        for (name, of) in &self.notify {
            if let Some(webhook) = &of.webhook {
                if let WebhookUrl::Secret(url) = &*webhook.url {
                    add(format!("notify.{name}.webhook.url"), What::Secret(url));
                }
                if let Some(secret) = &webhook.secret {
                    add(format!("notify.{name}.webhook.secret"), What::Secret(secret));
                }
                if let Some(ca) = &webhook.ca {
                    add(format!("notify.{name}.webhook.ca"), What::File(ca));
                }
            }
            if let Some(email) = &of.email {
                if let Some(password) = &email.password {
                    add(format!("notify.{name}.email.password"), What::Secret(password));
                }
                if let Some(ca) = &email.ca {
                    add(format!("notify.{name}.email.ca"), What::File(ca));
                }
            }
        }
        all
    }
}
