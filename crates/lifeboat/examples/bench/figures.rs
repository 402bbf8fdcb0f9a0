//! What a turn gave, and what follows from several: [`Turn`], [`line_through`]. Pure.

use measure::percentile;

/// What one turn gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn {
    /// Clusters that were protected.
    pub(crate) clusters: usize,
    /// Seconds at risk, of all clusters and looks.
    pub(crate) at_risk_s: Vec<f64>,
    /// The same of the first cluster alone, which may be the busy one.
    pub(crate) first_at_risk_s: Vec<f64>,
    /// CPU seconds a second of Lifeboat.
    pub(crate) cpu: f64,
    /// CPU seconds a second of the etcds that it protects, together.
    pub(crate) etcd_cpu: f64,
    /// The most memory that it had until then, in MiB.
    pub(crate) peak_mib: f64,
    /// From its start until all was protected, in seconds.
    pub(crate) protected_s: f64,
}

impl Turn {
    /// In one line, for whoever watches.
    pub(crate) fn line(&self) -> String {
        let [middle, high, most] = three(&self.at_risk_s);
        format!(
            "{} clusters: protected after {:.1} s; at risk p50 {middle:.2} s, p99 {high:.2} s, most {most:.2} s of {} looks; CPU {:.3}, \
             its etcds {:.3}; peak {:.0} MiB",
            self.clusters,
            self.protected_s,
            self.at_risk_s.len(),
            self.cpu,
            self.etcd_cpu,
            self.peak_mib
        )
    }
}

/// The 50th and 99th percentile, and the most.
pub(crate) fn three(figures: &[f64]) -> [f64; 3] {
    [0.5, 0.99, 1.0].map(|share| percentile(figures, share))
}

/// The line nearest to some points, by least squares: its height at 0, and its slope. `None` for fewer than two places.
pub(crate) fn line_through(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|it| it.0), mean(|it| it.1));
    let spread: f64 = points.iter().map(|it| (it.0 - x).powi(2)).sum();
    let together: f64 = points.iter().map(|it| (it.0 - x) * (it.1 - y)).sum();
    (points.len() > 1 && spread > 0.0).then(|| (y - together / spread * x, together / spread))
}

/// How many clusters one core carries, when none costs `fixed` and each `slope` of it.
pub(crate) fn carried((fixed, slope): (f64, f64)) -> f64 {
    ((1.0 - fixed.max(0.0)) / slope).floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_one_more_is_the_slope_and_one_core_carries_what_is_left() {
        let line = line_through(&[(1.0, 0.07), (5.0, 0.15), (10.0, 0.25), (20.0, 0.45)]).unwrap();
        assert!((line.0 - 0.05).abs() < 1e-9 && (line.1 - 0.02).abs() < 1e-9, "{line:?}");
        assert!((carried(line) - 47.0).abs() < 1e-9, "{}", carried(line));
        assert_eq!(line_through(&[(5.0, 0.1)]), None);
        assert_eq!(line_through(&[(5.0, 0.1), (5.0, 0.2)]), None);
    }

    #[test]
    fn a_turn_fits_on_a_line() {
        let turn = Turn {
            clusters: 2,
            at_risk_s: vec![0.1, 0.2, 0.9],
            cpu: 0.1,
            etcd_cpu: 0.4,
            peak_mib: 80.0,
            protected_s: 3.0,
            ..Turn::default()
        };
        insta::assert_snapshot!(turn.line(), @"2 clusters: protected after 3.0 s; at risk p50 0.20 s, p99 0.90 s, most 0.90 s of 3 looks; CPU 0.100, its etcds 0.400; peak 80 MiB");
    }
}
