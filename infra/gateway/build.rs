//! Generates the table of the functions that are linked into the gateway from `template.yaml`, which is the only list of
//! functions.

use std::{
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// The line that makes a resource of the template a function.
const FUNCTION: &str = "Type: AWS::Serverless::Function";
/// The text before the package name of a function in the template.
const BINARY: &str = "BuildProperties: { Binary: ";

fn main() {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    println!("cargo:rerun-if-changed={}", template.display());
    let template = fs::read_to_string(&template).expect("template.yaml is readable");
    let mut packages: Vec<&str> =
        template.lines().filter_map(|line| line.trim().strip_prefix(BINARY)?.strip_suffix(" }")).collect();
    packages.sort_unstable();
    let functions = template.lines().filter(|line| line.trim() == FUNCTION).count();
    assert!(
        functions > 0 && packages.len() == functions,
        "template.yaml declares {functions} functions, but {} lines have the notation `{BINARY}NAME }}`: {packages:?}",
        packages.len()
    );

    let mut table = String::from("&[\n");
    for package in packages {
        let module = package.replace('-', "_");
        writeln!(
            table,
            "LinkedFunction {{ name: {package:?}, operations: {module}::OPERATIONS, \
             handler: |app| handler({module}::service(app)) }},"
        )
        .expect("writing to a string does not fail");
    }
    table.push(']');
    fs::write(out_dir().join("functions.rs"), table).expect("OUT_DIR is writable");
}

#[expect(clippy::disallowed_methods, reason = "only the environment tells a build script where to write")]
fn out_dir() -> PathBuf {
    env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR").into()
}
