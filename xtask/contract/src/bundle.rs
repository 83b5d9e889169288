//! A release with all that proves it, in one file: a tar archive of the image as an OCI layout (which skopeo, podman
//! and others read as `oci-archive`) with the documents about it, and of the deploy's ledger up to the release, `releases/ENV/ID/`.

use std::{
    fs::{self, File},
    io,
    path::{Component, Path},
};

use tar::EntryType;
use tempfile::TempDir;

use crate::{Context, EnvName, Error, Layout, Ledger, ReleaseId, Result, archive::Archive, ledger::Verified};

/// The file that an archive of an OCI layout begins with.
const MARK: &str = "oci-layout";

/// Packs a release: its image, and the ledger up to it, which must have been verified.
pub fn pack(ledger: &Ledger, layout: &Layout, release: &Verified) -> Result<Vec<u8>> {
    let (env, id) = (ledger.env(), release.release.id);
    let mut archive = Archive::with_capacity(16 << 20);
    let image = &release.release.image.digest;
    layout.pack(image, &layout.artifacts_about(image)?, &mut archive)?;
    let mut add = || -> io::Result<()> {
        let up_to = ledger.ids().map_err(io::Error::other)?.into_iter().filter(|other| *other <= id);
        for id in up_to {
            let folder = ledger.folder_of(id);
            let mut names: Vec<_> =
                folder.read_dir()?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
            names.sort();
            for name in names {
                let place = format!("releases/{env}/{id}/{}", name.to_string_lossy());
                archive.file(&place, 0o444, &fs::read(folder.join(name))?)?;
            }
        }
        Ok(())
    };
    add().doing(|| format!("packing the releases of {env} up to {id}"))?;
    archive.finish().doing(|| format!("packing the release {id} of {env}"))
}

/// An unpacked bundle, in a temporary folder.
#[derive(Debug)]
pub struct Bundle {
    folder: TempDir,
    env: EnvName,
}

impl Bundle {
    /// Unpacks a bundle. Nothing of it has been verified then.
    pub fn open(path: &Path) -> Result<Self> {
        let doing = || format!("reading the bundle {}", path.display());
        let file = File::open(path).doing(doing)?;
        let folder = tempfile::tempdir().doing(doing)?;
        unpack(file, folder.path()).map_err(|error| not_a_bundle(path, &error.to_string()))?;
        let env =
            the_deploy(folder.path()).ok_or_else(|| not_a_bundle(path, "it holds no deploy's ledger"))?;
        Ok(Self { folder, env })
    }

    /// The ledger up to the release.
    pub fn ledger(&self) -> Ledger {
        let folder = self.folder.path().join("releases").join(self.env.as_str());
        Ledger::at(folder, self.env.clone())
    }

    /// The release: the last one of the ledger.
    pub fn release(&self) -> Result<ReleaseId> {
        self.ledger().newest()
    }

    /// The layout that holds the image.
    pub fn layout(&self) -> Layout {
        Layout::at(self.folder.path())
    }
}

/// Unpacks plain files into a folder; anything else has no place in a bundle.
fn unpack(file: File, into: &Path) -> io::Result<()> {
    let refuse = |why: String| Err(io::Error::other(why));
    let mut archive = tar::Archive::new(io::BufReader::new(file));
    let mut first = true;
    for entry in archive.entries()? {
        let mut entry = match entry {
            // Whose words would be about its innards.
            Err(_) if first => return refuse("it is no tar archive".to_owned()),
            entry => entry?,
        };
        let path = entry.path()?.into_owned();
        let shown = path.display();
        if std::mem::take(&mut first) && path != Path::new(MARK) {
            return refuse(format!("it begins with {shown}, not with {MARK}"));
        }
        if entry.header().entry_type() != EntryType::Regular {
            return refuse(format!("{shown} is not a plain file"));
        }
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return refuse(format!("{shown} is not inside of it"));
        }
        let target = into.join(&path);
        fs::create_dir_all(target.parent().unwrap_or(into))?;
        // A second file of one name would hide the first.
        io::copy(&mut entry, &mut File::create_new(&target)?)?;
    }
    if first { refuse("it is empty".to_owned()) } else { Ok(()) }
}

/// The one deploy whose releases are there.
fn the_deploy(folder: &Path) -> Option<EnvName> {
    let mut names = folder.join("releases").read_dir().ok()?.flatten();
    let only = names.next()?.file_name().to_str()?.parse().ok();
    names.next().is_none().then_some(only)?
}

fn not_a_bundle(path: &Path, why: &str) -> Error {
    Error::refused(format!("reading the bundle {}", path.display()), why)
        .next("`cargo xtask releases export ID` makes one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(files: &[(&str, &[u8])]) -> Result<Bundle> {
        let folder = tempfile::tempdir().unwrap();
        let mut archive = Archive::with_capacity(0);
        for (name, content) in files {
            archive.file(name, 0o644, content).unwrap();
        }
        let path = folder.path().join("bundle.tar");
        fs::write(&path, archive.finish().unwrap()).unwrap();
        Bundle::open(&path)
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        let why = |files: &[(&str, &[u8])]| opened(files).unwrap_err().why.concat();
        assert_eq!(why(&[]), "it is empty");
        assert_eq!(why(&[("etc/passwd", b"")]), "it begins with etc/passwd, not with oci-layout");
        assert_eq!(why(&[(MARK, b"{}")]), "it holds no deploy's ledger");
        assert!(why(&[(MARK, b"{}"), (MARK, b"{}")]).contains("exists"));
        let two: [(&str, &[u8]); 3] = [(MARK, b""), ("releases/dev/x/y", b""), ("releases/prod/x/y", b"")];
        assert_eq!(why(&two), "it holds no deploy's ledger");
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        fs::write(&path, "text\n".repeat(1000)).unwrap();
        assert_eq!(Bundle::open(&path).unwrap_err().why.concat(), "it is no tar archive");
    }

    #[test]
    fn nothing_is_written_outside_of_the_folder() {
        for name in ["../outside", "a/../../outside"] {
            let mut builder = tar::Builder::new(Vec::new());
            for name in [MARK, name] {
                let mut header = tar::Header::new_ustar();
                header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
                header.set_entry_type(EntryType::Regular);
                header.set_mode(0o644);
                header.set_size(0);
                header.set_cksum();
                builder.append(&header, io::empty()).unwrap();
            }
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("bundle.tar");
            fs::write(&path, builder.into_inner().unwrap()).unwrap();
            let why = Bundle::open(&path).unwrap_err().why.concat();
            assert_eq!(why, format!("{name} is not inside of it"));
        }
    }
}
