//! From a program to an OCI image: two layers, a configuration and a manifest.

use std::{collections::BTreeMap, fs, path::Path, thread};

use serde::Serialize;
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;
use xtask_contract::{
    Callee, Context, Digest, Error, Layout, Result, ServiceName,
    archive::Archive,
    command,
    image::{Config, DIRTY, Descriptor, Execution, Manifest, Platform, QUICK, REVISION, RootFs, SERVICE},
    service::Service,
};

use crate::root_files;

/// An image in the layout.
#[derive(Debug)]
pub struct Image {
    /// The image's digest.
    pub digest: Digest,
    /// Its configuration's digest.
    pub config_digest: Digest,
    /// The bytes of all its blobs together.
    pub size: u64,
}

/// Where a program comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The commit that it was compiled from.
    pub revision: &'a str,
    /// Whether the work tree differed from that commit.
    pub dirty: bool,
    /// Whether it was compiled quickly, to be tried while it is written.
    pub quick: bool,
    /// The target triple that it was compiled for.
    pub target: &'a str,
}

/// Puts the image of this service's program into the layout.
pub fn assemble(layout: &Layout, program: &Path, service: &ServiceName, origin: Origin<'_>) -> Result<Image> {
    // What it says of itself takes as long as the rest.
    let (description, layers) = thread::scope(|scope| {
        let description = scope.spawn(|| describe(program));
        let layers = layers(layout, service, program);
        (description.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), layers)
    });
    let description = description?;
    check_name(service, &description)?;
    Content { service, description: &description, layers: layers? }.put(layout, origin)
}

/// Puts the layers of this service's program into the layout: below it the root files.
fn layers(layout: &Layout, service: &ServiceName, program: &Path) -> Result<[Descriptor; 2]> {
    // Mozilla's authorities: the same for every build as long as Cargo.lock names the same list of them.
    let root = root_files::layer(TLS_SERVER_ROOT_CERTS).doing(|| "making the image's root files")?;
    let binary = fs::read(program).doing(|| format!("reading the program {}", program.display()))?;
    layers_of(layout, service, &root, &binary)
}

/// Puts these two layers into the layout: the root files, and the program.
pub(crate) fn layers_of(
    layout: &Layout,
    service: &ServiceName,
    root: &[u8],
    program: &[u8],
) -> Result<[Descriptor; 2]> {
    let program = program_layer(service, program)?;
    Ok([blob(layout, Manifest::LAYER, root)?, blob(layout, Manifest::LAYER, &program)?])
}

/// What an image holds.
pub(crate) struct Content<'a> {
    pub(crate) service: &'a ServiceName,
    pub(crate) description: &'a Service,
    /// They are in the layout already, the lower one first.
    pub(crate) layers: [Descriptor; 2],
}

impl Content<'_> {
    /// Puts the image of it into the layout.
    pub(crate) fn put(self, layout: &Layout, origin: Origin<'_>) -> Result<Image> {
        let Self { service, description, layers } = self;
        let platform = platform(origin.target);
        let config = Config {
            platform: platform.clone(),
            config: Execution {
                user: root_files::USER.into(),
                entrypoint: vec![service.program()],
                working_dir: "/".into(),
                labels: labels(origin, description)?,
            },
            rootfs: RootFs {
                kind: "layers".into(),
                diff_ids: layers.iter().map(|layer| layer.digest).collect(),
            },
        };
        let config = document(layout, Config::MEDIA_TYPE, &config)?;
        let config_digest = config.digest;
        let manifest = Manifest {
            schema_version: 2,
            media_type: Manifest::MEDIA_TYPE.into(),
            config,
            layers: layers.into(),
        };
        let size = manifest.size();
        let descriptor = document(layout, Manifest::MEDIA_TYPE, &manifest)?;
        let digest = descriptor.digest;
        layout.add(Descriptor { platform: Some(platform), ..descriptor })?;
        Ok(Image { digest, config_digest, size })
    }
}

/// Asks the program what it is: the label is its own word, so it cannot differ from what it does.
fn describe(program: &Path) -> Result<Service> {
    let doing = || format!("asking {} to describe itself", program.display());
    let said = command::run(Callee::Bare.command(program).arg("describe"));
    let said = said.map_err(|failure| failure.error(doing()))?;
    serde_json::from_slice(&said).doing(doing)
}

/// Refuses a program that is another service than the one that is built: all that is on a cluster goes by the name.
fn check_name(service: &ServiceName, description: &Service) -> Result<()> {
    let said = &description.service;
    if said == service {
        return Ok(());
    }
    let why = format!(
        "it says that it is the service {said}, but [workspace.metadata.xtask] in Cargo.toml names {service}"
    );
    let next = format!(
        "name the package {said} there, or have `describe` write \"service\": \"{service}\" \
         (env!(\"CARGO_PKG_NAME\") is always right)"
    );
    Err(Error::refused(format!("making the image of {service}"), why).next(next))
}

fn labels(origin: Origin<'_>, description: &Service) -> Result<BTreeMap<String, String>> {
    let service = serde_json::to_string(description).doing(|| "writing the service's description")?;
    let mut labels =
        BTreeMap::from([(REVISION.to_owned(), origin.revision.to_owned()), (SERVICE.to_owned(), service)]);
    for (label, holds) in [(DIRTY, origin.dirty), (QUICK, origin.quick)] {
        if holds {
            labels.insert(label.to_owned(), "true".to_owned());
        }
    }
    Ok(labels)
}

fn program_layer(service: &ServiceName, binary: &[u8]) -> Result<Vec<u8>> {
    let write = || {
        let mut archive = Archive::with_capacity(binary.len() + 4096);
        archive.file(service.as_str(), 0o755, binary)?;
        archive.finish()
    };
    write().doing(|| "making the program's layer")
}

fn platform(target: &str) -> Platform {
    let architecture = match target.split('-').next() {
        Some("aarch64") => "arm64",
        Some("x86_64") | None => "amd64",
        Some(other) => other,
    };
    Platform { architecture: architecture.into(), os: "linux".into() }
}

fn document(layout: &Layout, media_type: &str, document: &impl Serialize) -> Result<Descriptor> {
    blob(layout, media_type, &serde_json::to_vec(document).doing(|| "writing an image document")?)
}

fn blob(layout: &Layout, media_type: &str, content: &[u8]) -> Result<Descriptor> {
    let digest = layout.put(content)?;
    Ok(Descriptor::new(media_type, digest, content.len() as u64))
}
