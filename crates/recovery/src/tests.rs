//! What can be shown without a lab: the journal's adapter, measuring, and how troubles are told.
