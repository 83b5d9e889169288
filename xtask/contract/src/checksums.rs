//! A release's list of checksums, `SHA256SUMS`, in the form of the `sha256sum` command.

use std::collections::BTreeMap;

use crate::{Digest, Release};

/// The list of checksums of these files, as `sha256sum` would write it.
pub fn checksums(files: &BTreeMap<String, Vec<u8>>) -> String {
    files
        .iter()
        .fold(String::new(), |list, (name, content)| list + &Digest::of(content).hex() + "  " + name + "\n")
}

/// What is not as the list says, if anything.
pub(crate) fn difference(sums: &[u8], files: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    if checksums(files).as_bytes() == sums {
        return None;
    }
    let text = String::from_utf8_lossy(sums);
    let listed: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once("  ")).map(|(hex, name)| (name, hex)).collect();
    let list_edited = || Some(format!("{} was edited", Release::CHECKSUMS));
    if !listed.contains_key(Release::FILE) {
        return list_edited();
    }
    let edited = files.iter().find_map(|(name, content)| match listed.get(name.as_str()) {
        None => Some(format!("{name} was added to it")),
        Some(hex) if *hex != Digest::of(content).hex() => Some(format!("{name} was edited")),
        Some(_) => None,
    });
    let missing =
        || listed.keys().find(|name| !files.contains_key(**name)).map(|name| format!("{name} is missing"));
    edited.or_else(missing).or_else(list_edited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_to_a_release_is_named() {
        let files = |list: &[(&str, &str)]| -> BTreeMap<String, Vec<u8>> {
            list.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
        };
        let made = files(&[("objects.yaml", "a"), ("release.toml", "b")]);
        let sums = checksums(&made);
        let check = |list: &[(&str, &str)]| difference(sums.as_bytes(), &files(list));
        assert_eq!(check(&[("objects.yaml", "a"), ("release.toml", "b")]), None);
        assert_eq!(
            check(&[("objects.yaml", "a"), ("release.toml", "B")]).unwrap(),
            "release.toml was edited"
        );
        assert_eq!(check(&[("release.toml", "b")]).unwrap(), "objects.yaml is missing");
        let more = [("extra", ""), ("objects.yaml", "a"), ("release.toml", "b")];
        assert_eq!(check(&more).unwrap(), "extra was added to it");
        for list in ["", "nonsense", &format!("{sums}\n")] {
            assert_eq!(difference(list.as_bytes(), &made).unwrap(), "SHA256SUMS was edited");
        }
    }
}
