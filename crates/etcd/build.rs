//! Generates the messages and the clients of etcd's wire, the messages in its log, and the index of a history's packs, from
//! `proto/`, without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let descriptors = protox::compile(["proto/rpc.proto", "proto/raft.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .build_server(false)
        // Slices of what was received, not copies: a snapshot's pieces and every change pass through here.
        .bytes(".")
        .compile_fds(descriptors)?;
    let descriptors = protox::compile(["proto/history.proto"], ["proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
