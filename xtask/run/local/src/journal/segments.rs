//! The files of a journal: `NUMBER.log`, the one with the highest number being written to, the others compressed
//! (`NUMBER.log.gz`). Each holds whole lines alone.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use flate2::{Compression, write::GzEncoder};
use xtask_contract::{Context, EnvName, Repo, Result};

use super::folder;

/// From this size on a file is followed by the next one.
pub(super) const FULL: u64 = 8 << 20;
/// How large all files may be together; the oldest ones go first ...
const ALL: u64 = 64 << 20;
/// ... and those that nothing was written to for so long go anyway.
const AGE: Duration = Duration::from_hours(14 * 24);

/// A file of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) changed: SystemTime,
    pub(super) compressed: bool,
}

/// Where the file of a number is while it is not compressed.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.log"))
}

/// The files of a journal, oldest first. Of one that is there in both forms, only one of them is given.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Segment>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some((number, compressed)) = name.to_str().and_then(parse) else { continue };
        // It may have been compressed or deleted just now.
        let Ok(metadata) = entry.metadata() else { continue };
        let changed = metadata.modified()?;
        all.push(Segment { number, path: entry.path(), size: metadata.len(), changed, compressed });
    }
    all.sort_by_key(|segment| (segment.number, segment.compressed));
    all.dedup_by_key(|segment| segment.number);
    Ok(all)
}

fn parse(name: &str) -> Option<(u64, bool)> {
    let (stem, compressed) = match name.strip_suffix(".log.gz") {
        Some(stem) => (stem, true),
        None => (name.strip_suffix(".log")?, false),
    };
    Some((stem.parse().ok()?, compressed))
}

/// Which files are to go. The newest one stays.
pub(super) fn expired(all: &[Segment], now: SystemTime) -> Vec<&Segment> {
    let mut size = 0;
    let is_expired = |(place, segment): (usize, &'_ Segment)| {
        size += segment.size;
        let old = now.duration_since(segment.changed).is_ok_and(|age| age > AGE);
        place > 0 && (size > ALL || old)
    };
    let expired: Vec<bool> = all.iter().rev().enumerate().map(is_expired).collect();
    all.iter().rev().zip(expired).filter(|(_, expired)| *expired).map(|(segment, _)| segment).collect()
}

/// Compresses what is not written to any more, and deletes what is too old or too much.
pub(super) fn tidy(folder: &Path) -> io::Result<()> {
    let all = list(folder)?;
    for segment in all.iter().rev().skip(1).filter(|segment| !segment.compressed) {
        compress(segment)?;
    }
    for gone in expired(&list(folder)?, SystemTime::now()) {
        fs::remove_file(&gone.path)?;
    }
    Ok(())
}

fn compress(segment: &Segment) -> io::Result<()> {
    let done = segment.path.with_extension("log.gz");
    let part = segment.path.with_extension("part");
    let mut encoder = GzEncoder::new(File::create(&part)?, Compression::fast());
    io::copy(&mut File::open(&segment.path)?, &mut encoder)?;
    let file = encoder.finish()?;
    file.set_modified(segment.changed)?;
    // The lines must be on the disk before the other form of them goes.
    file.sync_all()?;
    fs::rename(&part, &done)?;
    fs::remove_file(&segment.path)
}

/// Deletes all that was kept for a deploy.
pub(in super::super) fn forget(repo: &Repo, env: &EnvName) -> Result<()> {
    let folder = folder(repo, env);
    let delete = || list(&folder)?.into_iter().try_for_each(|segment| fs::remove_file(segment.path));
    delete().doing(|| format!("deleting the logs in {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn segment(number: u64, size: u64, days: u64) -> Segment {
        let changed = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * days);
        Segment { number, path: PathBuf::new(), size, changed, compressed: true }
    }

    fn gone(all: &[Segment], day: u64) -> Vec<u64> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * day + 1);
        expired(all, now).iter().map(|segment| segment.number).collect()
    }

    #[test]
    fn the_oldest_go_when_all_are_too_large_but_never_the_newest() {
        let all = [segment(1, 1, 9), segment(2, ALL / 2, 9), segment(3, ALL / 2, 9)];
        assert_eq!(gone(&all, 9), [1]);
        assert_eq!(gone(&all[..2], 9), [0; 0]);
        assert_eq!(gone(&[segment(1, 1, 9), segment(2, ALL * 2, 9)], 9), [1]);
    }

    #[test]
    fn what_is_too_old_goes_but_never_the_newest() {
        let all = [segment(1, 1, 1), segment(2, 1, 9), segment(3, 1, 9)];
        assert_eq!(gone(&all, 14), [0; 0]);
        assert_eq!(gone(&all, 15), [1]);
        assert_eq!(gone(&all, 99), [2, 1]);
    }

    #[test]
    fn tidied_up_all_but_the_newest_are_compressed_and_hold_what_they_held() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for (number, text) in [(1, "one\n"), (2, "two\n"), (3, "three\n")] {
            fs::write(path(folder, number), text).unwrap();
        }
        // What a compression leaves that was killed.
        fs::write(folder.join("00000001.part"), "gz").unwrap();
        fs::write(folder.join("00000002.log.gz"), "gz").unwrap();
        tidy(folder).unwrap();
        let forms: Vec<_> = list(folder).unwrap().iter().map(|one| (one.number, one.compressed)).collect();
        assert_eq!(forms, [(1, true), (2, true), (3, false)]);
        let mut text = String::new();
        let file = File::open(folder.join("00000002.log.gz")).unwrap();
        GzDecoder::new(file).read_to_string(&mut text).unwrap();
        assert_eq!(text, "two\n");
        assert!(!path(folder, 2).exists());
    }
}
