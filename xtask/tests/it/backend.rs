//! What every backend promises, as one story that each of them has to live through: this machine, a cluster, and one in
//! memory, which shows that a further one is nothing but an implementation of the trait.

mod in_memory;
mod promises;

use xtask_cli::Clusters;
use xtask_contract::{EnvName, Repo, Result, deploy::Target};
use xtask_local::Local;
use xtask_run::{Backend, Backends};

use crate::support::{
    checkout::{Checkout, name},
    kind::Cluster,
    needs,
};
use in_memory::{InMemory, Memory};
use promises::keeps_its_promises;

#[test]
fn this_machine_keeps_its_promises() {
    keeps_its_promises(&Checkout::with_database(), &name("local"), &OnlyLocal);
}

#[test]
fn one_in_memory_keeps_its_promises() {
    keeps_its_promises(&Checkout::with_image(), &name("local"), &OnlyInMemory(Memory::default()));
}

/// What takes long, and is run with `--all` alone.
mod long {
    use super::{Checkout, Cluster, OnlyKind, keeps_its_promises, name, needs};

    #[test]
    fn a_kind_cluster_keeps_its_promises() {
        if !needs::docker_and_kind() {
            return;
        }
        let _cluster = Cluster::empty();
        keeps_its_promises(&Checkout::with_image(), &name("dev"), &OnlyKind);
    }
}

struct OnlyKind;

impl Backends for OnlyKind {
    fn of<'a>(
        &'a self,
        repo: &'a Repo,
        env: &'a EnvName,
        target: &'a Target,
    ) -> Result<Box<dyn Backend + 'a>> {
        let Target::Kind(target) = target else { panic!("{target}") };
        Ok(xtask_cluster::All.kind(repo, env, target))
    }
}

struct OnlyLocal;

impl Backends for OnlyLocal {
    fn of<'a>(&'a self, repo: &'a Repo, env: &'a EnvName, _: &'a Target) -> Result<Box<dyn Backend + 'a>> {
        Ok(Box::new(Local { repo, env }))
    }
}

/// All deploys, whatever their target says, in memory.
struct OnlyInMemory(Memory);

impl Backends for OnlyInMemory {
    fn of<'a>(&'a self, _: &'a Repo, env: &'a EnvName, _: &'a Target) -> Result<Box<dyn Backend + 'a>> {
        Ok(Box::new(InMemory { env, memory: &self.0 }))
    }
}
