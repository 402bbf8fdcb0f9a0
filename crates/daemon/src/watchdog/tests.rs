//! What nftables is told.

use super::*;

#[test]
fn what_is_granted_goes_by_itself() {
    let ports = PORTS.into_iter().chain([8443]).collect();
    insta::assert_snapshot!(granting(&table("rancher"), &ports, Duration::from_millis(8765)));
}
