//! The recovery sheet: what has to lie in a safe, on paper, so that an empty host, this binary and the store are enough.

use crate::printer::Report;
use serde::Serialize;

/// What the sheet says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sheet {
    pub(super) estate: String,
    pub(super) repository: String,
    pub(super) url: String,
    pub(super) endpoint: Option<String>,
    pub(super) id: String,
    /// The root's public key.
    pub(super) root: String,
    /// What the store asks for: a name and, unless left out, its value.
    pub(super) credentials: Vec<(String, Option<String>)>,
    /// The identity's text, unless left out.
    pub(super) identity: Option<String>,
    /// Who can open everything.
    pub(super) recipients: Vec<String>,
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
        lines.push(format!("Id          {}", self.id));
        lines.push(format!("Root        {}", self.root));
        if self.credentials.is_empty() {
            lines.push("Store needs nothing".to_owned());
        }
        for (name, value) in &self.credentials {
            let value = value.as_deref().unwrap_or("(write it here, or where it is kept)");
            lines.push(format!("Store needs {name}={value}"));
        }
        match &self.identity {
            Some(text) => lines.push(format!("Identity    {text}")),
            None => lines.push(format!("Identity    (that of one of: {})", self.recipients.join(", "))),
        }
        let endpoint = self.endpoint.as_ref().map(|it| format!(" --endpoint {it}")).unwrap_or_default();
        lines.extend([
            String::new(),
            "On an empty host, with the lifeboat binary:".to_owned(),
            "1. Write the identity into a file, identity.txt, and export what the store needs.".to_owned(),
            format!("2. lifeboat repository kit fetch --url {}{endpoint} \\", self.url),
            format!("     --root {} \\", self.root),
            "     --identity identity.txt --into estate".to_owned(),
            "3. cd estate; lifeboat copies; lifeboat check; lifeboat plan".to_owned(),
            "Without the binary: docs/emergency.md of Lifeboat reads the copies with age, restic and Python."
                .to_owned(),
        ]);
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests;
