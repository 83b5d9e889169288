//! Proxies between this machine and a server: the environment names them as it does for curl and for kubectl.
//!
//! `https_proxy`, `http_proxy` (in small letters alone: a web server sets `HTTP_PROXY` for its scripts), `all_proxy` for
//! both, and `no_proxy` for what is reached without one. This machine itself is always reached without one.

use std::{env, fmt, net::IpAddr};

use url::{Host, Url};
use xtask_contract::Error;

/// The proxies of an environment.
#[derive(Debug, Clone)]
pub(crate) struct Proxies {
    for_http: Option<Named>,
    for_https: Option<Named>,
    without: Vec<Exception>,
}

/// The value of a variable that names a proxy.
#[derive(Debug, Clone)]
struct Named {
    value: String,
    variable: &'static str,
}

/// A proxy, and where it was named. It does not show its password.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    /// With its port, a user and a password if it asks for them.
    pub(crate) url: Url,
    named_in: &'static str,
}

impl Proxies {
    pub(crate) fn of_environment() -> Self {
        Self::of(|name| env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            let set = |name: &&'static str| Some((variable(name).filter(|value| !value.is_empty())?, *name));
            names.iter().find_map(set)
        };
        let named = |names: &[&'static str]| first(names).map(|(value, variable)| Named { value, variable });
        let without = first(&["no_proxy", "NO_PROXY"]).map(|(value, _)| value).unwrap_or_default();
        Self {
            for_http: named(&["http_proxy", "all_proxy", "ALL_PROXY"]),
            for_https: named(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            without: Exception::all_of(&without),
        }
    }

    /// The proxy by way of which a server is reached, if there is one.
    pub(crate) fn before(&self, server: &Url) -> Result<Option<Proxy>, NoProxy> {
        let named = if server.scheme() == "https" { &self.for_https } else { &self.for_http };
        let Some(named) = named.as_ref().filter(|_| !self.is_direct(server)) else { return Ok(None) };
        Proxy::named(&named.value, named.variable).map(Some)
    }

    fn is_direct(&self, server: &Url) -> bool {
        let (Some(host), port) = (server.host(), server.port_or_known_default()) else { return true };
        let host = match host {
            Host::Domain(name) => Host::Domain(name.trim_end_matches('.').to_ascii_lowercase()),
            Host::Ipv4(address) => Host::Ipv4(address),
            Host::Ipv6(address) => Host::Ipv6(address),
        };
        is_this_machine(&host) || self.without.iter().any(|exception| exception.has(&host, port))
    }
}

/// `0.0.0.0` is what some tools write as the address of a cluster of this machine.
fn is_this_machine(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback() || address.is_unspecified(),
        Host::Ipv6(address) => address.is_loopback() || address.is_unspecified(),
    }
}

impl Proxy {
    /// The proxy that a kubeconfig names for a cluster, which goes before those of the environment, and before
    /// `no_proxy`.
    pub(crate) fn of_kubeconfig(value: &str) -> Result<Self, NoProxy> {
        Self::named(value, "proxy-url of the kubeconfig")
    }

    fn named(value: &str, named_in: &'static str) -> Result<Self, NoProxy> {
        let refused = |why: &str| NoProxy { why: why.to_owned(), named_in };
        let full = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
        let mut url = Url::parse(&full).map_err(|error| refused(&format!("names no proxy: {error}")))?;
        let usual = match url.scheme() {
            "http" => 80,
            "https" => 443,
            "socks5" | "socks5h" => 1080,
            other => {
                let known = "http, https, socks5 and socks5h are understood";
                return Err(refused(&format!("names a proxy of the kind {other}; {known}")));
            }
        };
        let port = url.port_or_known_default().unwrap_or(usual);
        // A scheme that the URL's own rules know keeps its usual port to itself.
        let _ = url.set_port(Some(port));
        if url.host_str().is_none_or(str::is_empty) {
            return Err(refused("names a proxy without a host"));
        }
        Ok(Self { url, named_in })
    }

