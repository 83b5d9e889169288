//! The ledger: how soon a long one is listed and verified.

use std::{collections::BTreeMap, fs, io, os::unix::fs::PermissionsExt};

use chrono::TimeDelta;
use xtask_contract::{
    Context, Digest, Ledger, Progress, Release, ReleaseId, Repo, Result, checksums::checksums,
    ledger::Verified, release::Link,
};

use super::super::{
    Bench,
    figure::{Figure, Goal, Unit, What},
    timed,
};

const LIST: What = What::least("releases, the newest 20 of 10,000", Unit::Millis, Goal::Value(100.0));
const VERIFY: What = What::least("releases verify, 10,000", Unit::Millis, Goal::Value(1000.0));

/// A release an hour for more than a year.
const RELEASES: u64 = 10_000;

pub(super) async fn figures(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.ui.step("making a long ledger");
    bench.xtask(&["release", "--env", "dev"]).await?;
    let repo = Repo::around(bench.place.folder())?;
    let ledger = Ledger::of(&repo, &"dev".parse().doing(|| "naming a deploy")?);
    let like = ledger.load(ledger.newest()?)?;
    lengthen(&ledger, &like).doing(|| "making a long ledger")?;

    bench.ui.step("measuring the ledger");
    let (mut list, mut verify) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        list.push(timed(bench.xtask(&["releases", "--env", "dev"])).await?);
        verify.push(timed(bench.xtask(&["releases", "verify", "--env", "dev"])).await?);
    }
    Ok([LIST.of(&list), VERIFY.of(&verify)].into_iter().flatten().collect())
}

/// Exchanges a release for many that are like it, a second apart up to it. `release` itself would take as many seconds.
fn lengthen(ledger: &Ledger, like: &Verified) -> io::Result<()> {
    let folder = ledger.folder_of(like.release.id);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
    fs::remove_dir_all(folder)?;
    let mut previous = None;
    for number in 1..=RELEASES {
        let left = TimeDelta::seconds(i64::try_from(RELEASES - number).unwrap_or_default());
        let release = Release {
            id: ReleaseId::at(like.release.id.time() - left),
            sequence: number,
            previous,
            ..like.release.clone()
        };
        let mut files = BTreeMap::new();
        let text = release.to_toml().map_err(io::Error::other)?;
        files.insert(Release::FILE.to_owned(), text.into_bytes());
        files
            .extend(like.objects.iter().map(|text| (Release::OBJECTS.to_owned(), text.clone().into_bytes())));
        let sums = checksums(&files);
        previous = Some(Link { id: release.id, digest: Digest::of(&sums) });
        files.insert(Release::CHECKSUMS.to_owned(), sums.into_bytes());
        let folder = ledger.folder_of(release.id);
        fs::create_dir(&folder)?;
        for (name, content) in files {
            fs::write(folder.join(name), content)?;
        }
    }
    Ok(())
}
