//! What a reader makes of good and bad files.
