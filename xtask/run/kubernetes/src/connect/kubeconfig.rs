//! Where the clusters are and who asks them: the files that kubectl reads.

use std::{
    env,
    path::{Path, PathBuf},
};

use kube::config::Kubeconfig;
use xtask_contract::{Error, Result, error::chain};

/// What all files of `KUBECONFIG`, or the usual one, say together: of each thing what the first one says of it.
pub(crate) fn read(doing: &str) -> Result<Kubeconfig> {
    let named = env::var_os("KUBECONFIG").unwrap_or_default();
    let named: Vec<PathBuf> = env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()).collect();
    let usual = || env::home_dir().map(|home| home.join(".kube/config"));
    of(if named.is_empty() { usual().into_iter().collect() } else { named }, doing)
}

/// One that is missing is passed over, as long as another one is there.
fn of(paths: Vec<PathBuf>, doing: &str) -> Result<Kubeconfig> {
    let is_there = |path: &PathBuf| path.try_exists().unwrap_or(true);
    let (there, missing): (Vec<PathBuf>, Vec<PathBuf>) = paths.into_iter().partition(is_there);
    if there.is_empty() {
        let missing: Vec<String> = missing.iter().map(|path| path.display().to_string()).collect();
        return Err(Error::refused(
            doing,
            format!("there is no kubeconfig: {} is missing", missing.join(", ")),
        )
        .next("name one in KUBECONFIG, or put one at ~/.kube/config"));
    }
    there.iter().try_fold(Kubeconfig::default(), |before, path| {
        one(before, path).map_err(|why| {
            Error::refused(doing, format!("{}: {why}", path.display()))
                .next(format!("mend it: `kubectl --kubeconfig {} config view` says the same", path.display()))
        })
    })
}

fn one(before: Kubeconfig, path: &Path) -> std::result::Result<Kubeconfig, String> {
    let read = Kubeconfig::read_from(path).and_then(|next| before.merge(next));
    read.map_err(|error| chain(&error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_missing_is_passed_over_and_the_first_one_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "current-context: a\ncontexts: [{ name: a, context: { cluster: a } }]").unwrap();
        fs::write(path("b"), "current-context: b\ncontexts: [{ name: b, context: { cluster: b } }]").unwrap();
        fs::write(path("empty"), "").unwrap();
        let read = of(["gone", "empty", "a", "gone too", "b"].map(path).to_vec(), "connecting").unwrap();
        assert_eq!(read.current_context.as_deref(), Some("a"));
        let contexts: Vec<&str> = read.contexts.iter().map(|context| context.name.as_str()).collect();
        assert_eq!(contexts, ["a", "b"]);

        let told = of(vec![path("gone")], "connecting").unwrap_err().to_string();
        assert!(told.contains("gone is missing") && told.contains("KUBECONFIG"), "{told}");
        fs::write(path("wrong"), "contexts: 1").unwrap();
        let told = of(["a", "wrong"].map(path).to_vec(), "connecting").unwrap_err().to_string();
        assert!(told.contains(&format!("{}: ", path("wrong").display())), "{told}");
    }
}
