//! Layers: tar archives whose every byte is decided here, not by the file system or the clock.

use std::io;

use tar::{Builder, EntryType, Header};

/// A layer under construction. Everything in it belongs to root and dates from 1970.
pub(crate) struct Archive(Builder<Vec<u8>>);

impl Archive {
    /// An empty layer with room for this many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Builder::new(Vec::with_capacity(bytes)))
    }

    /// Adds a folder, `name` from the image's root without a leading slash.
    pub(crate) fn folder(&mut self, name: &str, mode: u32) -> io::Result<()> {
        self.append(&format!("{name}/"), EntryType::Directory, mode, &[])
    }

    /// Adds a file.
    pub(crate) fn file(&mut self, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.append(name, EntryType::Regular, mode, content)
    }

    /// The layer's bytes.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
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