    /// What to look at when a server is not reached by way of it.
    pub(crate) fn hint(&self, server: Option<&str>) -> String {
        match server.filter(|_| self.named_in.to_ascii_lowercase().ends_with("_proxy")) {
            Some(server) => {
                format!("is {} right? `export NO_PROXY={server}` reaches {server} without it", self.named_in)
            }
            None => format!("is {} right?", self.named_in),
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host) = (self.url.scheme(), self.url.host_str().unwrap_or_default());
        let port = self.url.port_or_known_default().unwrap_or_default();
        write!(f, "the proxy {scheme}://{host}:{port} ({})", self.named_in)
    }
}

/// What is named as a proxy and is none. The value may hold a password, so it is not repeated.
#[derive(Debug, Clone)]
pub(crate) struct NoProxy {
    why: String,
    named_in: &'static str,
}

impl NoProxy {
    pub(crate) fn error(&self, doing: impl Into<String>) -> Error {
        let Self { why, named_in } = self;
        Error::refused(doing, format!("{named_in} {why}"))
            .next(format!("set {named_in} to a URL such as http://HOST:PORT, or remove it"))
    }
}

/// An entry of `no_proxy`: what is reached without a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    All,
    /// A domain with all that is below it.
    Domain(String, Option<u16>),
    /// Addresses that begin with so many bits of this one.
    Addresses(IpAddr, u32, Option<u16>),
}

impl Exception {
    fn all_of(value: &str) -> Vec<Self> {
        let parts = value.split([',', ' ', '\t']).filter(|part| !part.is_empty());
        parts.map(Self::of).collect()
    }

    fn of(entry: &str) -> Self {
        if entry == "*" {
            return Self::All;
        }
        let bare = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        if let Some(address) = bare(entry) {
            return Self::Addresses(address, u32::MAX, None);
        }
        if let Some((address, bits)) = entry.split_once('/')
            && let (Some(address), Ok(bits)) = (bare(address), bits.parse())
        {
            return Self::Addresses(address, bits, None);
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => (name, port.parse().ok()),
            _ => (entry, None),
        };
        let name = name.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase();
        match bare(&name) {
            Some(address) => Self::Addresses(address, u32::MAX, port),
            None => Self::Domain(name, port),
        }
    }

