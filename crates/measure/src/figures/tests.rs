//! Medians, goals and how they are shown.

use super::*;

fn row(ours: &[f64], peer: &[f64], goal: Goal) -> Row {
    Row {
        work: "w".into(),
        unit: "s",
        ours: ours.to_vec(),
        peer: Some(("p".into(), peer.to_vec())),
        goal,
    }
}

#[test]
fn the_median_is_in_the_middle() {
    assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    assert!(median(&[]).is_nan());
}

#[test]
fn percentiles_are_figures_that_were_seen() {
    let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
    assert_eq!([0.5, 0.99, 1.0].map(|share| percentile(&hundred, share)), [50.0, 99.0, 100.0]);
    assert_eq!(percentile(&[7.0], 0.5), 7.0);
}

#[test]
fn a_goal_is_met_or_not() {
    assert_eq!(row(&[1.0], &[2.0], Goal::Ratio(0.5)).met(), Some(true));
    assert_eq!(row(&[1.1], &[2.0], Goal::Ratio(0.5)).met(), Some(false));
    assert_eq!(row(&[1.1], &[2.0], Goal::AtMost(1.0)).met(), Some(false));
    assert_eq!(row(&[1.1], &[2.0], Goal::None).met(), None);
    // Nothing measured is nothing reached.
    assert_eq!(row(&[], &[2.0], Goal::Ratio(0.5)).met(), Some(false));
}

#[test]
fn a_line_shows_all_of_it() {
    let line = row(&[0.04, 0.5, 123.4], &[1.25], Goal::Ratio(0.5)).line();
    assert_eq!(line, "| w, s | **0.500** (0.0400, 0.500, 123) | 1.25 | p | 0.400x | 0.500x | met |");
}
