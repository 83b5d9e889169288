//! Thin link-time optimisation by the linker, which keeps what it made of each crate. The compiler makes all of it anew for
//! each line that changes, and gives the same program.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// The target triple for which the compiler brings its own linker and uses it.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Where that linker is, below the toolchain's folder.
const LINKER: &str = "lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld/ld.lld";
/// How much of what it made is kept: for how long after the last use, and in all.
const KEPT: &str = "prune_after=168h:cache_size_bytes=500m";

/// That the linker optimises, and where it keeps what it made.
#[derive(Debug)]
pub(crate) struct Lto {
    folder: PathBuf,
}

impl Lto {
    /// By the linker if the project asks for thin optimisation and the toolchain's linker can do it: one of another LLVM
    /// cannot read what the compiler hands it.
    pub(crate) fn of(root: &Path, rust: &Path, target: &str, release: &Path) -> Option<Self> {
        let manifest = fs::read_to_string(root.join("Cargo.toml")).ok()?;
        let can = target == TARGET && rust.join(LINKER).is_file();
        (can && asks_for_thin(&manifest)).then(|| Self::below(release))
    }

    /// Where all that a release's compile makes is left.
    pub(crate) fn below(release: &Path) -> Self {
        Self { folder: release.join("lto") }
    }

    /// The compiler's flags for it.
    pub(crate) fn flags(&self) -> Vec<OsString> {
        let mut folder = OsString::from("--thinlto-cache-dir=");
        folder.push(&self.folder);
        // Functions that are the same are in the program once, but for those whose addresses are compared.
        let linker = [folder, format!("--thinlto-cache-policy={KEPT}").into(), "--icf=safe".into()];
        // Each by itself: a folder's name may hold the comma that would be between them.
        let linker = linker.into_iter().flat_map(|arg| ["-Xlinker".into(), arg]);
        let linker = linker.map(|arg| {
            let mut flag = OsString::from("-Clink-arg=");
            flag.push(arg);
            flag
        });
        [OsString::from("-Clinker-plugin-lto")].into_iter().chain(linker).collect()
    }
}

/// Whether the workspace's release profile does.
fn asks_for_thin(manifest: &str) -> bool {
    let manifest: Option<toml::Table> = toml::from_str(manifest).ok();
    let lto = manifest.as_ref().and_then(|manifest| manifest.get("profile")?.get("release")?.get("lto"));
    lto.and_then(toml::Value::as_str) == Some("thin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linker_optimises_where_the_project_asks_for_thin_and_the_toolchain_has_the_linker() {
        let folder = tempfile::tempdir().unwrap();
        let [root, rust] = ["root", "rust"].map(|name| folder.path().join(name));
        let linker = rust.join(LINKER);
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(linker.parent().unwrap()).unwrap();
        let write = |lto: &str| fs::write(root.join("Cargo.toml"), lto).unwrap();
        let of = |target| Lto::of(&root, &rust, target, Path::new("release")).map(|lto| lto.folder);

        write("[profile.release]\nlto = 'thin'\n");
        assert_eq!(of(TARGET), None, "there is no linker");
        fs::write(&linker, "").unwrap();
        assert_eq!(of(TARGET).as_deref(), Some(Path::new("release/lto")));
        assert_eq!(of("aarch64-unknown-linux-gnu"), None);
        for other in ["", "[profile.release]\nlto = 'fat'\n", "[profile.release]\nlto = true\n", "[profile"] {
            write(other);
            assert_eq!(of(TARGET), None, "{other}");
        }
    }
}
