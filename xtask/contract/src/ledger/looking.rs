//! Releases as people look at them, also those that are not as they were made.

use super::on_all_processors;
use crate::{Digest, Error, Ledger, Release, ReleaseId, Result};

/// A release as it is found: enough to look at it, and nothing to act on.
#[derive(Debug)]
pub struct Found {
    /// The manifest.
    pub release: Release,
    /// The digest of its list of checksums.
    pub digest: Digest,
    /// The rendered Kubernetes objects, if it has them.
    pub objects: Option<String>,
    /// Why nothing may be done with it, if it is not as it was made.
    pub doubt: Option<Error>,
}

impl Ledger {
    /// Reads a release for people to look at, also one that is not as it was made.
    pub fn look(&self, id: ReleaseId) -> Result<Found> {
        let found = self.look_alone(id)?;
        let doubt = found.doubt.or_else(|| self.break_before(&found.release));
        Ok(Found { doubt, ..found })
    }

    /// Reads releases for people to look at, each once: most of them follow another one of them. What is wrong with one is
    /// told of that one alone.
    pub fn look_at(&self, ids: &[ReleaseId]) -> Vec<Result<Found>> {
        let mut all = on_all_processors(ids, |id| self.look_alone(id));
        for place in 0..all.len() {
            let Some(Ok(found)) = all.get(place) else { continue };
            let before = found.release.previous.map(|previous| ids.iter().position(|id| *id == previous.id));
            let doubt = match before.flatten().and_then(|before| all.get(before)) {
                Some(Ok(before)) => self.break_between(before.digest, &found.release),
                Some(Err(_)) => None,
                None => self.break_before(&found.release),
            };
            if let Some(Ok(found)) = all.get_mut(place) {
                found.doubt = found.doubt.take().or(doubt);
            }
        }
        all
    }

    fn look_alone(&self, id: ReleaseId) -> Result<Found> {
        let files = self.found(id)?;
        let release = self.release(id, &files)?;
        let own = files.doubt.as_ref().map(|doubt| self.altered(id, doubt));
        let doubt = own.or_else(|| self.check_place(id, release.id, &release.env).err());
        Ok(Found { release, digest: files.digest(), objects: files.objects, doubt })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::test_ledger::{IDS, Three, write};

    /// What is wrong with each of the newest so many releases, newest first.
    fn doubts(three: &Three, count: usize) -> Vec<Option<String>> {
        let ids: Vec<ReleaseId> = IDS.iter().rev().take(count).map(|id| id.parse().unwrap()).collect();
        let doubt = |found: Result<Found>| match found {
            Ok(found) => found.doubt.map(|doubt| doubt.why.concat()),
            Err(error) => Some(error.to_string()),
        };
        three.ledger.look_at(&ids).into_iter().map(doubt).collect()
    }

    #[test]
    fn what_is_wrong_with_a_release_is_told_of_that_one() {
        let three = Three::new();
        assert_eq!(doubts(&three, 3), [None, None, None]);
        let manifest = three.path(IDS[1]).join(Release::FILE);
        let text = fs::read_to_string(&manifest).unwrap().replace("somebody", "nobody");
        fs::write(&manifest, text).unwrap();
        let edited = Some("release.toml was edited".to_owned());
        assert_eq!(doubts(&three, 3), [None, edited.clone(), None]);
        // The one before is looked at where it is not among them.
        assert_eq!(doubts(&three, 1), [edited]);
    }

    #[test]
    fn a_release_that_was_made_anew_is_missed_by_the_one_that_follows_it() {
        let three = Three::new();
        write(three.ledger.folder(), IDS[0], 7, None);
        let [None, Some(broken), None] = &doubts(&three, 3)[..] else { panic!("{:?}", doubts(&three, 3)) };
        assert!(broken.starts_with("it follows 2011-04-06-20:32:17 with the digest"), "{broken}");
        assert_eq!(doubts(&three, 2)[1].as_ref(), Some(broken));
    }
}
