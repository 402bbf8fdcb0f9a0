//! What can be shown without a network: the record of a voter, and what is told of probes.
