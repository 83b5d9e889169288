//! Folders that nothing is to be left of.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// Deletes a folder with all that is in it: releases, too, in whose folders nobody may write.
///
/// # Errors
///
/// When the system does not delete some of it. That it is not there is none.
pub fn remove(folder: &Path) -> io::Result<()> {
    match open_up(folder).and_then(|()| fs::remove_dir_all(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn open_up(folder: &Path) -> io::Result<()> {
    // What is another user's is deleted by its parent's permissions, if at all.
    let _ = fs::set_permissions(folder, Permissions::from_mode(0o755));
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_a_folder_in_which_nobody_may_write() {
        let around = tempfile::tempdir().unwrap();
        let release = around.path().join("releases/2011-04-06-20:32:17");
        fs::create_dir_all(&release).unwrap();
        fs::write(release.join("release.toml"), "").unwrap();
        fs::set_permissions(&release, Permissions::from_mode(0o555)).unwrap();
        remove(&around.path().join("releases")).unwrap();
        assert!(around.path().read_dir().unwrap().next().is_none());
        remove(&around.path().join("releases")).unwrap();
    }
}
