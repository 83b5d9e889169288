//! Files that are there whole or not at all, also after a kill or a power cut.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use rustix::fs::OFlags;

/// Writes a new file with this mode and waits until it is on disk. The name must be free.
pub fn create(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    // The mode that was asked for, whatever the umask.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Replaces a file, or makes it, in one step: a reader sees the old content or the new one.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let temporary = path.with_file_name(name);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => create(&temporary, content, mode)?,
    }
    fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Waits until the folder's list of names is on disk.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Waits until the name of this file is on disk.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_folder)
}

/// Takes an exclusive lock, waiting for its holder; it ends with the returned file, or with the process.
pub fn lock(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = lock_file(path)?;
    file.lock()?;
    Ok(file)
}

/// Opens the file of a lock, and makes it if it is missing. No other user may open it: who can open it can hold it.
pub fn lock_file(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(flags)
        .open(path)?;
    // It may be of a time when others could.
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_leaves_the_new_content_its_mode_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.toml");
        replace(&path, b"old", 0o600).unwrap();
        replace(&path, b"new", 0o640).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn creating_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("release.toml");
        create(&path, b"first", 0o444).unwrap();
        assert_eq!(create(&path, b"second", 0o444).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn a_lock_is_its_owners_alone_also_one_that_was_open_to_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("locks/one");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        drop(lock(&path).unwrap());
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let held = lock(&path).unwrap();
        assert_eq!(mode(), 0o600);
        assert!(lock_file(&path).unwrap().try_lock().is_err());
        drop(held);
        assert!(lock_file(&path).unwrap().try_lock().is_ok());
    }
}
