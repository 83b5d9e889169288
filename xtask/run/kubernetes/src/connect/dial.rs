//! A connection to a cluster's API, with a proxy on the way or without one. (kube's own way asks the environment for a
//! proxy without regard to what is to be reached without one.)

use std::error::Error as Cause;

use base64::prelude::{BASE64_STANDARD, Engine};
use hyper::{
    Uri,
    header::HeaderValue,
    rt::{Read, Write},
};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
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
    client::{ClientBuilder, ConfigExt, middleware::AuthLayer, retry::RetryPolicy},
};
use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, retry::RetryLayer, util::MapRequestLayer};
use url::Url;

use super::{token::TokenFile, unreached::Unreached};
use crate::proxy::Proxy;

/// What each request says of who asks.
pub(super) struct Credentials {
    pub(super) auth: Option<AuthLayer>,
    pub(super) token: Option<TokenFile>,
}

/// A client of a cluster that is reached by way of this proxy.
pub(super) fn client(
    config: Config,
    tls: ClientConfig,
    proxy: Option<&Proxy>,
    credentials: Credentials,
) -> kube::Result<Client> {
    let mut direct = HttpConnector::new();
    direct.enforce_http(false);
    let Some(proxy) = proxy else { return build(config, tls, direct, None, credentials) };
    match proxy.url.scheme() {
        "http" => build(config, tls, tunnel(proxy, direct), Some(proxy), credentials),
        "https" => {
            // The cluster's own authorities say nothing of the proxy.
            let to_proxy = Config::new(address(proxy)).rustls_https_connector_with_connector(direct)?;
            build(config, tls, tunnel(proxy, to_proxy), Some(proxy), credentials)
        }
        _ => build(config, tls, socks(proxy, direct), Some(proxy), credentials),
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
    // A proxy has no path; what a URL may have in one, kube's addresses may not.
    url.set_path("");
    url.set_query(None);
    url.set_fragment(None);
    url.as_str().parse().unwrap_or_default()
}

fn user(url: &Url) -> Option<(String, String)> {
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let password = url.password().unwrap_or_default();
    (!url.username().is_empty()).then(|| (decoded(url.username()), decoded(password)))
}

/// What kube itself builds, above this connector. Each failure to connect tells what it comes from.
fn build<C>(
    config: Config,
    tls: ClientConfig,
    connector: C,
    proxy: Option<&Proxy>,
    credentials: Credentials,
) -> kube::Result<Client>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: Cause + Send + Sync + 'static,
{
    let mut connector = TimeoutConnector::new(https(&config, tls, connector)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let (proxy, server) = (proxy.cloned(), config.cluster_url.host().map(str::to_owned));
    let explained = connector.map_err(move |cause: BoxError| {
        Unreached::explained(cause, proxy.as_ref(), server.as_deref().unwrap_or_default())
    });
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(RetryPolicy::server_retry()))
        .option_layer(credentials.auth)
        .option_layer(
            credentials.token.map(|token| MapRequestLayer::new(move |request| token.add_to(request))),
        )
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(Http::builder(TokioExecutor::new()).build(explained));
    Ok(ClientBuilder::new(service, config.default_namespace).build())
}

fn https<C>(config: &Config, tls: ClientConfig, connector: C) -> kube::Result<HttpsConnector<C>> {
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    let builder = match &config.tls_server_name {
        Some(name) => {
            let name = name.clone().try_into().map_err(|error| {
                kube::Error::RustlsTls(kube::client::RustlsTlsError::InvalidServerName(error))
            })?;
            builder.with_server_name_resolver(FixedServerNameResolver::new(name))
        }
        None => builder,
    };
    Ok(builder.enable_http1().wrap_connector(connector))
}
