//! A service that breaks a factor when it is told to, as a workspace of its own.

use std::{fs, io, path::Path};

/// The workspace's files; the deploy's is another one each time.
const FILES: [(&str, &str); 6] = [
    (
        "Cargo.toml",
        "[workspace]\nresolver = '3'\nmembers = ['violator']\n[workspace.metadata.xtask]\nservice = 'violator'\n\
         [profile.release]\nopt-level = 0\n",
    ),
    ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"violator\"\nversion = \"0.1.0\"\n"),
    ("violator/Cargo.toml", "[package]\nname = 'violator'\nversion = '0.1.0'\nedition = '2024'\n"),
    ("violator/src/main.rs", include_str!("../violator/main.rs")),
    ("violator/src/describe.json", include_str!("../violator/describe.json")),
    (".gitignore", "target\n.xtask\n"),
];

/// A secret of its deploy's, which is to be found nowhere.
pub const TOKEN: &str = "correct-horse-battery";

/// Writes it into a folder. Its deploy `local` serves at this port, and keeps what it is told at this address.
///
/// # Errors
///
/// When the system cannot write there.
pub fn write(folder: &Path, port: u16, store: &str) -> io::Result<()> {
    let deploy = format!(
        "schema = 1\n[target]\nkind = 'local'\n[scale]\nweb = 1\n[config]\nPORT = {port}\nSTORE = '{store}'\n\
         [policy]\ndirty = true\n"
    );
    for (path, text) in FILES.into_iter().chain([("k8s/envs/local.toml", deploy.as_str())]) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}
