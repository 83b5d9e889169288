//! How a deploy's cluster is reached, if it is on one.

use std::time::Duration;

use kube::Client;
use xtask_contract::{EnvName, Repo, Result, deploy::Target};

use crate::{
    kind,
    kubernetes::{SILENCE, Site},
    remote,
};

/// More than two of the pings that kube sends each minute.
const LONG_SILENCE: Duration = Duration::from_secs(150);

/// A deploy's place on a cluster.
#[derive(Clone, Copy)]
pub(crate) enum Reach<'a> {
    Kind(kind::Place<'a>),
    Remote(remote::Place<'a>),
}

impl<'a> Reach<'a> {
    /// The place that a target names; none, if that is this machine.
    pub(crate) fn of(target: &'a Target) -> Option<Self> {
        match target {
            Target::Local {} => None,
            Target::Kind { cluster, namespace, port } => {
                Some(Self::Kind(kind::Place { cluster, namespace, port: *port }))
            }
            Target::Kubernetes { context, namespace, registry, plain_http, .. } => {
                Some(Self::Remote(remote::Place {
                    context,
                    namespace: namespace.as_str(),
                    registry,
                    plain_http: *plain_http,
                }))
            }
        }
    }

    /// A client, if this machine has ever talked to the cluster: nothing is started or waited for.
    pub(crate) async fn client_at_hand(&self, repo: &Repo) -> Result<Option<Client>> {
        self.client(repo, SILENCE).await
    }

    /// The same, for a connection that a person may leave alone for a while.
    pub(crate) async fn patient_client(&self, repo: &Repo) -> Result<Option<Client>> {
        self.client(repo, LONG_SILENCE).await
    }

    async fn client(&self, repo: &Repo, silence: Duration) -> Result<Option<Client>> {
        match self {
            Self::Kind(place) => kind::client_at_hand(repo, place, silence).await,
            Self::Remote(place) => place.client_with(silence).await.map(Some),
        }
    }

    /// The deploy's namespace on the cluster.
    pub(crate) fn site<'b>(&self, client: &'b Client, env: &'b EnvName) -> Site<'b>
    where
        'a: 'b,
    {
        let namespace = match self {
            Self::Kind(place) => place.namespace,
            Self::Remote(place) => place.namespace,
        };
        Site { client, env, namespace }
    }
}
