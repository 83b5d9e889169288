//! Bundles as they are made, and as somebody makes them who wants another image to be run than the one that is verified.

use tar::{Builder, Header};

use super::*;
use crate::{
    layout::VERSION,
    referrers::SBOM,
    test_ledger::{IDS, Three},
};

/// A bundle's files, in order, and the layout that they came from.
struct Made {
    _layout: TempDir,
    layout: Layout,
    image: Digest,
    files: Vec<(String, Vec<u8>)>,
}

/// An image of one layer.
fn image(layout: &Layout, content: &str) -> Digest {
    let put = |kind: &str, text: &[u8]| Descriptor::new(kind, layout.put(text).unwrap(), text.len() as u64);
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{"User":"1:1","Entrypoint":["/{content}"],"WorkingDir":"/","Labels":{{"dev.twelve-factor.service":"{{\"service\":\"greeter\"}}"}}}},"rootfs":{{"type":"layers","diff_ids":[]}}}}"#
    );
    let manifest = Manifest {
        schema_version: 2,
        media_type: Manifest::MEDIA_TYPE.into(),
        config: put(crate::image::Config::MEDIA_TYPE, config.as_bytes()),
        layers: vec![put(Manifest::LAYER, content.as_bytes())],
    };
    layout.put(&serde_json::to_vec(&manifest).unwrap()).unwrap()
}

/// A bundle of three releases, with a document about the image.
fn made() -> Made {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::at(folder.path());
    let image = image(&layout, "one");
    layout.attach(&image, SBOM, b"{}").unwrap();
    let three = Three::of(image);
    let release = three.ledger.load(IDS[2].parse().unwrap()).unwrap();
    let packed = pack(&three.ledger, &layout, &release).unwrap();
    let mut archive = tar::Archive::new(&packed[..]);
    let read = |entry: io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().display().to_string(), content)
    };
    let files = archive.entries().unwrap().map(read).collect();
    Made { _layout: folder, layout, image, files }
}

impl Made {
    fn file(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.files.iter_mut().find(|(known, _)| known == name).unwrap().1
    }

    fn add(&mut self, name: &str, content: &[u8]) {
        self.files.push((name.to_owned(), content.to_vec()));
    }

    /// Adds all blobs of another image.
    fn with_another(&mut self) -> Digest {
        let another = image(&self.layout, "another");
        for blob in self.layout.blobs_of(&another, &[]).unwrap() {
            let content = fs::read(self.layout.blob_path(&blob)).unwrap();
            self.add(&blob_name(&blob), &content);
        }
        another
    }

    fn archive(&self) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, content) in &self.files {
            builder.append(&header(name, EntryType::Regular, content.len()), &content[..]).unwrap();
        }
        builder.into_inner().unwrap()
    }

    /// Why it is refused; nothing, if it is not.
    fn refusal(&self) -> String {
        refusal(&self.archive())
    }
}

fn header(name: &str, kind: EntryType, size: usize) -> Header {
    let mut header = Header::new_ustar();
    // Past the library's own idea of a path that may be in an archive.
    header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(size as u64);
    header.set_cksum();
    header
}

fn verified(archive: &[u8]) -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.tar");
    fs::write(&path, archive).unwrap();
    let bundle = Bundle::open(&path)?;
    bundle.ledger().verify()?;
    let release = bundle.ledger().load(bundle.release()?)?.release;
    bundle.check(&release)
}

fn refusal(archive: &[u8]) -> String {
    verified(archive).err().map(|error| error.why.concat()).unwrap_or_default()
}

#[test]
fn a_bundle_has_one_image_in_each_of_its_lists() {
    let mut made = made();
    let names: Vec<&str> = made.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..4], [MARK, "index.json", "manifest.json", REFERRERS]);
    assert_eq!(made.refusal(), "");
    let image = made.image;
    assert_eq!(*made.file(MARK), VERSION.as_bytes());
    // Its form is for others, who do not change with this code.
    let manifest = made.layout.manifest(&image).unwrap();
    let size = fs::read(made.layout.blob_path(&image)).unwrap().len();
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{image}","size":{size},"platform":{{"architecture":"amd64","os":"linux"}}}}]}}"#
    );
    assert_eq!(String::from_utf8_lossy(made.file("index.json")), index);
    let docker = format!(
        r#"[{{"Config":"blobs/sha256/{}","RepoTags":["xtask.local/greeter:local-2011-04-07-00-00-00"],"Layers":["blobs/sha256/{}"]}}]"#,
        manifest.config.digest.hex(),
        manifest.layers[0].digest.hex()
    );
    assert_eq!(String::from_utf8_lossy(made.file("manifest.json")), docker);
}

