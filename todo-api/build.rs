//! Lists the migrations: each file of their folder, by the number that it begins with.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=migrations");
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir("migrations")? {
        names
            .push(entry?.file_name().into_string().map_err(|name| format!("{} is no text", name.display()))?);
    }
    names.sort();
    let mut list = Vec::new();
    for name in &names {
        let parts = name.strip_suffix(".sql").and_then(|name| name.split_once('_'));
        let (version, words) =
            parts.ok_or_else(|| format!("migrations/{name} is not called VERSION_NAME.sql"))?;
        let version: u32 = version.parse().map_err(|error| format!("migrations/{name}: {error}"))?;
        let text = format!("include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/migrations/{name}\"))");
        list.push(format!("    Migration::new({version}, {words:?}, {text}),\n"));
    }
    let to = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?).join("migrations.rs");
    Ok(fs::write(to, format!("&[\n{}]\n", list.concat()))?)
}
