//! The table at the end: [`Row`], one line of it, ours beside a peer's.

use crate::process::Cost;

/// One work, done by us and by a peer.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was done.
    pub work: String,
    /// What is measured, with its unit, as in `s` or `MB`.
    pub unit: &'static str,
    /// Our figures, one for each run.
    pub ours: Vec<f64>,
    /// Who else did it, and the figures.
    pub peer: Option<(String, Vec<f64>)>,
    /// What was hoped for.
    pub goal: Goal,
}

/// What a figure has to reach. Less is better in all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// There is none: it is for information.
    None,
    /// Ours is no more than this times the peer's.
    Ratio(f64),
    /// Ours is no more than this.
    AtMost(f64),
}

/// What one way of doing a work took, one figure for each run.
#[derive(Clone, Debug, Default)]
pub struct Costs {
    /// Time, in seconds.
    pub wall_s: Vec<f64>,
    /// CPU time, in seconds.
    pub cpu_s: Vec<f64>,
    /// Peak resident memory, in MiB.
    pub peak_mib: Vec<f64>,
}

impl Costs {
    /// Adds a run.
    pub fn push(&mut self, Cost { wall_s, cpu_s, peak_mib }: Cost) {
        self.wall_s.push(wall_s);
        self.cpu_s.push(cpu_s);
        self.peak_mib.push(peak_mib);
    }
}

/// The middle one; of an even number the mean of the two in the middle.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |i: usize| sorted.get(i).copied().unwrap_or(f64::NAN);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        at(half)
    } else {
        (at(half.wrapping_sub(1)) + at(half)) / 2.0
    }
}

/// The figure below which `share` (0 to 1) of all lie.
pub fn percentile(figures: &[f64], share: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

impl Row {
    /// Ours by the peer's.
    pub fn ratio(&self) -> Option<f64> {
        let (_, figures) = self.peer.as_ref()?;
        Some(median(&self.ours) / median(figures))
    }

    /// Whether the goal was reached; `None` where there is none.
    pub fn met(&self) -> Option<bool> {
        match self.goal {
            Goal::None => None,
            Goal::Ratio(most) => self.ratio().map(|ratio| ratio <= most),
            Goal::AtMost(most) => Some(median(&self.ours) <= most),
        }
    }

    /// The line, as Markdown.
    pub fn line(&self) -> String {
        let peer = self.peer.as_ref();
        let goal = match self.goal {
            Goal::None => String::new(),
            Goal::Ratio(most) => format!("{}x", short(most)),
            Goal::AtMost(most) => format!("{} {}", short(most), self.unit),
        };
        let cells = [
            format!("{}, {}", self.work, self.unit),
            all(&self.ours),
            peer.map_or(String::new(), |(_, figures)| all(figures)),
            peer.map_or("", |(name, _)| name).to_owned(),
            self.ratio().map_or(String::new(), |ratio| format!("{}x", short(ratio))),
            goal,
            self.met().map_or("", |met| if met { "met" } else { "NOT MET" }).to_owned(),
        ];
        format!("| {} |", cells.join(" | "))
    }
}

/// The head of the table.
pub(crate) const HEAD: &str =
    "| work | ours: median (all) | peer: median (all) | peer | ours / peer | goal | |\n|---|---|---|---|---|---|---|";

fn all(figures: &[f64]) -> String {
    match figures {
        [one] => short(*one),
        _ => {
            let each: Vec<_> = figures.iter().copied().map(short).collect();
            format!("**{}** ({})", short(median(figures)), each.join(", "))
        }
    }
}

/// Three digits that count.
fn short(figure: f64) -> String {
    let digits = match figure.abs() {
        0.0 => 0,
        size if size < 0.1 => 4,
        size if size < 1.0 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    format!("{figure:.digits$}")
}

#[cfg(test)]
mod tests;
