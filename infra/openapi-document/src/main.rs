//! Writes the API's description: `cargo run -p openapi-document > openapi.json`.

fn main() {
    println!("{:#}", openapi_document::document());
}
