//! A small ledger for tests, without an image.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Digest, EnvName, ErrorKind, Ledger, Release, Repo,
    checksums::checksums,
    deploy::{Schema, Services, Target},
    release::{Image, Link},
    settings::Network,
    signature::SigningKey,
};

/// A ledger of three releases.
pub(crate) struct Three {
    pub(crate) repo: Repo,
    pub(crate) ledger: Ledger,
    _folder: tempfile::TempDir,
}

pub(crate) const IDS: [&str; 3] = ["2011-04-06-20:32:17", "2011-04-06-20:32:18", "2011-04-07-00:00:00"];

impl Three {
    pub(crate) fn new() -> Self {
        Self::of(Digest::of("image"))
    }

    /// One whose releases have this image.
    pub(crate) fn of(image: Digest) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("k8s/envs")).unwrap();
        let manifest = "[workspace.metadata.xtask]\nservice = \"greeter\"\n";
        fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        let repo = Repo::around(folder.path()).unwrap();
        let ledger = Ledger::of(&repo, &EnvName::local());
        let mut previous = None;
        for (number, id) in (1..).zip(IDS) {
            previous = Some(write_of(image, ledger.folder(), id, number, previous));
        }
        Self { repo, ledger, _folder: folder }
    }

    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.ledger.folder().join(id)
    }

    /// The refusal of the ledger as it is now.
    pub(crate) fn refusal(&self) -> String {
        let error = self.ledger.verify().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
        error.why.concat()
    }

    /// Signs a release.
    pub(crate) fn sign(&self, id: &str, key: &SigningKey) {
        let sums = fs::read(self.path(id).join(Release::CHECKSUMS)).unwrap();
        fs::write(self.path(id).join(Release::SIGNATURE), key.sign(&sums)).unwrap();
    }
}

/// Writes a release in the right form.
pub(crate) fn write(folder: &Path, id: &str, sequence: u64, previous: Option<Link>) -> Link {
    write_of(Digest::of("image"), folder, id, sequence, previous)
}

fn write_of(image: Digest, folder: &Path, id: &str, sequence: u64, previous: Option<Link>) -> Link {
    let release = Release {
        schema: Schema,
        id: id.parse().unwrap(),
        env: EnvName::local(),
        sequence,
        by: "somebody".into(),
        previous,
        rollback_to: None,
        service: Some("greeter".parse().unwrap()),
        image: Image { digest: image, revision: "revision".into(), dirty: false },
        target: Target::Local {},
        migrate: vec!["migrate".into()],
        migrations: None,
        processes: BTreeMap::new(),
        network: Network::default(),
        ingress: None,
        services: Services::default(),
        config: BTreeMap::new(),
        secrets: None,
    };
    let text = release.to_toml().unwrap();
    let sums = checksums(&BTreeMap::from([(Release::FILE.to_owned(), text.clone().into_bytes())]));
    let path = folder.join(id);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join(Release::FILE), text).unwrap();
    fs::write(path.join(Release::CHECKSUMS), &sums).unwrap();
    Link { id: release.id, digest: Digest::of(&sums) }
}
