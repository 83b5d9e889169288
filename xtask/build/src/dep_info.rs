//! Cargo's dep-info: the files that it has read of packages by path, in the form of a makefile's rule.

use std::{
    fs,
    path::{Path, PathBuf},
};

use xtask_contract::{Context, Result};

/// The files that were read for a program. Cargo leaves the list beside it.
pub(crate) fn read_for(program: &Path, root: &Path) -> Result<Vec<PathBuf>> {
    let list = program.with_extension("d");
    let text =
        fs::read_to_string(&list).doing(|| format!("reading which files cargo read: {}", list.display()))?;
    // Where the repository's configuration has cargo write relative paths, they are taken for the repository's.
    Ok(prerequisites(&text).map(|path| root.join(path)).collect())
}

/// The files of packages by path that a program was compiled from, those of the dependencies among them, by the list that
/// cargo leaves beside it.
pub fn sources_of(program: &Path) -> Result<Vec<PathBuf>> {
    read_for(program, Path::new(""))
}

/// What stands behind the colon of `TARGET: PATH PATH …`, where a space in a path has a backslash before it.
fn prerequisites(rule: &str) -> impl Iterator<Item = String> {
    const SPACE: &str = "\u{0}";
    let words = rule.replace("\\ ", SPACE);
    let words: Vec<String> = words.split_whitespace().map(|word| word.replace(SPACE, " ")).collect();
    words.into_iter().skip_while(|word| !word.ends_with(':')).skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_those_behind_the_colon() {
        let rule = "/a\\ b/target/release/greeter: /a\\ b/build.rs /a\\ b/src/main.rs /a\\ b/src/it's.sql\n";
        let read: Vec<String> = prerequisites(rule).collect();
        assert_eq!(read, ["/a b/build.rs", "/a b/src/main.rs", "/a b/src/it's.sql"]);
        assert_eq!(prerequisites("/t/greeter:\n").count(), 0);
    }
}
