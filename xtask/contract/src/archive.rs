//! Tar archives whose every byte is decided here, not by the file system or the clock: image layers, and
//! whole images on their way to an engine or a node.

use std::io;

use tar::{Builder, EntryType, Header};

/// An archive under construction. Everything in it belongs to root and dates from 1970.
pub struct Archive(Builder<Vec<u8>>);

impl Archive {
    /// An empty archive with room for this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Builder::new(Vec::with_capacity(bytes)))
    }

    /// Adds a folder, `name` without a leading or trailing slash.
    pub fn folder(&mut self, name: &str, mode: u32) -> io::Result<()> {
        self.append(&format!("{name}/"), EntryType::Directory, mode, &[])
    }

    /// Adds a file.
    pub fn file(&mut self, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.append(name, EntryType::Regular, mode, content)
    }

    /// The archive's bytes.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        self.0.into_inner()
    }

    fn append(&mut self, name: &str, kind: EntryType, mode: u32, content: &[u8]) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_path(name)?;
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.append(&header, content)
    }
}
