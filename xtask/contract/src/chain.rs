//! The proof that a deploy's ledger is whole: every release is as it was made, each follows the one before it,
//! and nothing was deleted, inserted, reordered or made anew.

use std::thread;

use crate::{Digest, Ledger, ReleaseId, Result, ledger::Head, release::Link};

/// A release that was found to be in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The release.
    pub link: Link,
    /// Its image.
    pub image: Digest,
}

impl Ledger {
    /// Verifies all releases and gives them back, oldest first. That the newest ones were not cut off, and the
    /// chain not made anew as a whole, only a witness can tell (see [`crate::witness`]).
    pub fn verify(&self) -> Result<Vec<Entry>> {
        let ids = self.ids()?;
        let mut chain: Vec<Entry> = Vec::with_capacity(ids.len());
        for head in self.heads(&ids) {
            let (head, link) = head?;
            if let Some(why) = gap(&head, link.id, &chain, &ids) {
                return Err(self.broken(link.id, &why));
            }
            chain.push(Entry { link, image: head.image.digest });
        }
        Ok(chain)
    }

    /// Reads the releases with all of the machine's processors: it is hashing and parsing that takes the time.
    fn heads(&self, ids: &[ReleaseId]) -> Vec<Result<(Head, Link)>> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let share = ids.len().div_ceil(processors).max(1);
        let read = |ids: &[ReleaseId]| -> Vec<_> { ids.iter().map(|id| self.head(*id)).collect() };
        thread::scope(|scope| {
            let parts: Vec<_> = ids.chunks(share).map(|part| scope.spawn(move || read(part))).collect();
            let join = |part: thread::ScopedJoinHandle<'_, Vec<_>>| {
                part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            parts.into_iter().flat_map(join).collect()
        })
    }
}

