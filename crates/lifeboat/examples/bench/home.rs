//! An estate of one host that protects clusters `c1`, `c2` and so on, its keys, and its repository in a directory: [`Home::make`].

use anyhow::{Context, Result};
use measure::run;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Where the estate is.
pub(crate) struct Home(PathBuf);

impl Home {
    /// Makes one in `folder`, with a cluster for each endpoint.
    pub(crate) async fn make(folder: &Path, endpoints: &[String]) -> Result<Self> {
        std::fs::create_dir_all(folder.join("settings"))?;
        std::fs::write(folder.join("settings/one"), "a little file\n")?;
        let home = Self(folder.to_owned());
        run(home.lifeboat("repository keys new --into .")?.env_remove("LIFEBOAT_ESTATE")).await?;
        let (recipient, writer) = (home.public("identity.txt")?, home.public("signer.key")?);
        std::fs::write(folder.join("lifeboat.yaml"), estate(folder, endpoints, &recipient, &writer))?;
        run(&mut home.lifeboat("repository init --repository store --root-key root.key")?).await?;
        Ok(home)
    }

    /// `lifeboat`, as it was built beside this program, about to run a command here.
    pub(crate) fn lifeboat(&self, line: &str) -> Result<Command> {
        let here = std::env::current_exe()?;
        let built = here.ancestors().nth(2).context("where this program lies")?;
        let mut command = Command::new(built.join("lifeboat"));
        command
            .args(line.split(' '))
            .current_dir(&self.0)
            .env("LIFEBOAT_ESTATE", self.0.join("lifeboat.yaml"));
        Ok(command)
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The public half of a key, which stands in the first line of its file.
    fn public(&self, file: &str) -> Result<String> {
        let text = std::fs::read_to_string(self.0.join(file))?;
        let first = text.lines().next().and_then(|line| line.rsplit(' ').next());
        Ok(first.with_context(|| format!("{file} has no public key"))?.to_owned())
    }
}

/// The name of the cluster at this place.
pub(crate) fn name(at: usize) -> String {
    format!("c{}", at + 1)
}

fn estate(folder: &Path, endpoints: &[String], recipient: &str, writer: &str) -> String {
    let folder = folder.display();
    let clusters = endpoints.iter().enumerate().map(|(at, endpoint)| {
        format!(
            "  {}:\n    role: downstream\n    distribution: other\n    site: main\n    etcd: {{endpoints: ['{endpoint}']}}\n    \
             hosts: [main-1]\n    repository: store\n    protect: {{by: [main-1], files: {{paths: ['{folder}/settings']}}}}\n",
            name(at)
        )
    });
    let clusters: String = clusters.collect();
    format!(
        "name: bench\nsites: {{main: {{}}, safe: {{}}}}\nhosts: {{main-1: {{site: main, address: 127.0.0.1}}}}\nrepositories:\n  \
         store:\n    site: safe\n    url: 'file://{folder}/copies'\n    recipients: [{{name: safe, key: {recipient}}}]\n    \
         writers: [{{name: main-1, key: {writer}}}]\n    identity: file:identity.txt\n    signer: file:signer.key\nclusters:\n{clusters}"
    )
}
