//! The recovery sheet: what has to lie in a safe, on paper, so that an empty host, this binary and the store are enough.

use crate::failure::Failure;
use crate::printer::Report;
use estate::StoreUrl;
use recovery::World;
use serde::Serialize;

/// What the sheet says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sheet {
    pub(super) estate: String,
    pub(super) repository: String,
    pub(super) url: String,
    pub(super) endpoint: Option<String>,
    #[serde(flatten)]
    pub(super) access: Access,
    pub(super) id: String,
    /// The root's public key.
    pub(super) root: String,
    /// The identity's text, unless left out.
    pub(super) identity: Option<String>,
    /// What is wrong with this host's identity, if it is not enough for everything.
    pub(super) identity_lacks: Option<String>,
    /// Who can open everything.
    pub(super) recipients: Vec<String>,
}

/// What a host besides the URL needs to be let into the store.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Access {
    pub(super) region: Option<String>,
    /// What the store asks for: variables and, unless left out or not known, their values.
    pub(super) credentials: Vec<(String, Option<String>)>,
    /// Whether the estate names no credentials: here they come from the environment or the cloud.
    pub(super) from_outside: bool,
}

impl Access {
    /// The access to the repository `of`; without secrets if it is `bare`. `variable` reads this host's environment, of which only
    /// what is no secret is told.
    pub(super) fn of(
        world: &World,
        of: &estate::Repository,
        bare: bool,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let (mut region, mut credentials) = (None, Vec::new());
        let asked = match &*of.url {
            StoreUrl::Directory(_) => vec![],
            StoreUrl::S3 { .. } => {
                let here = || variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
                region = of.region.as_deref().cloned().or_else(here);
                vec![
                    ("AWS_ACCESS_KEY_ID", &of.access_key),
                    ("AWS_SECRET_ACCESS_KEY", &of.secret_key),
                ]
            }
            StoreUrl::Gcs { .. } => vec![("GOOGLE_SERVICE_ACCOUNT_KEY", &of.service_account)],
            StoreUrl::Azure { .. } => {
                let name = "AZURE_STORAGE_ACCOUNT_NAME";
                let account = of.account.as_deref().cloned().or_else(|| variable(name));
                credentials.push((name.to_owned(), account));
                vec![("AZURE_STORAGE_ACCOUNT_KEY", &of.account_key)]
            }
        };
        let from_outside = !asked.is_empty() && asked.iter().all(|(_, secret)| secret.is_none());
        for (name, secret) in asked {
            let here = secret.as_deref().filter(|secret| !bare && world.has(secret));
            let value = here.map(|secret| world.secret(secret)).transpose()?;
            credentials.push((name.to_owned(), value));
        }
        Ok(Self { region, credentials, from_outside })
    }
}

impl Report for Sheet {
    fn text(&self) -> String {
        let mut lines = vec![
            format!("LIFEBOAT RECOVERY SHEET: estate {}, repository {}", self.estate, self.repository),
            "Print it. Keep it where the loss of a site does not reach it, and never beside the copies.".to_owned(),
            String::new(),
            format!("URL         {}", self.url),
        ];
        lines.extend(self.endpoint.iter().map(|it| format!("Endpoint    {it}")));
        lines.extend(self.access.region.iter().map(|it| format!("Region      {it}")));
        lines.push(format!("Id          {}", self.id));
        lines.push(format!("Root        {}", self.root));
        if self.access.credentials.is_empty() {
            lines.push("Store needs nothing".to_owned());
        }
        for (name, value) in &self.access.credentials {
            let value = value.as_deref().unwrap_or("(write it here, or where it is kept)");
            lines.push(format!("Store needs {name}={value}"));
        }
        if self.access.from_outside {
            let why = "the estate names no credentials: an empty host has neither this environment nor this cloud";
            lines.push(format!("            ({why})"));
        }
        match &self.identity {
            Some(text) => lines.push(format!("Identity    {text}")),
            None => lines.push(format!("Identity    (that of one of: {})", self.recipients.join(", "))),
        }
        lines.extend(self.identity_lacks.iter().map(|lacks| format!("            ({lacks})")));
        let option = |name: &str, value: &Option<String>| value.as_ref().map(|it| format!(" --{name} {it}"));
        let endpoint = option("endpoint", &self.endpoint).unwrap_or_default();
        let region = option("region", &self.access.region).unwrap_or_default();
        lines.extend([
            String::new(),
            "On an empty host, with the lifeboat binary:".to_owned(),
            "1. Write the identity into a file, identity.txt, and export what the store needs.".to_owned(),
            format!("2. lifeboat repository kit fetch --url {}{endpoint}{region} \\", self.url),
            format!("     --root {} \\", self.root),
            "     --identity identity.txt --into estate".to_owned(),
            "3. cd estate; lifeboat points; lifeboat check; lifeboat plan".to_owned(),
            "Without the binary: docs/emergency.md of Lifeboat reads the copies with age, restic and Python."
                .to_owned(),
        ]);
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests;
