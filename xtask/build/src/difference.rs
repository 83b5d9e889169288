//! What is different between an image as it was recorded and as it was rebuilt, down to the file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    fs,
    io::{self, Read},
};

use tar::Archive;
use xtask_contract::{
    Context, Digest, Layout, Result,
    image::{Config, Descriptor},
};

/// An image in a layout.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) image: &'a Digest,
}

/// All that is different, each in a line: fields of the configuration first, then files by layer.
pub(crate) fn differences(recorded: Found<'_>, rebuilt: Found<'_>) -> Result<Vec<String>> {
    let one = recorded.layout.check_image(recorded.image)?;
    let other = rebuilt.layout.check_image(rebuilt.image)?;
    let mut all = Vec::new();
    if one.config != other.config {
        all.extend(fields(&recorded.layout.config(&one)?, &rebuilt.layout.config(&other)?));
    }
    for number in 0..one.layers.len().max(other.layers.len()) {
        let name = format!("layer {}", number + 1);
        match (one.layers.get(number), other.layers.get(number)) {
            (Some(one), Some(other)) if one.digest == other.digest => {}
            (Some(one), Some(other)) => {
                let (one, other) = (entries(recorded.layout, one)?, entries(rebuilt.layout, other)?);
                all.extend(files(&one, &other).iter().map(|line| format!("{name}: {line}")));
            }
            (one, _) => all.push(only(&name, one.is_some())),
        }
    }
    if all.is_empty() && recorded.image != rebuilt.image {
        all.push("no field or file, but the bytes by which they are written".into());
    }
    Ok(all)
}

/// The fields in which two configurations differ. The layers' digests among them are left to the layers.
fn fields(recorded: &Config, rebuilt: &Config) -> Vec<String> {
    let (one, other) = (&recorded.config, &rebuilt.config);
    let platform = |config: &Config| format!("{}/{}", config.platform.os, config.platform.architecture);
    let pairs = [
        ("platform", platform(recorded), platform(rebuilt)),
        ("user", one.user.clone(), other.user.clone()),
        ("entry point", one.entrypoint.join(" "), other.entrypoint.join(" ")),
        ("working folder", one.working_dir.clone(), other.working_dir.clone()),
    ];
    let mut lines: Vec<String> = pairs
        .iter()
        .filter(|(_, one, other)| one != other)
        .map(|(name, one, other)| differs(&format!("configuration: {name}"), one, other))
        .collect();
    for name in keys(&one.labels, &other.labels) {
        let what = format!("configuration: label {name}");
        match (one.labels.get(name), other.labels.get(name)) {
            (Some(one), Some(other)) if one == other => {}
            (Some(one), Some(other)) => lines.push(differs(&what, one, other)),
            (one, _) => lines.push(only(&what, one.is_some())),
        }
    }
    lines
}

/// A file or folder of a layer.
#[derive(PartialEq, Eq)]
struct Entry {
    kind: u8,
    mode: u32,
    owner: (u64, u64),
    modified: u64,
    content: Vec<u8>,
}

/// What a layer holds, by path.
fn entries(layout: &Layout, layer: &Descriptor) -> Result<BTreeMap<String, Entry>> {
    let read = || -> io::Result<_> {
        let content = fs::read(layout.blob_path(&layer.digest))?;
        let mut entries = BTreeMap::new();
        for entry in Archive::new(content.as_slice()).entries()? {
            let mut entry = entry?;
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            let header = entry.header();
            let found = Entry {
                kind: header.entry_type().as_byte(),
                mode: header.mode()?,
                owner: (header.uid()?, header.gid()?),
                modified: header.mtime()?,
                content,
            };
            entries.insert(entry.path()?.display().to_string(), found);
        }
        Ok(entries)
    };
    read().doing(|| format!("reading the image's layer {}", layer.digest))
}

/// The files in which two layers differ.
fn files(recorded: &BTreeMap<String, Entry>, rebuilt: &BTreeMap<String, Entry>) -> Vec<String> {
    let mut lines = Vec::new();
    for path in keys(recorded, rebuilt) {
        match (recorded.get(path), rebuilt.get(path)) {
            (Some(one), Some(other)) => lines.extend(file(path, one, other)),
            (one, _) => lines.push(only(path, one.is_some())),
        }
    }
    if lines.is_empty() {
        lines.push("the same files in another order".into());
    }
    lines
}

/// How a file of two layers differs, if it does.
fn file(path: &str, recorded: &Entry, rebuilt: &Entry) -> Option<String> {
    if recorded == rebuilt {
        return None;
    }
    let (one, other) = (&recorded.content, &rebuilt.content);
    if one != other {
        let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
        let lengths = format!("{} bytes recorded, {} rebuilt", one.len(), other.len());
        return Some(format!("{path}: other content from byte {same} on ({lengths})"));
    }
    if recorded.mode != rebuilt.mode {
        let [one, other] = [recorded, rebuilt].map(|entry| format!("{:o}", entry.mode));
        return Some(differs(&format!("{path}: mode"), one, other));
    }
    Some(format!("{path}: another owner, time or kind"))
}

fn keys<'a, T>(one: &'a BTreeMap<String, T>, other: &'a BTreeMap<String, T>) -> BTreeSet<&'a String> {
    one.keys().chain(other.keys()).collect()
}

