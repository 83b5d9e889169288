//! The program of an image, in memory. It is taken from a layer that is what its digest says and cannot be changed any
//! more: what runs is what was verified, each time, and nothing is kept that somebody could exchange.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use xtask_contract::{Context, Digest, Error, Layout, Result, ServiceName};

/// A program that can be started as long as this is there.
#[derive(Debug, Clone)]
pub(crate) struct Executable {
    file: Arc<OwnedFd>,
    service: ServiceName,
}

impl Executable {
    /// Takes the service's program out of an image, which says what it is called.
    pub(crate) fn of_image(layout: &Layout, image: &Digest) -> Result<Self> {
        let doing = || format!("taking the program out of the image {image}");
        let service = layout.service_name(image)?;
        let mut file = File::from(memory(&service).doing(doing)?);
        let mut found = 0;
        for layer in &layout.manifest(image)?.layers {
            found += layout.read_layer(layer, |content| take(content, &service, &mut file))?;
        }
        if found != 1 {
            let why = format!("it has {found} files {}, and should have one", service.program());
            return Err(Error::refused(doing(), why).next("build it anew with `cargo xtask build`"));
        }
        let file = OwnedFd::from(file);
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
            .map_err(io::Error::from)
            .doing(doing)?;
        Ok(Self { file: Arc::new(file), service })
    }

    /// What this process, or a child of its, executes.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    /// What its processes are called in lists of processes, as if it were in this folder.
    pub(crate) fn called_in(&self, folder: &Path) -> PathBuf {
        folder.join(self.service.as_str())
    }
}

/// A file in memory that may be executed, whatever the system's habit is (`memfd_create(2)`).
fn memory(service: &ServiceName) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match memfd_create(service.as_str(), flags | MemfdFlags::EXEC) {
        // Linux before 6.3 does not know the flag, and lets all of them be executed.
        Err(rustix::io::Errno::INVAL) => Ok(memfd_create(service.as_str(), flags)?),
        made => Ok(made?),
    }
}

/// Copies the program from a layer, and tells how many entries of it were there.
fn take(layer: &mut dyn Read, service: &ServiceName, to: &mut File) -> io::Result<usize> {
    let mut found = 0;
    for entry in tar::Archive::new(layer).entries()? {
        let mut entry = entry?;
        let path = entry.path_bytes();
        let path = path.strip_prefix(b"./").or(path.strip_prefix(b"/")).unwrap_or(&path);
        if path != service.as_str().as_bytes() {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(io::Error::other(format!("{} is no plain file", service.program())));
        }
        found += 1;
        io::copy(&mut entry, to)?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::FileExt, process::Command};

    use tar::{Builder, EntryType, Header};
    use xtask_contract::image::{Descriptor, Manifest};

    use super::*;

    const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","config":{"User":"1:1","Entrypoint":[],"WorkingDir":"/","Labels":{"dev.twelve-factor.service":"{\"service\":\"greeter\"}"}},"rootfs":{"type":"layers","diff_ids":[]}}"#;

    /// An image of these layers, each of a few entries: a path, what it is, and its content.
    fn image(layers: &[&[(&str, EntryType, &[u8])]]) -> (tempfile::TempDir, Layout, Manifest, Digest) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path());
        let put = |kind: &str, content: &[u8]| {
            Descriptor::new(kind, layout.put(content).unwrap(), content.len() as u64)
        };
        let layer = |entries: &&[(&str, EntryType, &[u8])]| {
            let mut archive = Builder::new(Vec::new());
            for (path, kind, content) in *entries {
                let mut header = Header::new_gnu();
                // Past the library's own idea of a path that may be in an archive.
                header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
                header.set_entry_type(*kind);
                header.set_mode(0o755);
                header.set_size(content.len() as u64);
                header.set_cksum();
                archive.append(&header, *content).unwrap();
            }
            put(Manifest::LAYER, &archive.into_inner().unwrap())
        };
        let manifest = Manifest {
            schema_version: 2,
            media_type: Manifest::MEDIA_TYPE.into(),
            config: put("application/json", CONFIG.as_bytes()),
            layers: layers.iter().map(layer).collect(),
        };
        let digest = layout.put(&serde_json::to_vec(&manifest).unwrap()).unwrap();
        (folder, layout, manifest, digest)
    }

    fn file<'a>(path: &'a str, content: &'a [u8]) -> (&'a str, EntryType, &'a [u8]) {
        (path, EntryType::Regular, content)
    }

    #[test]
    fn the_program_runs_from_memory_and_cannot_be_changed() {
        let program = std::fs::read("/bin/true").unwrap();
        let (_folder, layout, _, digest) = image(&[&[file("etc/passwd", b"")], &[file("greeter", &program)]]);
        let executable = Executable::of_image(&layout, &digest).unwrap();
        assert!(Command::new(executable.path()).status().unwrap().success());
        let file = File::from(executable.file.try_clone().unwrap());
        assert!(file.write_all_at(b"#", 0).is_err());
        assert!(file.set_len(0).is_err());
    }

    #[test]
    fn an_image_with_no_program_or_with_two_or_with_something_else_in_its_place_is_refused() {
        let why = |layers: &[&[(&str, EntryType, &[u8])]]| {
            let (_folder, layout, _, digest) = image(layers);
            Executable::of_image(&layout, &digest).unwrap_err().to_string()
        };
        assert!(why(&[]).contains("it has 0 files"));
        // What is elsewhere, or means to leave the image, is not the program.
        for path in ["bin/greeter", "../greeter", "/../greeter", "greeter/x", "a/../greeter", "greeter "] {
            assert!(why(&[&[file(path, b"x")]]).contains("it has 0 files"), "{path}");
        }
        assert!(why(&[&[file("greeter", b"x"), file("./greeter", b"y")]]).contains("it has 2 files"));
        assert!(why(&[&[file("greeter", b"x")], &[file("/greeter", b"y")]]).contains("it has 2 files"));
        for kind in
            [EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::Char, EntryType::Directory]
        {
            assert!(why(&[&[("greeter", kind, b"")]]).contains("is no plain file"), "{kind:?}");
        }
    }

    #[test]
    fn a_layer_that_is_not_what_its_digest_says_gives_no_program() {
        let (_folder, layout, manifest, digest) = image(&[&[file("greeter", b"program")]]);
        let path = layout.blob_path(&manifest.layers[0].digest);
        let whole = std::fs::read(&path).unwrap();
        let place = whole.windows(7).position(|window| window == b"program").unwrap();
        let mut altered = whole.clone();
        altered[place] = b'P';
        // Also after the archive's end, where no reader of archives looks.
        let longer = [&whole[..], b"more"].concat();
        let mut last = whole.clone();
        *last.last_mut().unwrap() = 1;
        for content in [altered, longer, last] {
            std::fs::write(&path, content).unwrap();
            assert!(Executable::of_image(&layout, &digest).is_err());
        }
    }
}