#[test]
fn another_image_in_a_list_is_refused() {
    for list in ["index.json", "manifest.json", "both"] {
        let mut made = made();
        let another = made.with_another();
        let lists = made.layout.lists(&another, "xtask.local/greeter:local-2011-04-07-00-00-00").unwrap();
        for (name, content) in lists.into_iter().filter(|(name, _)| *name == list || list == "both") {
            *made.file(name) = content;
        }
        let which = if list == "both" { "index.json" } else { list };
        assert_eq!(made.refusal(), format!("{which} is not that of the image {}", made.image));
    }
    // A second one beside it, of which some readers take the last.
    let mut made = made();
    let another = made.with_another();
    let text = String::from_utf8(made.file("index.json").clone()).unwrap();
    let doubled = text.replace("]}", &format!(r#"],"manifests":[{{"digest":"{another}"}}]}}"#));
    *made.file("index.json") = doubled.into_bytes();
    assert!(made.refusal().starts_with("index.json is not that"));
}

#[test]
fn a_list_that_is_missing_or_a_blob_that_nothing_needs_is_refused() {
    for list in [MARK, "index.json", "manifest.json", REFERRERS] {
        let mut made = made();
        made.files.retain(|(name, _)| name != list);
        let why = made.refusal();
        assert!(why == format!("it has no {list}") || why.starts_with("it begins with"), "{why}");
    }
    let mut more = made();
    more.with_another();
    assert!(more.refusal().ends_with("is no part of the release"), "{}", more.refusal());
    let mut less = made();
    let layer = less.layout.manifest(&less.image).unwrap().layers[0].digest;
    less.files.retain(|(name, _)| *name != blob_name(&layer));
    assert_eq!(less.refusal(), "it is not on this machine");
    let mut altered = made();
    altered.file(&blob_name(&layer)).reverse();
    assert_eq!(altered.refusal(), "its content is not what its digest says");
}

#[test]
fn a_bundle_of_which_any_file_was_altered_is_refused() {
    let names: Vec<String> = made().files.into_iter().map(|(name, _)| name).collect();
    for name in names {
        let mut altered = made();
        let content = altered.file(&name);
        let middle = content.len() / 2;
        content[middle] ^= 1;
        assert_ne!(altered.refusal(), "", "{name}");
    }
}

#[test]
fn a_document_about_another_image_is_refused() {
    let mut made = made();
    let another = made.with_another();
    made.layout.attach(&another, SBOM, b"[]").unwrap();
    let about = made.layout.artifacts_about(&another).unwrap();
    *made.file(REFERRERS) = serde_json::to_vec(&Index::of(about.clone())).unwrap();
    for blob in made.layout.blobs_of(&another, &about).unwrap() {
        let content = fs::read(made.layout.blob_path(&blob)).unwrap();
        if !made.files.iter().any(|(name, _)| *name == blob_name(&blob)) {
            made.add(&blob_name(&blob), &content);
        }
    }
    assert_eq!(made.refusal(), format!("it is about {another}"));
}

#[test]
fn what_has_no_place_in_a_bundle_is_refused_by_name() {
    for name in [
        "more",
        "repositories",
        "./index.json",
        "/etc/passwd",
        "../outside",
        "blobs/../../outside",
        "blobs/sha256/xyz",
        "blobs/sha512/abc",
        "releases/local/../../outside",
        "releases/local/2011-04-07-00:00:00/more.yaml",
        "releases/Local/2011-04-07-00:00:00/release.toml",
        "releases/local/release.toml",
        "index.json/",
    ] {
        let mut made = made();
        made.add(name, b"");
        assert_eq!(made.refusal(), format!("{name} has no place in it"));
    }
    let mut twice = made();
    twice.add("index.json", b"{}");
    assert!(twice.refusal().contains("exists"), "{}", twice.refusal());
    let mut two = made();
    two.add("releases/prod/2011-04-07-00:00:00/release.toml", b"");
    assert_eq!(two.refusal(), "it holds no deploy's ledger");
}

#[test]
fn what_is_no_plain_file_is_refused() {
    for kind in *b"123456gxLKSV" {
        let made = made();
        let mut builder = Builder::new(Vec::new());
        for (name, content) in &made.files[..2] {
            builder.append(&header(name, EntryType::Regular, content.len()), &content[..]).unwrap();
        }
        builder.append(&header("manifest.json", EntryType::new(kind), 0), io::empty()).unwrap();
        let why = refusal(&builder.into_inner().unwrap());
        assert_eq!(why, "manifest.json is not a plain file", "{}", char::from(kind));
    }
}

#[test]
fn what_is_no_archive_or_goes_on_after_its_end_is_refused() {
    assert_eq!(refusal(&[]), "it is empty");
    assert_eq!(refusal(&[0; 2048]), "it is empty");
    assert_eq!(refusal("text\n".repeat(1000).as_bytes()), "it is no tar archive");
    let whole = made().archive();
    assert_eq!(refusal(&[&whole[..], &[0; 4096]].concat()), "");
    assert_eq!(refusal(&[&whole[..], &whole].concat()), "there is more after its end");
    assert_ne!(refusal(&whole[..whole.len() / 2]), "");
}

#[test]
fn what_would_be_read_for_ever_is_no_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.tar");
    File::create(&path).unwrap().set_len(20 << 30).unwrap();
    assert!(Bundle::open(&path).unwrap_err().why.concat().starts_with("it has 21474836480 bytes"));
    assert!(Bundle::open(Path::new("/dev/zero")).unwrap_err().why.concat().starts_with("it is a device"));
}
