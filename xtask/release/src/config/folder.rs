//! The folder of the deploys' files. A command that changes one holds its lock.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use xtask_contract::{Context, Repo, Result, durable};

/// Waits for the lock, and clears away what a killed writer left. It ends with the returned file.
pub(crate) fn lock(repo: &Repo) -> Result<File> {
    let envs = repo.k8s().join("envs");
    let lock =
        durable::lock(&repo.lock("envs")).doing(|| format!("taking the lock of {}", envs.display()))?;
    clear(&envs).doing(|| format!("clearing {}", envs.display()))?;
    Ok(lock)
}

fn clear(envs: &Path) -> io::Result<()> {
    for entry in fs::read_dir(envs)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_left_over) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether this is the temporary name under which a file is written: `.dev.toml.4711`.
fn is_left_over(name: &str) -> bool {
    let parts = name.strip_prefix('.').and_then(|name| name.rsplit_once(".toml."));
    parts.is_some_and(|(_, process)| process.bytes().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_writer_left_is_told_from_the_files() {
        assert!([".dev.toml.4711", ".dev.secrets.toml.1"].into_iter().all(is_left_over));
        assert!(
            ![".dev.toml.swp", "dev.toml", "dev.toml.1", ".dev.toml", ".4711"].into_iter().any(is_left_over)
        );
    }
}
