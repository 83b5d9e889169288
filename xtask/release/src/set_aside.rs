//! Takes releases that never ran out of a deploy's chain, just as they are: the way out where `run` would refuse the
//! ledger because of them. They are kept in `releases/ENV/set-aside`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use xtask_contract::{Context, EnvName, Error, Ledger, Record, ReleaseId, Repo, Result, durable};

use crate::ledger;

/// The folder of a deploy's ledger that holds what was set aside.
const FOLDER: &str = "set-aside";

/// What each release of a ledger says that it follows: another one, or none, as the first. Those that cannot be read say
/// nothing.
type Says = BTreeMap<ReleaseId, Option<ReleaseId>>;

/// Releases that were set aside.
#[derive(Debug)]
pub struct SetAside {
    /// Which, oldest first: the one that was named, and all that follow it.
    pub releases: Vec<ReleaseId>,
    /// Where they are now.
    pub folder: PathBuf,
}

/// Sets a release aside, and all that follow it. None of them may have run, by the deploy's own record, or be running:
/// wherever it may be, told a place each.
pub fn set_aside(
    repo: &Repo,
    env: &EnvName,
    id: ReleaseId,
    told: &[(Record, Option<ReleaseId>)],
) -> Result<SetAside> {
    let ledger = Ledger::of(repo, env);
    let doing = || format!("setting the release {id} of {env} aside");
    let _lock = ledger::lock(repo, env)?;
    let ids = ledger.ids()?;
    if !ids.contains(&id) {
        // It says so.
        ledger.said_to_follow(id)?;
    }
    let says: Says = ids.iter().filter_map(|id| Some((*id, ledger.said_to_follow(*id).ok()?))).collect();
    let releases = followers(&says, id);
    let objects = |(record, running): &(_, _)| objection(&says, &releases, record, *running);
    if let Some(why) = told.iter().find_map(objects) {
        return Err(Error::refused(doing(), why).next(format!(
            "what has run stays in the ledger: restore releases/{env} as it was; `cargo xtask status --env {env}` shows \
             what runs"
        )));
    }
    let folder = ledger.folder().join(FOLDER);
    // The newest first: a kill on the way leaves a chain with another end.
    releases.iter().rev().try_for_each(|id| put(&ledger.folder_of(*id), &folder)).doing(doing)?;
    Ok(SetAside { releases, folder })
}

/// The release itself and all that follow it, directly or not; oldest first.
fn followers(says: &Says, id: ReleaseId) -> Vec<ReleaseId> {
    let mut found = BTreeSet::from([id]);
    // A release is later than the one that it follows, so one pass in order finds all.
    for (later, previous) in says {
        if previous.is_some_and(|previous| found.contains(&previous)) {
            found.insert(*later);
        }
    }
    found.into_iter().collect()
}

/// Why these may not be set aside, if they may not.
fn objection(
    says: &Says,
    releases: &[ReleaseId],
    record: &Record,
    running: Option<ReleaseId>,
) -> Option<String> {
    let Record::Known(last_deployed) = record else {
        return Some("whether it has run cannot be asked from here".to_owned());
    };
    if let Some(running) = running.filter(|running| releases.contains(running)) {
        return Some(format!("{running} runs"));
    }
    let ran = last_deployed.as_ref()?.id;
    if releases.contains(&ran) {
        return Some(format!("{ran} has run"));
    }
    // What is older may be what led to it, unless the way back from it passes by.
    let oldest = releases.iter().min().filter(|oldest| **oldest < ran)?;
    let mut at = ran;
    while at > *oldest {
        match says.get(&at) {
            Some(None) => return None,
            Some(Some(previous)) if *previous < at => at = *previous,
            _ => return Some(format!("whether {ran}, which has run, follows it cannot be told")),
        }
    }
    (at == *oldest).then(|| format!("{ran}, which has run, follows it"))
}

