//! A client of a cluster, by a kubeconfig.

mod dial;

use std::time::Duration;

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use url::Url;
use xtask_contract::{Context, Result, callee};

use crate::proxy::{Proxies, Proxy};
pub(crate) use dial::ByWayOf;

/// How long a cluster may take to be connected to.
const CONNECT: Duration = Duration::from_secs(5);
/// How long it may be silent in the middle of an answer: an answer that never comes ends a call, and a watch that is
/// silent for so long starts again.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);

/// A client of the cluster of a context; of the current one, if none is named. Nothing is asked yet.
pub(crate) async fn client(
    mut kubeconfig: Kubeconfig,
    context: Option<&str>,
    silence: Duration,
    doing: &str,
) -> Result<Client> {
    keep_from_plugins(&mut kubeconfig, &callee::own_variables().collect::<Vec<_>>());
    let named = proxy_named_by(&kubeconfig, context);
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.doing(|| doing)?;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(silence);
    config.reset_reader_on_write = true;
    let proxy = if let Some(named) = named {
        Proxy::of_kubeconfig(&named).map(Some)
    } else {
        let server = Url::parse(&config.cluster_url.to_string()).doing(|| doing)?;
        Proxies::of_environment().before(&server)
    };
    let proxy = proxy.map_err(|named| named.error(doing))?;
    dial::client(config, proxy.as_ref()).doing(|| doing)
}

/// The `proxy-url` of the cluster that is meant.
fn proxy_named_by(kubeconfig: &Kubeconfig, context: Option<&str>) -> Option<String> {
    let context = context.or(kubeconfig.current_context.as_deref())?;
    let context = kubeconfig.contexts.iter().find(|known| known.name == context)?.context.as_ref()?;
    let cluster = kubeconfig.clusters.iter().find(|known| known.name == context.cluster)?.cluster.as_ref()?;
    cluster.proxy_url.clone().filter(|url| !url.is_empty())
}

/// Keeps variables from the programs that a kubeconfig names to say who the caller is: such a program needs the
/// caller's environment, and nothing of the toolchain's own.
fn keep_from_plugins(kubeconfig: &mut Kubeconfig, names: &[String]) {
    let infos = kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut());
    for plugin in infos.filter_map(|info| info.exec.as_mut()) {
        plugin.drop_env.get_or_insert_default().extend_from_slice(names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_gets_nothing_of_the_toolchains_own() {
        let text =
            "users: [{ name: a, user: { exec: { command: plugin } } }, { name: b, user: { token: t } }]";
        let mut kubeconfig: Kubeconfig = serde_saphyr::from_str(text).unwrap();
        keep_from_plugins(&mut kubeconfig, &["XTASK_SIGNING_KEY".to_owned()]);
        let users = kubeconfig.auth_infos.into_iter().filter_map(|named| named.auth_info?.exec?.drop_env);
        assert_eq!(users.collect::<Vec<_>>(), [["XTASK_SIGNING_KEY"]]);
    }
}
