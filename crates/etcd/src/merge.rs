//! What makes a history shorter: segments joined, bases made from older ones, and what is before the window thinned out.
//!
//! Start at [`plan`], which decides, purely, what is to be done.

pub mod plan;
