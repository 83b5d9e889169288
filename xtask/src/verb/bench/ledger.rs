//! The ledger: how soon a long one is listed and verified.

use std::{collections::BTreeMap, fs, io};

use chrono::TimeDelta;
use xtask_contract::{
    Context, Digest, Ledger, Progress, Release, ReleaseId, Repo, Result, checksums::checksums,
    ledger::Verified, release::Link,
};

use super::{Bench, Figure};

/// A release an hour for more than a year.
const RELEASES: u64 = 10_000;

pub(super) fn figures(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.ui.step("making a long ledger");
    bench.xtask(&["release", "--env", "dev"])?;
    let repo = Repo::around(bench.place.folder.path())?;
    let ledger = Ledger::of(&repo, &"dev".parse().doing(|| "naming a deploy")?);
    let first = ledger.load(ledger.newest()?)?;
    lengthen(&ledger, &first).doing(|| "making a long ledger")?;

    bench.ui.step("measuring the ledger");
    let list = bench.time(|_| bench.xtask(&["releases", "--env", "dev"]).map(drop))?;
    let verify = bench.time(|_| bench.xtask(&["releases", "verify", "--env", "dev"]).map(drop))?;
    Ok(vec![
        Figure::millis("releases, the newest 20 of 10,000", 100.0, list),
        Figure::millis("releases verify, 10,000", 1000.0, verify),
    ])
}

/// Adds releases like the first one, a second apart. `release` itself would take as many seconds.
fn lengthen(ledger: &Ledger, first: &Verified) -> io::Result<()> {
    let mut previous = first.link();
    for number in 1..RELEASES {
        let seconds = TimeDelta::seconds(i64::try_from(number).unwrap_or_default());
        let release = Release {
            id: ReleaseId::at(first.release.id.time() + seconds),
            sequence: first.release.sequence + number,
            previous: Some(previous),
            ..first.release.clone()
        };
        let mut files = BTreeMap::new();
        let text = release.to_toml().map_err(io::Error::other)?;
        files.insert(Release::FILE.to_owned(), text.into_bytes());
        files.extend(
            first.objects.iter().map(|text| (Release::OBJECTS.to_owned(), text.clone().into_bytes())),
        );
        let sums = checksums(&files);
        previous = Link { id: release.id, digest: Digest::of(&sums) };
        files.insert(Release::CHECKSUMS.to_owned(), sums.into_bytes());
        let folder = ledger.folder_of(release.id);
        fs::create_dir(&folder)?;
        for (name, content) in files {
            fs::write(folder.join(name), content)?;
        }
    }
    Ok(())
}
