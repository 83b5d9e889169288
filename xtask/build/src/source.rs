//! The source of one build: all that cargo reads, before the compiler runs and after it.

use std::time::Instant;

use xtask_contract::{Progress, Repo, Result};

use crate::{
    Elapsed,
    compile::Cargo,
    crates::{Compiled, Graph},
    inputs::Inputs,
    millis,
    sources::Sources,
    work_tree::WorkTree,
    work_tree_of,
};

/// What a service is compiled from.
pub(crate) struct Source {
    tree: WorkTree,
    pub(crate) sources: Sources,
    pub(crate) inputs: Inputs,
    pub(crate) graph: Graph,
    allow_dirty: bool,
}

/// What came of compiling it.
pub(crate) struct Compile {
    /// What was read indeed.
    pub(crate) source: Source,
    pub(crate) compiled: Compiled,
}

impl Source {
    /// The source in a checkout, as cargo names it. Inputs that are not committed are refused unless `allow_dirty`.
    pub(crate) fn of(repo: &Repo, cargo: &Cargo<'_>, allow_dirty: bool) -> Result<Self> {
        let graph = cargo.graph()?;
        let tree = work_tree_of(repo)?;
        let sources = Sources::of(repo, &tree, &graph)?;
        let inputs = Inputs::of(&tree, &sources)?;
        let source = Self { tree, sources, inputs, graph, allow_dirty };
        source.check()?;
        Ok(source)
    }

    /// Compiles the service. Files that the compiler read beside those that were expected become inputs, too.
    pub(crate) fn compile(
        self,
        cargo: &Cargo<'_>,
        elapsed: &mut Elapsed,
        progress: &dyn Progress,
    ) -> Result<Compile> {
        progress.step("compiling the service");
        let started = Instant::now();
        let compiled = cargo.compile(progress)?;
        elapsed.compile = millis(started);

        let mut sources = self.sources;
        sources.add(&self.tree, &cargo.read()?, &self.inputs, cargo.target_dir())?;
        let inputs = Inputs::of(&self.tree, &sources)?;
        inputs.refuse_changed_since(&self.inputs)?;
        let source = Self { sources, inputs, ..self };
        source.check()?;
        Ok(Compile { source, compiled })
    }

    fn check(&self) -> Result<()> {
        if self.allow_dirty { Ok(()) } else { self.inputs.refuse_uncommitted(&self.tree) }
    }
}