    fn has(&self, host: &Host<String>, port: Option<u16>) -> bool {
        let address = match host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(*address)),
            Host::Ipv6(address) => Some(IpAddr::V6(*address)),
        };
        let is_of = |of: Option<u16>| of.is_none() || of == port;
        match (self, host, address) {
            (Self::All, ..) => true,
            (Self::Domain(domain, of), Host::Domain(name), _) => {
                let below = name.strip_suffix(domain.as_str());
                let is_in = below.is_some_and(|below| below.is_empty() || below.ends_with('.'));
                is_in && !domain.is_empty() && is_of(*of)
            }
            (Self::Addresses(network, bits, of), _, Some(address)) => {
                is_within(address, *network, *bits) && is_of(*of)
            }
            _ => false,
        }
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let same = |one: u128, other: u128, length: u32| {
        let others = length.saturating_sub(bits);
        (one ^ other).checked_shr(others).unwrap_or(0) == 0
    };
    match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => same(one.to_bits().into(), other.to_bits().into(), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => same(one.to_bits(), other.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(variables: &[(&str, &str)], server: &str) -> Result<Option<String>, NoProxy> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        let proxies = Proxies::of(|name| find(name).map(|(_, value)| (*value).to_owned()));
        let proxy = proxies.before(&Url::parse(server).unwrap())?;
        Ok(proxy.map(|proxy| proxy.to_string()))
    }

    #[track_caller]
    fn is(variables: &[(&str, &str)], server: &str, proxy: Option<&str>) {
        let proxy = proxy.map(|proxy| format!("the proxy {proxy}"));
        assert_eq!(before(variables, server).unwrap(), proxy, "{variables:?} {server}");
    }

    #[test]
    fn each_scheme_has_its_variables_and_the_first_one_that_is_set_counts() {
        let server = "https://api.acme.com:6443";
        is(&[], server, None);
        is(&[("HTTPS_PROXY", "http://p:3128")], server, Some("http://p:3128 (HTTPS_PROXY)"));
        is(&[("HTTPS_PROXY", "http://b"), ("https_proxy", "a:1")], server, Some("http://a:1 (https_proxy)"));
        is(
            &[("https_proxy", ""), ("ALL_PROXY", "socks5h://s")],
            server,
            Some("socks5h://s:1080 (ALL_PROXY)"),
        );
        is(&[("http_proxy", "http://p:3128")], server, None);
        is(&[("http_proxy", "http://p")], "http://a.acme.com", Some("http://p:80 (http_proxy)"));
        // A program that a web server started has this of the client.
        is(&[("HTTP_PROXY", "http://p:3128")], "http://a.acme.com", None);
        is(&[("https_proxy", "https://u:canary@p")], server, Some("https://p:443 (https_proxy)"));
    }

    #[test]
    fn this_machine_is_reached_without_a_proxy() {
        let proxy = [("https_proxy", "http://p:3128"), ("all_proxy", "http://p:3128")];
        for server in [
            "https://127.0.0.1:41234",
            "https://127.9.9.9",
            "https://localhost:1",
            "https://kind.localhost./",
            "https://[::1]:6443",
            "https://0.0.0.0:6443",
            "http://LOCALHOST:5000",
        ] {
            is(&proxy, server, None);
        }
        for server in ["https://128.0.0.1", "https://localhost.acme.com", "https://notlocalhost"] {
            is(&proxy, server, Some("http://p:3128 (https_proxy)"));
        }
    }

    #[test]
    fn what_no_proxy_names_is_reached_without_one() {
        for (without, server, direct) in [
            ("acme.com", "https://acme.com", true),
            ("acme.com", "https://api.acme.com:6443", true),
            (".acme.com", "https://acme.com", true),
            ("*.acme.com", "https://api.acme.com", true),
            ("acme.com", "https://notacme.com", false),
            ("ACME.com.", "https://api.acme.COM", true),
            ("other.com, acme.com,", "https://acme.com", true),
            ("other.com acme.com", "https://acme.com", true),
            ("acme.com:6443", "https://acme.com:6443", true),
            ("acme.com:6443", "https://acme.com", false),
            ("10.0.0.0/8", "https://10.1.2.3", true),
            ("10.0.0.0/8", "https://11.1.2.3", false),
            ("10.1.2.3", "https://10.1.2.3:6443", true),
            ("10.1.2.3:6443", "https://10.1.2.3:6443", true),
            ("10.1.2.3:6443", "https://10.1.2.3", false),
            ("[fd12::1]:6443", "https://[fd12::1]:6443", true),
            ("[fd12::1]:6443", "https://[fd12::1]", false),
            ("10.1.2.3:443", "https://10.1.2.3", true),
            ("10.1.2", "https://10.1.2.3", false),
            ("0.0.0.0/0", "https://10.1.2.3", true),
            ("10.0.0.0/8", "https://acme.com", false),
            ("fd00::/8", "https://[fd12::1]", true),
            ("[fd12::1]", "https://[fd12::1]", true),
            ("fd12::1", "https://[fd12::2]", false),
            ("*", "https://acme.com", true),
            (",,", "https://acme.com", false),
            (".", "https://acme.com", false),
        ] {
            for name in ["no_proxy", "NO_PROXY"] {
                let told = before(&[("https_proxy", "http://p"), (name, without)], server).unwrap();
                assert_eq!(told.is_none(), direct, "{name}={without} {server}");
            }
        }
    }

    #[test]
    fn what_is_no_proxy_is_told_with_its_variable_and_without_its_password() {
        for (value, why) in [
            ("ftp://u:canary@p", "of the kind ftp"),
            ("http://u:canary@", "names no proxy"),
            ("http://u:canary@p:port", "names no proxy"),
        ] {
            let error = before(&[("HTTPS_PROXY", value)], "https://acme.com").unwrap_err();
            let told = error.error("asking").to_string();
            assert!(told.contains(why) && told.contains("HTTPS_PROXY") && !told.contains("canary"), "{told}");
            // Nothing is asked of what is not used.
            is(&[("HTTPS_PROXY", value)], "https://127.0.0.1", None);
        }
    }
}
