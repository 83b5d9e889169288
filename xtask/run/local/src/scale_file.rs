//! How many processes of each type a deploy is to have, over releases and runs. What is not noted here is as the release
//! says.

use std::{fs, io, path::Path};

use xtask_contract::{Context, Result, durable};

use xtask_run::Formation;

const FILE: &str = "scale.toml";

/// What was asked for so far.
pub(crate) fn read(state: &Path) -> Result<Formation> {
    let path = state.join(FILE);
    let doing = || format!("reading {}", path.display());
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Formation::new()),
        text => toml::from_str(&text.doing(doing)?).doing(doing),
    }
}

/// Notes what is asked for, beside what was asked for before.
pub(crate) fn note(state: &Path, counts: &Formation) -> Result<()> {
    let mut all = read(state)?;
    all.extend(counts.clone());
    let path = state.join(FILE);
    let doing = || format!("writing {}", path.display());
    durable::replace(&path, toml::to_string(&all).doing(doing)?.as_bytes(), 0o644).doing(doing)
}

/// Forgets it.
pub(crate) fn forget(state: &Path) -> Result<()> {
    remove(&state.join(FILE))
}

/// Deletes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
    .doing(|| format!("deleting {}", path.display()))
}
