//! The toolchain's crates as they would be published: what a package lacks, nobody who gets it has.

use std::{
    ffi::OsStr,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::MetadataCommand;

use crate::support::kind::output;

/// The packages, unpacked, and the crates that they are of: those that may be published.
pub(super) struct Packages {
    folder: PathBuf,
    crates: Vec<String>,
}

impl Packages {
    /// Makes them of the workspace as it is now, in this folder.
    pub(super) fn make(folder: &Path) -> Self {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let _ = fs::remove_dir_all(folder);
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "package",
            "--quiet",
            "--no-verify",
            "--allow-dirty",
            "--offline",
            "--locked",
            "--target-dir",
        ]);
        cargo.arg(folder).current_dir(top);
        let crates = may_be_published(top);
        output(cargo.args(crates.iter().flat_map(|name| ["--package", name])));
        let packages = Self { folder: folder.join("package"), crates };
        for name in &packages.crates {
            let file = format!("{name}-{}.crate", env!("CARGO_PKG_VERSION"));
            // With the time of now: cargo takes what is older than what it compiled for the same.
            let unpack = ["--extract", "--gzip", "--touch", "--file", &file].map(OsStr::new);
            output(Command::new("tar").args(unpack).current_dir(&packages.folder));
        }
        packages
    }

    /// What a manifest says to get them from here.
    pub(super) fn patch(&self) -> String {
        let mut text = "[patch.crates-io]\n".to_owned();
        for name in &self.crates {
            let path = self.folder.join(format!("{name}-{}", env!("CARGO_PKG_VERSION")));
            let _ = writeln!(text, "{name} = {{ path = {:?} }}", path.display().to_string());
        }
        text
    }
}

fn may_be_published(top: &Path) -> Vec<String> {
    let metadata = MetadataCommand::new().current_dir(top).no_deps().exec().unwrap();
    let open = metadata.packages.iter().filter(|package| package.publish.is_none());
    open.map(|package| package.name.to_string()).collect()
}
