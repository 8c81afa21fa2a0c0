//! Writes the JSON Schema of every event to `schemas/json`: `cargo run -p schemas --example json-schema`.

use std::path::Path;
use std::{fs, io};

use schemas::json_schema::EventSchema;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("json");
    for schema in EventSchema::all() {
        fs::write(folder.join(schema.file_name()), schema.text())?;
    }
    Ok(())
}