/// Why this release does not follow the chain so far, if it does not. All IDs are in order.
fn gap(head: &Head, id: ReleaseId, chain: &[Entry], ids: &[ReleaseId]) -> Option<String> {
    let follows = match (head.previous, chain.last().map(|entry| entry.link)) {
        (None, Some(last)) => {
            Some(format!("it says that it is the first, but {} is older: one of them was inserted", last.id))
        }
        (Some(previous), _) if previous.id >= id => {
            Some(format!("it follows {}, which is not older: time went back", previous.id))
        }
        (Some(previous), _) if ids.binary_search(&previous.id).is_err() => {
            Some(format!("it follows {}, which was deleted", previous.id))
        }
        (Some(previous), Some(last)) if previous.id < last.id => Some(format!(
            "it follows {}, and so does {}: the chain forks there, one of them was inserted; if one \
             of the two never ran, take its folder away",
            previous.id, last.id
        )),
        (Some(previous), Some(last)) if previous.digest != last.digest => Some(format!(
            "it follows {} with the digest {}, but that has {}: it was made anew",
            previous.id, previous.digest, last.digest
        )),
        (None, None) | (Some(_), _) => None,
    };
    let (sequence, place) = (head.sequence, chain.len() as u64 + 1);
    follows
        .or_else(|| (sequence != place).then(|| format!("its number is {sequence}, but it is the {place}th")))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use super::*;
    use crate::settings::Network;
    use crate::{
        Digest, EnvName, Exit, Release, Repo,
        checksums::checksums,
        deploy::{Schema, Services, Target},
        release::Image,
    };

    /// A ledger of three releases.
    struct Three {
        _folder: tempfile::TempDir,
        ledger: Ledger,
    }

    const IDS: [&str; 3] = ["2011-04-06-20:32:17", "2011-04-06-20:32:18", "2011-04-07-00:00:00"];

    impl Three {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir_all(folder.path().join("k8s/envs")).unwrap();
            fs::write(folder.path().join("Cargo.toml"), "").unwrap();
            let repo = Repo::around(folder.path()).unwrap();
            let ledger = Ledger::of(&repo, &EnvName::local());
            let mut previous = None;
            for (number, id) in (1..).zip(IDS) {
                previous = Some(write(ledger.folder(), id, number, previous));
            }
            Self { _folder: folder, ledger }
        }

        fn path(&self, id: &str) -> std::path::PathBuf {
            self.ledger.folder().join(id)
        }

        /// The refusal of the ledger as it is now.
        fn refusal(&self) -> String {
            let error = self.ledger.verify().unwrap_err();
            assert_eq!(error.exit, Exit::Refused);
            error.why.concat()
        }
    }

    fn write(folder: &Path, id: &str, sequence: u64, previous: Option<Link>) -> Link {
        let release = Release {
            schema: Schema,
            id: id.parse().unwrap(),
            env: EnvName::local(),
            sequence,
            by: "somebody".into(),
            previous,
            rollback_to: None,
            image: Image { digest: Digest::of("image"), revision: "revision".into(), dirty: false },
            target: Target::Local {},
            migrate: vec!["migrate".into()],
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

    #[test]
    fn a_ledger_as_it_was_made_passes() {
        let ids: Vec<String> =
            Three::new().ledger.verify().unwrap().iter().map(|entry| entry.link.id.to_string()).collect();
        assert_eq!(ids, IDS);
    }

    #[test]
    fn an_edited_byte_is_named() {
        let three = Three::new();
        let path = three.path(IDS[1]).join(Release::FILE);
        let text = fs::read_to_string(&path).unwrap().replace("somebody", "somebodi");
        fs::write(&path, text).unwrap();
        assert_eq!(three.refusal(), "release.toml was edited");
    }

    #[test]
    fn a_deleted_release_is_named() {
        let three = Three::new();
        fs::remove_dir_all(three.path(IDS[1])).unwrap();
        assert_eq!(three.refusal(), "it follows 2011-04-06-20:32:18, which was deleted");
    }

    #[test]
    fn a_ledger_that_lost_its_beginning_is_refused() {
        let three = Three::new();
        fs::remove_dir_all(three.path(IDS[0])).unwrap();
        assert_eq!(three.refusal(), "it follows 2011-04-06-20:32:17, which was deleted");
    }

    #[test]
    fn an_inserted_release_is_a_fork() {
        let three = Three::new();
        let first = three.ledger.verify().unwrap()[0].link;
        write(three.ledger.folder(), "2011-04-06-21:00:00", 2, Some(first));
        assert_eq!(
            three.refusal(),
            "it follows 2011-04-06-20:32:17, and so does 2011-04-06-20:32:18: the chain forks there, one of them was inserted; if one of the two never ran, take its folder away"
        );
    }

    #[test]
    fn a_release_made_anew_does_not_fit_its_follower() {
        let three = Three::new();
        write(three.ledger.folder(), IDS[0], 1, None);
        let path = three.path(IDS[0]).join(Release::FILE);
        let text = fs::read_to_string(&path).unwrap().replace("somebody", "nobody");
        let sums = checksums(&BTreeMap::from([(Release::FILE.to_owned(), text.clone().into_bytes())]));
        fs::write(&path, text).unwrap();
        fs::write(three.path(IDS[0]).join(Release::CHECKSUMS), sums).unwrap();
        assert!(three.refusal().ends_with("it was made anew"));
    }

    #[test]
    fn reordered_releases_are_refused() {
        let three = Three::new();
        let (a, b) = (three.path(IDS[1]), three.path(IDS[2]));
        fs::rename(&a, three.path("swap")).unwrap();
        fs::rename(&b, &a).unwrap();
        fs::rename(three.path("swap"), &b).unwrap();
        assert_eq!(three.refusal(), "its manifest is that of 2011-04-07-00:00:00 of local");
    }

    #[test]
    fn an_id_that_goes_back_in_time_is_refused() {
        let three = Three::new();
        let last = three.ledger.verify().unwrap()[2].link;
        write(three.ledger.folder(), "2011-04-06-00:00:00", 4, Some(last));
        assert!(three.refusal().ends_with("time went back"), "{}", three.refusal());
    }

    #[test]
    fn a_second_first_release_is_refused() {
        let three = Three::new();
        write(three.ledger.folder(), "2011-04-08-00:00:00", 1, None);
        assert!(three.refusal().starts_with("it says that it is the first"));
    }
}
