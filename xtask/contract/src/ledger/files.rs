//! A release's files as they are found in its folder, and what is not right with them.

use std::{collections::BTreeMap, fmt, io, path::Path};

use crate::{
    Digest, Release, ServiceName,
    checksums::difference,
    labels,
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
    /// There are other files, of which these are some, and that is all.
    Added(Vec<String>),
    /// One of its own files is not what it was.
    Other(String),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(names) => match names.as_slice() {
                [name] => write!(f, "{name} was added to it"),
                names => {
                    let first = names.first().map_or("a file", String::as_str);
                    write!(f, "{first} and other files were added to it")
                }
            },
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl Doubt {
    /// The command that takes out of a release's folder what was added.
    pub(super) fn take_out(names: &[String], folder: &str) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        match names {
            // A name may be made to be typed.
            [name] if name.chars().all(is_plain) && !name.starts_with('-') => {
                format!("chmod u+w {folder} && rm -r {folder}/{name}")
            }
            _ => {
                let but = KNOWN.map(|(known, _)| format!(" ! -name {known}")).concat();
                format!("chmod u+w {folder} && find {folder} -mindepth 1 -maxdepth 1{but} -exec rm -r {{}} +")
            }
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
        let (mut files, mut wrong) = (BTreeMap::new(), None);
        // Its own files by their names: among very many others, a list of some names might lack them.
        for (name, most) in KNOWN {
            match folder.read(name, most) {
                Ok(content) => drop(files.insert(name.to_owned(), content)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(why) => wrong = wrong.or(Some(format!("{name}: {why}"))),
            }
        }
        let mut names = folder.names()?;
        names.retain(|name| KNOWN.iter().all(|(known, _)| known != name));
        let added = (!names.is_empty()).then_some(Doubt::Added(names));
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

    /// The service that its objects say they are of: the first label of the first one of them. (To read them as what they
    /// are would take a long ledger much longer.)
    pub(super) fn service(&self) -> Option<ServiceName> {
        let value =
            |line: &str| line.trim_start().strip_prefix(labels::NAME)?.strip_prefix(": ")?.parse().ok();
        self.objects.as_ref()?.lines().find_map(value)
    }

    /// The release's digest, as far as its list of checksums is what it was.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.sums)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    #[test]
    fn the_service_is_that_of_the_objects() {
        let of = |objects: Option<&str>| {
            let files = Files { objects: objects.map(str::to_owned), ..Files::default() };
            files.service().map(String::from)
        };
        let objects = "# The objects.\n---\nkind: Namespace\nmetadata:\n  labels:\n    \
                       app.kubernetes.io/name: greeter\n    twelve-factor.dev/part: namespace\n";
        assert_eq!(of(Some(objects)).as_deref(), Some("greeter"));
        assert_eq!(of(Some(&objects.replace("greeter", "../greeter"))), None);
        assert_eq!((of(Some("---\n")), of(None)), (None, None));
    }

    #[test]
    fn very_many_files_that_were_added_hide_none_of_a_releases_own_and_are_taken_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let sums =
            crate::checksums::checksums(&BTreeMap::from([(Release::FILE.to_owned(), b"text".to_vec())]));
        let added = |count: usize| {
            (0..count).for_each(|number| fs::write(folder.path().join(format!(".a a{number}")), "").unwrap());
            // Any of its own may be the last one in the folder's order.
            fs::write(folder.path().join(Release::CHECKSUMS), &sums).unwrap();
            fs::write(folder.path().join(Release::FILE), "text").unwrap();
            Files::read(folder.path()).unwrap()
        };
        assert_eq!(added(0).doubt, None);
        assert_eq!(added(1).doubt.unwrap().to_string(), ".a a0 was added to it");
        let found = added(200);
        assert_eq!((found.manifest.as_str(), &found.sums), ("text", &sums));
        let Some(doubt @ Doubt::Added(names)) = &found.doubt else { panic!("{:?}", found.doubt) };
        assert!(doubt.to_string().ends_with(" and other files were added to it"), "{doubt}");
        let take_out = Doubt::take_out(names, path);
        assert!(Command::new("sh").args(["-c", &take_out]).status().unwrap().success());
        assert_eq!(Files::read(folder.path()).unwrap().doubt, None);
    }
}
