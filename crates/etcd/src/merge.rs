//! What makes a history shorter: segments joined, bases made from older ones, and what is before the window thinned out.
//!
//! Start at [`plan()`], which decides, purely, what is to be done; [`apply()`] does it. Everything streams, in bounded memory, and
//! asks nothing of the cluster. [`merge_segments`], [`coalesce`] and [`merge_base`] are the three ways to make one thing of many.

mod apply;
mod base;
mod facts;
mod plan;
mod segments;
mod sorted;

pub use apply::{Done, apply};
pub use base::merge_base;
pub use facts::{BasePiece, Facts, Piece};
pub use plan::{Action, Held, Policy, Why, held, plan};
pub use segments::{coalesce, merge_segments};
