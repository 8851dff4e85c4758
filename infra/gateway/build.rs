//! Writes the table of the functions that are linked into the gateway from the list in `template.yaml`, so that no second
//! list has to be kept.

use std::{env, fmt::Write, fs, path::Path};

/// Precedes the name of a function's package in the template.
const BINARY: &str = "BuildProperties: { Binary: ";

fn main() {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    println!("cargo:rerun-if-changed={}", template.display());
    let template = fs::read_to_string(&template).expect("template.yaml can be read");
    let mut packages: Vec<&str> =
        template.lines().filter_map(|line| line.trim().strip_prefix(BINARY)?.strip_suffix(" }")).collect();
    packages.sort_unstable();

    let mut table = String::from("&[\n");
    for package in packages {
        let module = package.replace('-', "_");
        writeln!(
            table,
            "LinkedFunction {{ name: {package:?}, operations: {module}::OPERATIONS, \
             handler: |app| handler({module}::service(app)) }},"
        )
        .expect("a string can be written to");
    }
    table.push(']');
    let file = Path::new(&env::var("OUT_DIR").expect("Cargo sets OUT_DIR")).join("functions.rs");
    fs::write(file, table).expect("OUT_DIR can be written to");
}
