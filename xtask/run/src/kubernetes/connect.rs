//! A client of a cluster, by a kubeconfig.

use std::time::Duration;

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use xtask_contract::{Context, Result};

/// How long a cluster may take to be connected to.
const CONNECT: Duration = Duration::from_secs(5);
/// How long it may be silent in the middle of an answer: an answer that never comes ends a call, and a watch that is
/// silent for so long starts again.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);

/// A client of the cluster of a context; of the current one, if none is named. Nothing is asked yet.
pub(crate) async fn client(
    kubeconfig: Kubeconfig,
    context: Option<&str>,
    silence: Duration,
    doing: &str,
) -> Result<Client> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.doing(|| doing)?;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(silence);
    config.reset_reader_on_write = true;
    Client::try_from(config).doing(|| doing)
}
