//! A connection to a cluster's API, with a proxy on the way or without one. (kube's own way asks the environment for a
//! proxy without regard to what is to be reached without one.)

use std::{error::Error as Cause, fmt};

use base64::prelude::{BASE64_STANDARD, Engine};
use hyper::{
    Uri,
    header::HeaderValue,
    rt::{Read, Write},
};
use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{
        Client as Http,
        connect::{
            Connection, HttpConnector,
            proxy::{SocksV5, Tunnel},
        },
    },
    rt::TokioExecutor,
};
use kube::{
    Client, Config,
    client::{ClientBuilder, ConfigExt, retry::RetryPolicy},
};
use percent_encoding::percent_decode_str;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, retry::RetryLayer};
use url::Url;

use crate::proxy::Proxy;

/// A client of a cluster that is reached by way of this proxy.
pub(super) fn client(config: Config, proxy: Option<&Proxy>) -> kube::Result<Client> {
    let mut direct = HttpConnector::new();
    direct.enforce_http(false);
    let Some(proxy) = proxy else { return build(config, direct, None) };
    match proxy.url.scheme() {
        "http" => build(config, tunnel(proxy, direct), Some(proxy)),
        "https" => {
            // The cluster's own authorities say nothing of the proxy.
            let to_proxy = Config::new(address(proxy)).rustls_https_connector_with_connector(direct)?;
            build(config, tunnel(proxy, to_proxy), Some(proxy))
        }
        _ => build(config, socks(proxy, direct), Some(proxy)),
    }
}

fn tunnel<C>(proxy: &Proxy, connector: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(address(proxy), connector);
    let Some((user, password)) = user(&proxy.url) else { return tunnel };
    let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
    match HeaderValue::try_from(format!("Basic {pair}")) {
        Ok(header) => tunnel.with_auth(header),
        Err(_) => tunnel,
    }
}

/// The proxy resolves the names of what it is asked for, as it may know others than this machine does.
fn socks<C>(proxy: &Proxy, connector: C) -> SocksV5<C> {
    let socks = SocksV5::new(address(proxy), connector).local_dns(proxy.url.scheme() == "socks5");
    match user(&proxy.url) {
        Some((user, password)) => socks.with_auth(user, password),
        None => socks,
    }
}

fn address(proxy: &Proxy) -> Uri {
    let mut url = proxy.url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.as_str().parse().unwrap_or_default()
}

fn user(url: &Url) -> Option<(String, String)> {
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let password = url.password().unwrap_or_default();
    (!url.username().is_empty()).then(|| (decoded(url.username()), decoded(password)))
}

/// What kube itself builds, above this connector. Each failure to connect names the proxy.
fn build<C>(config: Config, connector: C, proxy: Option<&Proxy>) -> kube::Result<Client>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: Cause + Send + Sync + 'static,
{
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(connector)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let (proxy, server) = (proxy.cloned(), config.cluster_url.host().map(str::to_owned));
    let named = connector.map_err(move |cause: BoxError| match &proxy {
        Some(proxy) => ByWayOf { told: proxy.to_string(), hint: proxy.hint(server.as_deref()), cause }.into(),
        None => cause,
    });
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(RetryPolicy::server_retry()))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(Http::builder(TokioExecutor::new()).build(named));
    Ok(ClientBuilder::new(service, config.default_namespace).build())
}

/// A cluster was not reached by way of a proxy.
#[derive(Debug)]
pub(crate) struct ByWayOf {
    told: String,
    /// What to look at.
    pub(crate) hint: String,
    cause: BoxError,
}

impl ByWayOf {
    /// Whether this is what a failure comes from.
    pub(crate) fn beneath(error: &kube::Error) -> Option<&Self> {
        let mut cause = Some(error as &(dyn Cause + 'static));
        while let Some(this) = cause {
            if let Some(found) = this.downcast_ref() {
                return Some(found);
            }
            cause = this.source();
        }
        None
    }
}

impl fmt::Display for ByWayOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is not reached by way of {}", self.told)
    }
}

impl Cause for ByWayOf {
    fn source(&self) -> Option<&(dyn Cause + 'static)> {
        Some(self.cause.as_ref())
    }
}
