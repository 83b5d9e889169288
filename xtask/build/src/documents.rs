//! The documents about an image: what is in it, and how it was made.

use std::env;

use chrono::{DateTime, Utc};
use xtask_contract::{Digest, Repo, Result};

use crate::{
    crates::Compiled,
    lock::Lock,
    origin::origin,
    provenance::{Builder, Making},
    sbom::Materials,
    source::Source,
    toolchain::Toolchain,
};

/// The work of one build.
pub(crate) struct Work<'a> {
    pub(crate) repo: &'a Repo,
    pub(crate) source: &'a Source,
    pub(crate) toolchain: &'a Toolchain,
    pub(crate) started: DateTime<Utc>,
}

impl Work<'_> {
    /// The SBOM and the provenance of the image that came of it.
    pub(crate) fn documents(&self, image: &Digest, compiled: &Compiled) -> Result<(Vec<u8>, Vec<u8>)> {
        let (lock, service) = (Lock::of(self.repo)?, self.repo.service()?);
        let materials = Materials {
            service,
            compiled,
            graph: &self.source.graph,
            lock: &lock,
            toolchain: self.toolchain,
            banner: self.toolchain.libc.banner(),
        };
        let making = Making {
            service,
            image,
            inputs: &self.source.inputs,
            lock: &lock.digest,
            origin: origin(self.repo),
            toolchain: self.toolchain,
            builder: Builder::of(|name| env::var(name).ok()),
            started: self.started,
            finished: Utc::now(),
        };
        Ok((materials.document()?, making.statement()?))
    }
}
