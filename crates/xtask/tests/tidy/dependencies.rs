//! Crates that must not be built into Lifeboat, and why.

use crate::tree::{cargo, none};

const BANNED: &[(&str, &str)] = &[
    ("ring", "aws-lc-rs is the one provider of TLS; two of them panic at the first connection"),
    ("openssl-sys", "the binary runs on hosts without OpenSSL, or with another one"),
    ("native-tls", "it brings OpenSSL along"),
    ("serde_yaml", "abandoned; use serde-saphyr"),
];

#[test]
fn nothing_banned_is_built() {
    // What is built, not what Cargo.lock names: the lock also holds optional crates that nothing turns on.
    let built = cargo("tree --workspace --offline --locked --edges normal,build,dev --prefix none --format {p}");
    let names: Vec<_> = built.lines().filter_map(|line| line.split(' ').next()).collect();
    let found = BANNED.iter().filter(|(name, _)| names.contains(name));
    let found: Vec<_> = found.map(|(name, why)| format!("{name}: {why}")).collect();
    none(&found, "`cargo tree --invert NAME` shows who brings these along; turn the feature off");
}

/// The timing of `rsa` leaks the private key to whoever can measure many answers, and no release mends it. `age` needs it for ssh-rsa
/// recipients, and opens a keyring at rest with it, where nobody asks and measures; nothing else may.
#[test]
fn rsa_comes_with_age_alone() {
    let above =
        cargo("tree --workspace --offline --locked --edges normal,build,dev --prefix depth --format {p} --invert rsa");
    let users = above.lines().filter_map(|line| line.strip_prefix('1'));
    let others: Vec<_> = users.filter(|name| !name.starts_with("age ")).map(str::to_owned).collect();
    none(&others, "these bring rsa along; turn the feature off");
}
