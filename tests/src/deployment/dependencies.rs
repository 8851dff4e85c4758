//! The crates that the programs are built from.

use std::path::Path;

#[test]
fn every_crate_is_from_crates_io_with_a_checksum() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // The package `bench-reference` is in the folder `bench/reference`.
    let is_in_repository = |name: &str| {
        ["", "functions", "infra", "shared", "tests"].iter().any(|folder| {
            let folder = root.join(folder);
            [name, &name.replace('-', "/")].iter().any(|name| folder.join(name).join("Cargo.toml").exists())
        })
    };
    let packages: Vec<_> = include_str!("../../../Cargo.lock").split("[[package]]\n").skip(1).collect();
    assert!(packages.len() > 300, "{}", packages.len());
    for package in packages {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
            line.map(|value| value.trim_matches('"'))
        };
        let name = value("name").expect("a name");
        match value("source") {
            Some(source) => {
                assert_eq!(source, "registry+https://github.com/rust-lang/crates.io-index", "{name}");
                assert_eq!(value("checksum").map(str::len), Some(64), "{name}");
            }
            None => assert!(is_in_repository(name), "{name} has no folder in the repository"),
        }
    }
}
