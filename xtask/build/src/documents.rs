//! The documents about an image: what is in it, and how it was made.

use std::{env, thread};

use chrono::{DateTime, Utc};
use xtask_contract::{Digest, Repo, Result, service};

use crate::{
    compile::Cargo,
    crates::Compiled,
    inputs::Inputs,
    lock::Lock,
    origin::origin,
    provenance::{Builder, Making},
    sbom::Materials,
    toolchain::Toolchain,
};

/// The work of one build.
pub(crate) struct Work<'a> {
    pub(crate) repo: &'a Repo,
    pub(crate) inputs: &'a Inputs,
    pub(crate) toolchain: &'a Toolchain,
    pub(crate) cargo: &'a Cargo<'a>,
    pub(crate) started: DateTime<Utc>,
}

impl Work<'_> {
    /// The SBOM and the provenance of the image that came of it.
    pub(crate) fn documents(&self, image: &Digest, compiled: &Compiled) -> Result<(Vec<u8>, Vec<u8>)> {
        let (graph, authorities) = thread::scope(|scope| {
            let authorities = scope.spawn(|| self.cargo.graph(env!("CARGO_PKG_NAME"), "1"));
            let graph = self.cargo.graph(service::NAME, "1000");
            (graph, authorities.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let lock = Lock::of(self.repo)?;
        let materials = Materials {
            compiled,
            graph: &graph?,
            authorities: &authorities?,
            lock: &lock,
            toolchain: self.toolchain,
            banner: self.toolchain.libc.banner(),
        };
        let making = Making {
            image,
            inputs: self.inputs,
            lock: &lock.digest,
            origin: origin(self.repo)?,
            toolchain: self.toolchain,
            builder: Builder::of(|name| env::var(name).ok()),
            started: self.started,
            finished: Utc::now(),
        };
        Ok((materials.document()?, making.statement()?))
    }
}