fn differs(what: &str, recorded: impl Display, rebuilt: impl Display) -> String {
    format!("{what}: {recorded} recorded, {rebuilt} rebuilt")
}

fn only(what: &str, is_recorded: bool) -> String {
    format!("{what}: only in the {} image", if is_recorded { "recorded" } else { "rebuilt" })
}

#[cfg(test)]
mod tests {
    use xtask_contract::{
        archive,
        image::{Execution, Manifest, Platform, RootFs},
    };

    use super::*;

    struct Picture<'a> {
        user: &'a str,
        labels: &'a [(&'a str, &'a str)],
        layers: &'a [&'a [(&'a str, u32, &'a str)]],
    }

    const PLAIN: Picture<'_> = Picture {
        user: "65532:65532",
        labels: &[("revision", "a")],
        layers: &[&[("etc/group", 0o644, "g"), ("etc/passwd", 0o644, "p")], &[("greeter", 0o755, "program")]],
    };

    impl Picture<'_> {
        fn put(&self, layout: &Layout) -> Digest {
            let layers: Vec<Descriptor> = self
                .layers
                .iter()
                .map(|files| {
                    let mut archive = archive::Archive::with_capacity(4096);
                    for (name, mode, content) in *files {
                        archive.file(name, *mode, content.as_bytes()).unwrap();
                    }
                    blob(layout, Manifest::LAYER, &archive.finish().unwrap())
                })
                .collect();
            let labels = self.labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            let config = Config {
                platform: Platform { architecture: "amd64".into(), os: "linux".into() },
                config: Execution {
                    user: self.user.into(),
                    entrypoint: vec!["/greeter".into()],
                    working_dir: "/".into(),
                    labels,
                },
                rootfs: RootFs {
                    kind: "layers".into(),
                    diff_ids: layers.iter().map(|layer| layer.digest).collect(),
                },
            };
            let config = blob(layout, Config::MEDIA_TYPE, &serde_json::to_vec(&config).unwrap());
            let manifest =
                Manifest { schema_version: 2, media_type: Manifest::MEDIA_TYPE.into(), config, layers };
            layout.put(&serde_json::to_vec(&manifest).unwrap()).unwrap()
        }
    }

    fn blob(layout: &Layout, media_type: &str, content: &[u8]) -> Descriptor {
        Descriptor::new(media_type, layout.put(content).unwrap(), content.len() as u64)
    }

    fn between(recorded: &Picture<'_>, rebuilt: &Picture<'_>) -> Vec<String> {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [one, other] = folders.each_ref().map(|folder| Layout::at(folder.path()));
        let (recorded, rebuilt) = (recorded.put(&one), rebuilt.put(&other));
        let found = Found { layout: &one, image: &recorded };
        differences(found, Found { layout: &other, image: &rebuilt }).unwrap()
    }

    #[test]
    fn the_same_image_in_two_layouts_does_not_differ() {
        assert_eq!(between(&PLAIN, &PLAIN), Vec::<String>::new());
    }

    #[test]
    fn a_file_is_named_by_layer_and_path_with_what_differs_in_it() {
        let layers: &[&[(&str, u32, &str)]] =
            &[&[("etc/extra", 0o644, ""), ("etc/passwd", 0o600, "p")], &[("greeter", 0o755, "program!!")]];
        let expected = [
            "layer 1: etc/extra: only in the rebuilt image",
            "layer 1: etc/group: only in the recorded image",
            "layer 1: etc/passwd: mode: 644 recorded, 600 rebuilt",
            "layer 2: greeter: other content from byte 7 on (7 bytes recorded, 9 rebuilt)",
        ];
        assert_eq!(between(&PLAIN, &Picture { layers, ..PLAIN }), expected);
        let first: &[&[(&str, u32, &str)]] = &[PLAIN.layers[0]];
        assert_eq!(
            between(&PLAIN, &Picture { layers: first, ..PLAIN }),
            ["layer 2: only in the recorded image"]
        );
        let turned: &[&[(&str, u32, &str)]] = &[&[PLAIN.layers[0][1], PLAIN.layers[0][0]], PLAIN.layers[1]];
        assert_eq!(
            between(&PLAIN, &Picture { layers: turned, ..PLAIN }),
            ["layer 1: the same files in another order"]
        );
    }

    #[test]
    fn a_field_of_the_configuration_is_named_with_both_values() {
        let other = Picture { user: "0:0", labels: &[("dirty", "true"), ("revision", "b")], ..PLAIN };
        let expected = [
            "configuration: user: 65532:65532 recorded, 0:0 rebuilt",
            "configuration: label dirty: only in the rebuilt image",
            "configuration: label revision: a recorded, b rebuilt",
        ];
        assert_eq!(between(&PLAIN, &other), expected);
    }

    #[test]
    fn an_image_that_is_not_here_or_damaged_cannot_be_compared() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path());
        let (here, gone) = (PLAIN.put(&layout), Digest::of("gone"));
        let found = |image| Found { layout: &layout, image };
        assert!(differences(found(&gone), found(&here)).is_err());
        fs::write(layout.blob_path(&here), "{}").unwrap();
        assert!(differences(found(&here), found(&here)).is_err());
    }
}
