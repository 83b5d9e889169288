//! The inside of an image in a checkout's layout.

use std::{fs, io::Read};

use serde_json::Value;
use xtask_contract::{
    BuildRecord, Digest, Layout, Repo,
    image::{Config, Manifest},
};

use super::checkout::Checkout;

/// An image, read whole.
pub(crate) struct Image {
    pub(crate) config: Config,
    /// All blobs: manifest, configuration, layers.
    pub(crate) blobs: Vec<Vec<u8>>,
    /// The files and folders of all layers.
    pub(crate) entries: Vec<Entry>,
}

/// A file or folder of a layer.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) mode: u32,
    pub(crate) modified: u64,
    pub(crate) content: Vec<u8>,
}

impl Image {
    /// Reads the image with this digest.
    pub(crate) fn read(repo: &Repo, digest: &str) -> Self {
        let digest: Digest = digest.parse().unwrap();
        let layout = Layout::at(repo.images());
        let manifest: Manifest = layout.check_image(&digest).unwrap();
        let blob = |digest: &Digest| fs::read(layout.blob_path(digest)).unwrap();
        let layers: Vec<Vec<u8>> = manifest.layers.iter().map(|layer| blob(&layer.digest)).collect();
        let entries = layers.iter().flat_map(|layer| entries(layer)).collect();
        let blobs = [blob(&digest), blob(&manifest.config.digest)].into_iter().chain(layers).collect();
        Self { config: layout.config(&manifest).unwrap(), blobs, entries }
    }

    /// A file's content.
    #[track_caller]
    pub(crate) fn file(&self, path: &str) -> &[u8] {
        &self.entries.iter().find(|entry| entry.path == path).unwrap().content
    }

    /// Whether this text is anywhere in it.
    pub(crate) fn holds(&self, text: &str) -> bool {
        self.blobs.iter().any(|blob| holds(blob, text))
    }
}

/// Whether this text is anywhere in these bytes.
pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn entries(layer: &[u8]) -> Vec<Entry> {
    let mut archive = tar::Archive::new(layer);
    let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        Entry {
            path: entry.path().unwrap().display().to_string(),
            mode: header.mode().unwrap(),
            modified: header.mtime().unwrap(),
            content,
        }
    };
    archive.entries().unwrap().map(read).collect()
}

/// Makes another image of the newest one, with other labels, and has the newest record name it.
pub(crate) fn relabel(checkout: &Checkout, change: impl FnOnce(&mut Value)) {
    let repo = checkout.repo();
    let layout = Layout::at(repo.images());
    let record = BuildRecord::newest(&repo).unwrap();
    let mut manifest = layout.manifest(&record.digest).unwrap();
    let text = fs::read(layout.blob_path(&manifest.config.digest)).unwrap();
    let mut config: Value = serde_json::from_slice(&text).unwrap();
    change(&mut config["config"]["Labels"]);
    let config = config.to_string();
    manifest.config.digest = layout.put(config.as_bytes()).unwrap();
    manifest.config.size = config.len() as u64;
    let digest = layout.put(serde_json::to_string(&manifest).unwrap().as_bytes()).unwrap();
    checkout.edit_record(&record.digest.to_string(), &digest.to_string());
}
