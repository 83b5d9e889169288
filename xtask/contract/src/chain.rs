//! The proof that a deploy's ledger is whole: every release is as it was made, each follows the one before it,
//! and nothing was deleted, inserted, reordered or made anew.

use crate::{
    Digest, Ledger, ReleaseId, Result,
    ledger::{Head, on_all_processors},
    release::Link,
};

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
    /// chain not made anew as a whole, only a last-deployed record can tell (see [`crate::last_deployed`]).
    pub fn verify(&self) -> Result<Vec<Entry>> {
        let ids = self.ids()?;
        let mut chain: Vec<Entry> = Vec::with_capacity(ids.len());
        for head in on_all_processors(&ids, |id| self.head(id)) {
            let (head, link) = head?;
            if let Some((other, why)) = fork(&head, &chain) {
                return Err(self.unfit(link.id, &why).next(format!(
                    "set aside the one that never ran, and make its release again: `{}` or `{}`",
                    self.set_aside(other),
                    self.set_aside(link.id)
                )));
            }
            if let Some(why) = gap(&head, link.id, &chain, &ids) {
                // What is to be restored is the one that is missing.
                let gone = head.previous.filter(|previous| ids.binary_search(&previous.id).is_err());
                return Err(self
                    .unfit(link.id, &why)
                    .next(self.restore(gone.map_or(link.id, |gone| gone.id), link.id)));
            }
            chain.push(Entry { link, image: head.image.digest });
        }
        Ok(chain)
    }
}

/// The release that follows the same one as this does, or is the first as this is; and that in words.
fn fork(head: &Head, chain: &[Entry]) -> Option<(ReleaseId, String)> {
    let Some(previous) = head.previous else {
        let first = chain.first()?.link.id;
        return Some((
            first,
            format!("it says that it is the first, but {first} is older: one of them was inserted"),
        ));
    };
    let place = chain.binary_search_by_key(&previous.id, |entry| entry.link.id).ok()?;
    let other = chain.get(place + 1)?.link.id;
    let why = format!(
        "it follows {}, and so does {other}: the chain forks there, as it does where two branches are merged, or one of \
         them was inserted",
        previous.id
    );
    Some((other, why))
}

/// Why this release does not follow the chain so far, if it does not. All IDs are in order.
fn gap(head: &Head, id: ReleaseId, chain: &[Entry], ids: &[ReleaseId]) -> Option<String> {
    let follows = match (head.previous, chain.last().map(|entry| entry.link)) {
        (Some(previous), _) if previous.id >= id => {
            Some(format!("it follows {}, which is not older: time went back", previous.id))
        }
        (Some(previous), _) if ids.binary_search(&previous.id).is_err() => {
            Some(format!("it follows {}, which was deleted", previous.id))
        }
        (Some(previous), Some(last)) if previous.digest != last.digest => Some(format!(
            "it follows {} with the digest {}, but that has {}: it was made anew",
            previous.id, previous.digest, last.digest
        )),
        (None | Some(_), _) => None,
    };
    let (sequence, place) = (head.sequence, chain.len() as u64 + 1);
    follows
        .or_else(|| (sequence != place).then(|| format!("its number is {sequence}, but it is the {place}th")))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use crate::{
        Release,
        checksums::checksums,
        test_ledger::{IDS, Three, write},
    };

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
        let next = three.ledger.verify().unwrap_err().next.unwrap();
        assert!(next.starts_with("restore releases/local/2011-04-06-20:32:18 as it was"), "{next}");
        assert!(next.contains("if 2011-04-07-00:00:00 never ran"), "{next}");
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
            "it follows 2011-04-06-20:32:17, and so does 2011-04-06-20:32:18: the chain forks there, as it does where two branches are merged, or one of them was inserted"
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
