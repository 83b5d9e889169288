//! The toolchain's crates as they would be published: what a package lacks, nobody who gets it has.

use std::{
    ffi::OsStr,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::kind::output;

/// The crates that a registry would have.
const CRATES: [&str; 9] = [
    "xtask-build",
    "xtask-cli",
    "xtask-cluster",
    "xtask-contract",
    "xtask-kubernetes",
    "xtask-lines",
    "xtask-local",
    "xtask-release",
    "xtask-run",
];

/// The packages, unpacked.
pub(super) struct Packages(PathBuf);

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
        output(cargo.args(CRATES.iter().flat_map(|name| ["--package", name])));
        let packages = Self(folder.join("package"));
        for name in CRATES {
            let file = format!("{name}-{}.crate", env!("CARGO_PKG_VERSION"));
            // With the time of now: cargo takes what is older than what it compiled for the same.
            let unpack = ["--extract", "--gzip", "--touch", "--file", &file].map(OsStr::new);
            output(Command::new("tar").args(unpack).current_dir(&packages.0));
        }
        packages
    }

    /// What a manifest says to get them from here.
    pub(super) fn patch(&self) -> String {
        let mut text = "[patch.crates-io]\n".to_owned();
        for name in CRATES {
            let path = self.0.join(format!("{name}-{}", env!("CARGO_PKG_VERSION")));
            let _ = writeln!(text, "{name} = {{ path = {:?} }}", path.display().to_string());
        }
        text
    }
}
