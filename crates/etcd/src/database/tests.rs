//! A database of etcd, made by the writer: what is told of good and bad ones.