/// Moves a release's folder into another one, as it is.
fn put(release: &Path, into: &Path) -> io::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o755).create(into);
    made.and_then(|()| durable::sync_parent(into))?;
    let to = into.join(release.file_name().unwrap_or_default());
    // A folder that changes its place must be writable, as its way up is a part of it.
    fs::set_permissions(release, Permissions::from_mode(0o755))?;
    renameat_with(CWD, release, CWD, &to, RenameFlags::NOREPLACE)?;
    fs::set_permissions(&to, Permissions::from_mode(0o555))?;
    durable::sync_folder(into)?;
    durable::sync_parent(release)
}

#[cfg(test)]
mod tests {
    use xtask_contract::{Digest, last_deployed::LastDeployed};

    use super::*;

    fn id(second: u32) -> ReleaseId {
        format!("2011-04-06-20:32:{second:02}").parse().unwrap()
    }

    /// A chain 1, 2, 3 and a second branch 2, 4, 5.
    fn fork() -> Says {
        [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(2)), (5, Some(4))]
            .into_iter()
            .map(|(of, previous)| (id(of), previous.map(id)))
            .collect()
    }

    fn ran(second: u32) -> Record {
        let digest = Digest::of("release");
        Record::Known(Some(LastDeployed { id: id(second), sequence: 1, digest, images: Vec::new() }))
    }

    fn refused(says: &Says, of: u32, record: &Record, running: Option<u32>) -> Option<String> {
        objection(says, &followers(says, id(of)), record, running.map(id))
    }

    #[test]
    fn what_follows_a_release_goes_with_it_and_the_other_branch_does_not() {
        assert_eq!(followers(&fork(), id(4)), [id(4), id(5)]);
        assert_eq!(followers(&fork(), id(3)), [id(3)]);
        assert_eq!(followers(&fork(), id(2)), [2, 3, 4, 5].map(id));
    }

    #[test]
    fn either_branch_goes_but_that_which_has_run() {
        let fork = fork();
        assert_eq!(refused(&fork, 4, &ran(3), None), None);
        assert_eq!(refused(&fork, 3, &ran(4), None), None, "it is older, but was not led to");
        assert_eq!(refused(&fork, 3, &ran(3), None).unwrap(), format!("{} has run", id(3)));
        assert_eq!(refused(&fork, 4, &ran(5), None).unwrap(), format!("{} has run", id(5)));
        assert_eq!(refused(&fork, 4, &Record::Known(None), None), None);
    }

    #[test]
    fn of_two_that_say_that_they_are_the_first_either_goes() {
        let two = Says::from([(id(1), None), (id(2), None)]);
        assert_eq!((refused(&two, 1, &ran(2), None), refused(&two, 2, &ran(1), None)), (None, None));
    }

    #[test]
    fn nothing_goes_that_runs_or_of_which_that_is_not_known() {
        let fork = fork();
        assert_eq!(refused(&fork, 4, &ran(2), Some(5)).unwrap(), format!("{} runs", id(5)));
        assert!(refused(&fork, 4, &Record::Unknown, None).unwrap().contains("cannot be asked"));
        // The way back from what has run is broken: any older one may be on it.
        let mut broken = fork.clone();
        broken.remove(&id(5));
        let why = refused(&broken, 3, &ran(5), None).unwrap();
        assert!(why.ends_with("follows it cannot be told"), "{why}");
    }

    #[test]
    fn a_folder_is_moved_as_it_is() {
        let ledger = tempfile::tempdir().unwrap();
        let release = ledger.path().join(id(1).to_string());
        fs::create_dir(&release).unwrap();
        fs::write(release.join("release.toml"), "text").unwrap();
        fs::set_permissions(&release, Permissions::from_mode(0o555)).unwrap();
        let aside = ledger.path().join(FOLDER);
        put(&release, &aside).unwrap();
        let moved = aside.join(id(1).to_string());
        assert_eq!(fs::read_to_string(moved.join("release.toml")).unwrap(), "text");
        assert_eq!(fs::metadata(&moved).unwrap().permissions().mode() & 0o777, 0o555);
        assert!(!release.exists());

        fs::create_dir(&release).unwrap();
        assert!(put(&release, &aside).is_err(), "nothing there is overwritten");
        assert!(release.exists());
        fs::set_permissions(&moved, Permissions::from_mode(0o755)).unwrap();
    }
}
