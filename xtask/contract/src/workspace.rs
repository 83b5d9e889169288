//! What the workspace's manifest says to the toolchain.

use std::{fs, path::Path};

use serde::Deserialize;

use crate::ServiceName;

/// The part of a Cargo.toml that is the toolchain's.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Manifest {
    workspace: Workspace,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Workspace {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    xtask: Xtask,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Xtask {
    service: Option<ServiceName>,
}

/// The service that `[workspace.metadata.xtask]` in a folder's Cargo.toml names; why there is none, if it names none.
pub(crate) fn service(root: &Path) -> Result<ServiceName, String> {
    let text = fs::read_to_string(root.join("Cargo.toml")).map_err(|error| format!("Cargo.toml: {error}"))?;
    let manifest: Manifest =
        toml::from_str(&text).map_err(|error| format!("Cargo.toml: {}", error.message()))?;
    let named = manifest.workspace.metadata.xtask.service;
    named.ok_or_else(|| "[workspace.metadata.xtask] in Cargo.toml names no `service`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(manifest: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        service(folder.path()).map(String::from)
    }

    #[test]
    fn the_metadata_name_the_service() {
        let named = "[workspace]\nmembers = []\n[workspace.metadata.xtask]\nservice = \"greeter\"\n\
                     [workspace.metadata.other]\na = 1\n";
        assert_eq!(of(named).unwrap(), "greeter");
    }

    #[test]
    fn what_is_missing_or_wrong_is_told() {
        let why = |manifest: &str| of(manifest).unwrap_err();
        for without in ["", "[workspace]\nmembers = []\n", "[workspace.metadata.xtask]\n"] {
            assert!(why(without).ends_with("names no `service`"), "{without}");
        }
        assert!(why("[workspace.metadata.xtask]\nservice = \"Greeter\"\n").contains("a service's name is"));
        assert!(why("[workspace.metadata.xtask]\nservices = \"greeter\"\n").contains("unknown field"));
        assert!(why("[workspace").starts_with("Cargo.toml: "));
        assert!(service(Path::new("/nowhere")).unwrap_err().starts_with("Cargo.toml: "));
    }
}
