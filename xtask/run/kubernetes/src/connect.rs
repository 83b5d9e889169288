//! A client of a cluster, by a kubeconfig.

mod dial;
mod identity;
mod kubeconfig;
mod tls;
mod token;
mod unreached;

use std::time::Duration;

use kube::{
    Client, Config,
    client::{AuthError, ConfigExt},
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
};
use rustls::pki_types::ServerName;
use url::Url;
use xtask_contract::{Error, Result, callee, error::chain};

use crate::proxy::{Proxies, Proxy};
use dial::Credentials;
pub(crate) use kubeconfig::read;
pub(crate) use unreached::Unreached;

/// How long a cluster may take to be connected to.
const CONNECT: Duration = Duration::from_secs(5);

/// A client of the cluster of a context; of the current one, if none is named. Nothing is asked yet.
pub(crate) async fn client(
    mut kubeconfig: Kubeconfig,
    context: Option<&str>,
    silence: Duration,
    doing: &str,
) -> Result<Client> {
    keep_from_plugins(&mut kubeconfig, &callee::own_variables().collect::<Vec<_>>());
    let named = take_proxy(&mut kubeconfig, context);
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.map_err(|error| {
        Error::refused(doing, chain(&error)).next("`kubectl config view` shows what the kubeconfig says")
    })?;
    config.proxy_url = None;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(silence);
    config.reset_reader_on_write = true;
    config.tls_server_name = config.tls_server_name.filter(|name| !name.is_empty());
    let server = server(&config, doing)?;
    let token = token::prepare(&mut config.auth_info, doing)?;
    let proxy = if let Some(named) = named {
        Proxy::of_kubeconfig(&named).map(Some)
    } else {
        Proxies::of_environment().before(&server)
    };
    let proxy = proxy.map_err(|named| named.error(doing))?;
    let user = config.auth_info.clone();
    let told = |error: kube::Error| of_user(&error, &user, doing);
    let auth = config.auth_layer().map_err(told)?;
    if auth.is_some() {
        // A user who has given a token is not asked for a certificate, too: a one-time password is good for one answer.
        (config.auth_info.exec, config.auth_info.auth_provider) = (None, None);
    }
    let tls = tls::config(&config, doing)?;
    dial::client(config, tls, proxy.as_ref(), Credentials { auth, token }).map_err(told)
}

/// The address of the cluster, and whether the name that its certificate is to have can be one.
fn server(config: &Config, doing: &str) -> Result<Url> {
    let refused = |why: String, next: String| Err(Error::refused(doing, why).next(next));
    if let Some(name) = &config.tls_server_name
        && ServerName::try_from(name.as_str()).is_err()
    {
        return refused(
            format!("tls-server-name of the kubeconfig's cluster is no name of a server: {name:?}"),
            "`kubectl config set-cluster NAME --tls-server-name=` takes it out".to_owned(),
        );
    }
    let named = config.cluster_url.to_string();
    match Url::parse(&named) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) => Ok(url),
        _ => refused(
            format!("server of the kubeconfig's cluster is no URL: {named:?}"),
            "`kubectl config set-cluster NAME --server=https://HOST:PORT` mends it".to_owned(),
        ),
    }
}

/// Why a client cannot be made: for all else there is, its parts have been looked at.
fn of_user(error: &kube::Error, user: &AuthInfo, doing: &str) -> Error {
    const VIEW: &str = "`kubectl config view` shows what the kubeconfig says";
    let plugin = user.exec.as_ref();
    let provider = user.auth_provider.as_ref();
    let named = plugin.and_then(|plugin| plugin.command.as_deref());
    let named = named.or_else(|| provider?.config.get("cmd-path").map(String::as_str));
    let command = named.unwrap_or_default();
    let hint = plugin.and_then(|plugin| plugin.install_hint.as_deref()).map(str::trim);
    let kube::Error::Auth(of) = error else { return Error::failed(doing, chain(error)).next(VIEW) };
    match of {
        AuthError::AuthExecStart(start) => {
            let why = format!("the kubeconfig's user is told by the program `{command}`: {start}");
            let usual = format!("install {command}; who gave you the kubeconfig knows where it comes from");
            Error::refused(doing, why).next(hint.map_or(usual, str::to_owned))
        }
        AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
            let last = last.map_or_else(String::new, |line| format!(": {line}"));
            let why =
                format!("`{command}`, which tells the kubeconfig's user, ends with {}{last}", out.status);
            Error::refused(doing, why)
                .next("log in anew as that program asks for; `kubectl version` calls it, too")
        }
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => {
            let why = format!("`{command}`, which tells the kubeconfig's user, does not say who it is");
            Error::refused(doing, why).next("`kubectl version` calls it, too: does that work?")
        }
        AuthError::AuthExec(_) if provider.is_some() => {
            let name = provider.map(|provider| provider.name.as_str()).unwrap_or_default();
            let by = named.map_or_else(String::new, |command| format!(" by the program `{command}`"));
            let why = format!("the kubeconfig's user is not told by the auth-provider {name}{by}");
            Error::refused(doing, why).next(
                "does that program run? kubectl itself has only `oidc` left: an `exec` plugin takes the others' place",
            )
        }
        other => Error::refused(doing, chain(other)).next(VIEW),
    }
}

/// Takes the `proxy-url` of the cluster that is meant. In its place is one that is never asked: without one, kube would
/// look for one in the environment, and it takes fewer passwords for part of a URL than others do.
fn take_proxy(kubeconfig: &mut Kubeconfig, context: Option<&str>) -> Option<String> {
    let context = context.or(kubeconfig.current_context.as_deref())?;
    let context = kubeconfig.contexts.iter().find(|known| known.name == context)?.context.as_ref()?;
    let cluster = kubeconfig.clusters.iter_mut().find(|known| known.name == context.cluster)?;
    let named = cluster.cluster.as_mut()?.proxy_url.replace("http://proxy.invalid".to_owned());
    named.filter(|url| !url.is_empty())
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
mod tests;
