//! A release's files as they are found in its folder, and what is not right with them.

use std::{collections::BTreeMap, fmt, io, path::Path};

use crate::{
    Digest, Release,
    checksums::difference,
    plain_file::{Folder, TEXT},
};

/// The files that a release has, and how long each may be. There are no others.
const KNOWN: [(&str, u64); 4] = [
    (Release::FILE, TEXT),
    (Release::OBJECTS, TEXT),
    (Release::CHECKSUMS, 64 << 10),
    (Release::SIGNATURE, 4 << 10),
];

/// What is found in a release's folder.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) manifest: String,
    pub(super) objects: Option<String>,
    pub(super) sums: String,
    pub(super) signature: Option<Vec<u8>>,
    /// Why this is not what the list of checksums says, if it is not.
    pub(super) doubt: Option<Doubt>,
}

/// What is not right with a release's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doubt {
    /// There is another file, and that is all.
    Added(String),
    /// One of its own files is not what it was.
    Other(String),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(name) => write!(f, "{name} was added to it"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl Files {
    /// Reads a release's folder, and of it no more than a release has.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let folder = match Folder::open(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            Err(error) => {
                let doubt = Some(Doubt::Other(format!("it is no folder: {error}")));
                return Ok(Self { doubt, ..Self::default() });
            }
            Ok(folder) => folder,
        };
        let (mut files, mut wrong, mut added) = (BTreeMap::new(), None, None);
        for name in folder.names()? {
            let known = KNOWN.iter().find(|(known, _)| *known == name);
            match known.map(|(_, most)| folder.read(&name, *most)) {
                Some(Ok(content)) => drop(files.insert(name, content)),
                Some(Err(why)) => wrong = wrong.or(Some(format!("{name}: {why}"))),
                None => added = added.or(Some(Doubt::Added(name))),
            }
        }
        Ok(Self::of(files, wrong, added))
    }

    fn of(mut files: BTreeMap<String, Vec<u8>>, wrong: Option<String>, added: Option<Doubt>) -> Self {
        let text = |content: Vec<u8>| String::from_utf8_lossy(&content).into_owned();
        let signature = files.remove(Release::SIGNATURE);
        let sums = files.remove(Release::CHECKSUMS);
        let wrong = wrong.or_else(|| match &sums {
            None => Some("it has no list of checksums".to_owned()),
            Some(sums) => difference(sums, &files),
        });
        let manifest = files.remove(Release::FILE).map(text);
        let wrong = wrong.or_else(|| manifest.is_none().then(|| "it has no release.toml".to_owned()));
        Self {
            manifest: manifest.unwrap_or_default(),
            objects: files.remove(Release::OBJECTS).map(text),
            sums: sums.map(text).unwrap_or_default(),
            signature,
            doubt: wrong.map(Doubt::Other).or(added),
        }
    }

    /// The release's digest, as far as its list of checksums is what it was.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.sums)
    }
}
