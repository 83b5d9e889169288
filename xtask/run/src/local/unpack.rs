//! An image's files on this machine.

use std::{fs, io, path::PathBuf};

use xtask_contract::{Context, Digest, Layout, Repo, Result, durable};

/// Unpacks an image, once per digest, and tells where its root is.
pub(super) fn unpack(repo: &Repo, layout: &Layout, image: &Digest) -> Result<PathBuf> {
    let folder = repo.rebuildable().join("roots");
    let root = folder.join(image.hex());
    let doing = || format!("unpacking the image {image} to {}", root.display());
    if root.is_dir() {
        return Ok(root);
    }
    let manifest = layout.manifest(image)?;
    let unpack = || -> io::Result<()> {
        let _lock = durable::lock(&folder.join(".lock"))?;
        let incoming = folder.join(".incoming");
        match fs::remove_dir_all(&incoming) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir(&incoming)?,
        }
        for layer in &manifest.layers {
            let mut archive = tar::Archive::new(fs::File::open(layout.blob_path(&layer.digest))?);
            archive.set_preserve_mtime(false);
            archive.unpack(&incoming)?;
        }
        // Somebody else may have unpacked it while we waited for the lock.
        if root.is_dir() { fs::remove_dir_all(&incoming) } else { fs::rename(&incoming, &root) }
    };
    unpack().doing(doing)?;
    Ok(root)
}
