//! Adds to the ledger. A release appears whole or not at all: it is written under a temporary name, brought
//! to disk, and renamed, which cannot overwrite; all of it under the deploy's lock. A kill at any point leaves
//! the old ledger or the new one, and what it left lying is cleared away by the next release.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use xtask_contract::{
    Context, EnvName, Error, Ledger, Policy, Record, Release, ReleaseId, Repo, Result, Vouched,
    checksums::checksums, durable, ledger::Verified, release::Link, signature::SigningKey,
};

use crate::Clock;

/// The temporary name. The lock makes sure that there is one writer only.
const INCOMING: &str = ".incoming";

/// Adds the release that `make` makes for an ID, a place in the chain and the link to the release before, for whom has
/// the lock. Nothing is added to a ledger that `run` would refuse.
pub(crate) fn append(
    _: &File,
    (repo, env, policy): (&Repo, &EnvName, &Policy),
    record: &Record,
    clock: &dyn Clock,
    key: Option<&SigningKey>,
    make: impl FnOnce(ReleaseId, u64, Option<Link>) -> Result<(Release, Option<String>)>,
) -> Result<Verified> {
    let ledger = Ledger::of(repo, env);
    let folder = ledger.folder();
    let newest = Vouched::of(repo, env, policy.clone(), record)?.newest()?;
    let has_run = newest.as_ref().is_some_and(|newest| record.names(newest.link()));
    let id = next_id(clock, newest.as_ref().map(|newest| newest.release.id), has_run)?;
    let sequence = newest.as_ref().map_or(0, |newest| newest.release.sequence) + 1;
    let (release, objects) = make(id, sequence, newest.as_ref().map(Verified::link))?;

    let text = toml_text(&release)?;
    let mut files = BTreeMap::from([(Release::FILE.to_owned(), text.into_bytes())]);
    files.extend(objects.iter().map(|text| (Release::OBJECTS.to_owned(), text.clone().into_bytes())));
    let sums = checksums(&files);
    if let Some(key) = key {
        files.insert(Release::SIGNATURE.to_owned(), key.sign(sums.as_bytes()));
    }
    files.insert(Release::CHECKSUMS.to_owned(), sums.into_bytes());

    publish(folder, &ledger.folder_of(id), &files)
        .doing(|| format!("writing the release {id} to {}", folder.display()))?;
    ledger.load(id)
}

/// Waits for the right to change a deploy's ledger, which ends with the returned file, and makes its folder.
pub(crate) fn lock(repo: &Repo, env: &EnvName) -> Result<File> {
    let doing = || format!("taking the lock of the releases of {env}");
    fs::create_dir_all(repo.releases(env)).doing(doing)?;
    durable::lock(&repo.lock(&format!("releases-{env}"))).doing(doing)
}

fn toml_text(release: &Release) -> Result<String> {
    release.to_toml().doing(|| format!("writing the release {}", release.id))
}

fn publish(ledger: &Path, release: &Path, files: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let incoming = ledger.join(INCOMING);
    clear(&incoming)?;
    DirBuilder::new().mode(0o755).create(&incoming)?;
    for (name, content) in files {
        durable::create(&incoming.join(name), content, 0o444)?;
    }
    fs::set_permissions(&incoming, Permissions::from_mode(0o555))?;
    durable::sync_folder(&incoming)?;
    renameat_with(CWD, &incoming, CWD, release, RenameFlags::NOREPLACE)?;
    durable::sync_folder(ledger)
}

/// Removes what a killed release left.
fn clear(incoming: &Path) -> io::Result<()> {
    match fs::set_permissions(incoming, Permissions::from_mode(0o755)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => fs::remove_dir_all(incoming),
    }
}

/// The first ID that is later than the newest release's: now, or the next second. A deploy that has run a release of the
/// future goes on from there: its ID stays in the ledger, and the clock comes after it some day.
fn next_id(clock: &dyn Clock, newest: Option<ReleaseId>, has_run: bool) -> Result<ReleaseId> {
    loop {
        let now = clock.now();
        match (wait(newest, now), newest) {
            (Wait::No, _) => return Ok(ReleaseId::at(now)),
            (Wait::TooLong, Some(newest)) if has_run => {
                return Ok(ReleaseId::at(newest.time() + TimeDelta::seconds(1)));
            }
            (Wait::For(duration), _) => clock.wait(duration),
            (Wait::TooLong, newest) => {
                let newest = newest.map_or_else(String::new, |id| id.to_string());
                let why = format!(
                    "the newest release, {newest}, is in the future: this machine's clock says {now}"
                );
                return Err(Error::refused("choosing the release's ID", why)
                    .next("set the clock right; IDs only go forward, so releases wait until it has passed that time"));
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Wait {
    No,
    For(Duration),
    TooLong,
}

fn wait(newest: Option<ReleaseId>, now: DateTime<Utc>) -> Wait {
    let Some(newest) = newest.filter(|newest| ReleaseId::at(now) <= *newest) else { return Wait::No };
    let left = newest.time() + TimeDelta::seconds(1) - now;
    match left.to_std() {
        Ok(left) if left <= Duration::from_secs(5) => Wait::For(left),
        _ => Wait::TooLong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_second_release_in_one_second_waits_for_the_next() {
        let newest = Some("2011-04-06-20:32:17".parse().unwrap());
        assert_eq!(wait(None, at("2011-04-06T20:32:17Z")), Wait::No);
        assert_eq!(wait(newest, at("2011-04-06T20:32:18Z")), Wait::No);
        assert_eq!(wait(newest, at("2011-04-06T20:32:17.250Z")), Wait::For(Duration::from_millis(750)));
        assert_eq!(wait(newest, at("2011-04-06T20:32:16Z")), Wait::For(Duration::from_secs(2)));
    }

    #[test]
    fn a_clock_that_went_back_is_not_waited_for() {
        let newest = Some("2011-04-06-20:32:17".parse().unwrap());
        assert_eq!(wait(newest, at("2011-04-06T20:30:00Z")), Wait::TooLong);
    }

    #[test]
    fn what_a_killed_release_left_is_cleared_away() {
        let ledger = tempfile::tempdir().unwrap();
        let left = ledger.path().join(INCOMING);
        fs::create_dir(&left).unwrap();
        fs::write(left.join("release.toml"), "half").unwrap();
        fs::set_permissions(&left, Permissions::from_mode(0o555)).unwrap();
        let files = BTreeMap::from([("release.toml".to_owned(), b"whole".to_vec())]);
        publish(ledger.path(), &ledger.path().join("2011-04-06-20:32:17"), &files).unwrap();
        let names: Vec<_> =
            ledger.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["2011-04-06-20:32:17"]);
        let mode = |path: &str| ledger.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("2011-04-06-20:32:17"), 0o555);
        assert_eq!(mode("2011-04-06-20:32:17/release.toml"), 0o444);
    }

    #[test]
    fn a_release_is_never_overwritten() {
        let ledger = tempfile::tempdir().unwrap();
        let release = ledger.path().join("2011-04-06-20:32:17");
        let files = |text: &str| BTreeMap::from([("release.toml".to_owned(), text.as_bytes().to_vec())]);
        publish(ledger.path(), &release, &files("first")).unwrap();
        assert!(publish(ledger.path(), &release, &files("second")).is_err());
        assert_eq!(fs::read(release.join("release.toml")).unwrap(), b"first");
    }
}
