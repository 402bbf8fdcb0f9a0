//! Machines that come and go while a lab runs, as a cloud makes and destroys them: empty, with an address and a name. Start at
//! [`Lab::add_host`].

use crate::error::{Error, Result};
use crate::lab::Lab;
use crate::secrets::HostKey;
use crate::topology::{Host, Part};
use crate::{host, network, parts};
use estate::Name;
use std::net::Ipv4Addr;

impl Lab {
    /// Makes an empty machine at a site, at `address` or the first one that is free there, starts it, and lets the operator enter it. One that
    /// is there already is started, if it is off.
    ///
    /// # Errors
    /// Its name or address is another's, or it does not start.
    pub async fn add_host(&mut self, name: &Name, site: &Name, address: Option<Ipv4Addr>) -> Result<Host> {
        let _lock = self.change()?;
        let is_new = self.topology().host(name.as_str()).is_err();
        let made = self.record.topology.add(name, site, address)?;
        if is_new {
            let scratch = self.place.path(&format!("scratch-{name}"));
            std::fs::create_dir_all(&scratch).map_err(Error::file(&scratch, "making room for a host"))?;
            let key = HostKey::make(name.as_str(), &scratch).await;
            std::fs::remove_dir_all(&scratch).map_err(Error::file(&scratch, "removing the scratch of a host"))?;
            self.record.secrets.host_keys.insert(name.to_string(), key?);
            let mut names = self.place.names();
            names.push(network::name(self.topology(), &made));
            self.place.write_names(&names)?;
            self.place.write(&self.record)?;
        }
        // Whatever a killed one had begun is begun anew: nothing of it was ever used.
        if !host::image(&self.place, &made).exists() {
            network::remove(&[network::name(self.topology(), &made)]).await?;
            network::add(self.topology(), &made).await?;
            let staging = self.place.path("staging");
            let root = staging.join(name.as_str());
            host::share_etc(&root).await?;
            parts::render(self.topology(), &self.record.secrets, &made)?.write(&root)?;
            host::make_image(&self.place, &made, &root).await?;
            std::fs::remove_dir_all(&staging).map_err(Error::file(&staging, "removing the staging area"))?;
        }
        if self.record.secrets.estate.is_some() {
            parts::estate::write_known_hosts(&self.record, &self.place.directory)?;
        }
        if host::init(&self.place, &made).is_none_or(|init| !init.alive()) {
            host::boot(&self.place, &made).await?;
        }
        Ok(made)
    }

    /// Destroys a machine that [`Lab::add_host`] has made, with all that is on it. One that is not there is no error.
    ///
    /// # Errors
    /// It is one of the lab's own, or it does not end.
    pub async fn remove_host(&mut self, name: &Name) -> Result<()> {
        let _lock = self.change()?;
        let Some(known) = self.topology().hosts.iter().find(|host| host.name == *name).cloned() else {
            return Ok(());
        };
        if known.parts != [Part::Spare] {
            let reason = "it was built with the lab, and goes with it".to_owned();
            return Err(Error::Topology { object: format!("host {name}"), reason });
        }
        host::kill(&self.place, &known).await?;
        let own = network::name(self.topology(), &known);
        network::remove(std::slice::from_ref(&own)).await?;
        let image = host::image(&self.place, &known);
        match std::fs::remove_file(&image) {
            Err(reason) if reason.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::File {
                    path: image,
                    doing: "removing the disk of a host",
                    source: reason,
                });
            }
            _ => {}
        }
        self.record.topology.hosts.retain(|host| host.name != *name);
        self.record.secrets.host_keys.remove(name.as_str());
        self.place.write(&self.record)?;
        let names: Vec<String> = self.place.names().into_iter().filter(|it| *it != own).collect();
        self.place.write_names(&names)?;
        match self.record.secrets.estate.is_some() {
            true => parts::estate::write_known_hosts(&self.record, &self.place.directory),
            false => Ok(()),
        }
    }
}
