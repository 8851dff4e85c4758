//! Writes the OpenAPI document and the API reference page: `cargo run -p openapi-document`.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (file, text) in openapi_document::files() {
        fs::write(workspace.join(file), text)?;
    }
    Ok(())
}
