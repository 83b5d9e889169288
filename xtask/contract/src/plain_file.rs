//! Files that others may have written. They are read if they are plain files and no longer than such a file may be: a link
//! to an endless device, a named pipe or a sparse file keeps nobody waiting, and fills no memory.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, fstat, openat};

/// The most bytes of a text that a person could have written: a manifest, a deploy's file, an object.
pub const TEXT: u64 = 16 << 20;

/// A folder whose files are read one by one. None of them may be a link.
#[derive(Debug)]
pub struct Folder(OwnedFd);

impl Folder {
    /// Opens a folder, which may be no link itself.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self(openat(CWD, path, flags, Mode::empty())?))
    }

    /// The names in it, in order; of very many, some.
    pub fn names(&self) -> io::Result<Vec<String>> {
        const SOME: usize = 64;
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
            if names.len() == SOME {
                break;
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Reads a file of the folder that has at most so many bytes.
    pub fn read(&self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        content(open_at(&self.0, Path::new(name), OFlags::NOFOLLOW, most)?, most)
    }
}

/// Opens a file that has at most so many bytes and is no link.
pub fn open(path: &Path, most: u64) -> io::Result<File> {
    open_at(CWD, path, OFlags::NOFOLLOW, most)
}

/// Opens a file that has at most so many bytes, at a path that a person has named, who may have links.
pub fn open_named(path: &Path, most: u64) -> io::Result<File> {
    open_at(CWD, path, OFlags::empty(), most)
}

/// Reads a file that has at most so many bytes and is no link.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    content(open(path, most)?, most)
}

/// Reads a text, of at most [`TEXT`] bytes, at a path that a person has named, who may have links.
pub fn read_text(path: &Path) -> io::Result<String> {
    let content = content(open_named(path, TEXT)?, TEXT)?;
    String::from_utf8(content).map_err(|_| io::Error::other("it is no UTF-8 text"))
}

fn open_at(folder: impl AsFd, path: &Path, links: OFlags, most: u64) -> io::Result<File> {
    // Without waiting: a named pipe that nobody writes to is open at once.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | links;
    let file = openat(folder, path, flags, Mode::empty()).map_err(|error| match error {
        rustix::io::Errno::LOOP => io::Error::other("it is a link, not a plain file"),
        error => error.into(),
    })?;
    let found = fstat(&file)?;
    let size = u64::try_from(found.st_size).unwrap_or(u64::MAX);
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile if size <= most => Ok(file.into()),
        FileType::RegularFile => Err(too_long(size, most)),
        other => Err(io::Error::other(format!("it is {}, not a plain file", called(other)))),
    }
}

/// All of a file, unless it grows past its limit meanwhile.
fn content(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(most + 1).read_to_end(&mut content)?;
    let size = content.len() as u64;
    if size > most { Err(too_long(size, most)) } else { Ok(content) }
}

fn too_long(size: u64, most: u64) -> io::Error {
    io::Error::other(format!("it has {size} bytes, and such a file has at most {most}"))
}

fn called(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "a folder",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something else",
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, process::Command};

    use super::*;

    #[test]
    fn what_would_be_read_for_ever_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        symlink("/dev/zero", path("endless")).unwrap();
        assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        File::create(path("sparse")).unwrap().set_len(20 << 30).unwrap();
        fs::create_dir(path("folder")).unwrap();
        fs::write(path("plain"), "text").unwrap();
        symlink("plain", path("link")).unwrap();

        let opened = Folder::open(folder.path()).unwrap();
        for (name, why, why_named) in [
            ("endless", "it is a link, not a plain file", "it is a device, not a plain file"),
            ("pipe", "it is a named pipe, not a plain file", "it is a named pipe, not a plain file"),
            ("folder", "it is a folder, not a plain file", "it is a folder, not a plain file"),
            ("sparse", "it has 21474836480 bytes", "it has 21474836480 bytes"),
        ] {
            for read in [opened.read(name, TEXT), read(&path(name), TEXT)] {
                assert!(read.unwrap_err().to_string().starts_with(why), "{name}");
            }
            assert!(read_text(&path(name)).unwrap_err().to_string().starts_with(why_named), "{name}");
        }
        assert_eq!(opened.read("plain", 4).unwrap(), b"text");
        assert!(opened.read("plain", 3).is_err());
        assert_eq!(read_text(&path("link")).unwrap(), "text");
        assert_eq!(opened.names().unwrap(), ["endless", "folder", "link", "pipe", "plain", "sparse"]);
    }

    #[test]
    fn a_folder_that_is_a_link_is_not_opened_and_the_names_of_an_endless_one_end() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        assert!(Folder::open(&link).is_err());
        for number in 0..100 {
            fs::write(real.join(number.to_string()), "").unwrap();
        }
        assert_eq!(Folder::open(&real).unwrap().names().unwrap().len(), 64);
    }
}
