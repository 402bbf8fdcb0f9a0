//! The works of a benchmark, one after the other, and the table of what they took.

use crate::figures::{HEAD, Row};
use crate::printer::say;
use anyhow::{Context, Result};

/// The works that are asked for, and the rows that they have given so far.
#[derive(Debug, Default)]
pub struct Bench {
    only: Vec<String>,
    rows: Vec<Row>,
}

impl Bench {
    /// Of the works whose names begin with one of `only`; of all if there is none.
    pub fn of(only: Vec<String>) -> Self {
        Self { only, rows: Vec::new() }
    }

    /// Whether a work was asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }

    /// Does a work if it was asked for.
    ///
    /// # Errors
    /// Those of the work, under its name.
    pub async fn work(
        &mut self,
        name: &'static str,
        what: &str,
        run: impl AsyncFnOnce() -> Result<Vec<Row>>,
    ) -> Result<()> {
        if self.wants(name) {
            say(&format!("\n==> {name}: {what}"));
            self.rows.extend(run().await.context(name)?);
        }
        Ok(())
    }

    /// Prints the table, as Markdown.
    pub fn show(&self) {
        say(&format!("\n{HEAD}"));
        self.rows.iter().for_each(|row| say(&row.line()));
    }
}

#[cfg(test)]
mod tests;
