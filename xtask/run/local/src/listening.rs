//! Where the processes of a local deploy listen: which variables say so, their image tells.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use xtask_contract::{BuildRecord, Deploy, EnvName, Error, Layout, Repo, service::Service};

use xtask_run::ports;

/// What the variable with the port is called where no image says so yet.
const USUAL: &str = "PORT";

/// The address at which a process type listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenAddress {
    pub(crate) address: SocketAddr,
    /// The variables that say so.
    set_by: Vec<String>,
}

impl ListenAddress {
    /// That of a process type with this port: at all of the machine's addresses, if its config does not say.
    pub(crate) fn of(service: &Service, kind: &str, port: u16, config: &BTreeMap<String, String>) -> Self {
        let kind = service.processes.iter().find(|process| process.name == kind);
        let address = kind.and_then(|kind| service.address_variable(kind));
        let value = address.and_then(|name| config.get(name).map(String::as_str).or(service.default(name)));
        let ip = value.and_then(|text| text.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let variables = [address, kind.and_then(|kind| kind.port.as_deref())];
        let set_by = variables.into_iter().flatten().map(str::to_owned).collect();
        Self { address: SocketAddr::new(ip, port), set_by }
    }

    /// Those of a deploy whose next release is not there yet: as the last image that was built here would have it. Where
    /// none was, the usual name says the port, and what listens there on this machine is in the way at any address.
    pub(crate) fn expected(repo: &Repo, deploy: &Deploy) -> Vec<Self> {
        let config = deploy.config.iter().map(|(name, text)| (name.clone(), text.0.clone())).collect();
        let port = |name: &str| deploy.config.get(name)?.0.parse().ok();
        let Some(service) = newest(repo) else {
            let usual = |port| Self {
                address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
                set_by: vec![USUAL.to_owned()],
            };
            return port(USUAL).map(usual).into_iter().collect();
        };
        let started = service.processes.iter().filter(|process| deploy.count(&process.name) > 0);
        let of = |(name, port): (&str, u16)| Self::of(&service, name, port, &config);
        started
            .filter_map(|process| Some((process.name.as_str(), port(process.port.as_ref()?)?)))
            .map(of)
            .collect()
    }

    /// Refuses if nobody could listen there now.
    pub(crate) fn check_free(&self, env: &EnvName) -> Result<(), Error> {
        ports::free(self.address).map_err(|error| self.refusal(env, &error))
    }

    /// Says who is in the way of a socket.
    pub(crate) fn refusal(&self, env: &EnvName, error: &io::Error) -> Error {
        let doing = format!("running {env} on this machine");
        let set_by = self.set_by.join(" or ");
        if error.kind() != io::ErrorKind::AddrInUse {
            let next = format!("correct {set_by} in k8s/envs/{env}.toml and make a new release");
            return Error::refused(doing, format!("cannot listen on {}: {error}", self.address)).next(next);
        }
        let port = self.address.port();
        let variable = self.set_by.last().map_or("port", String::as_str);
        Error::refused(doing, format!("another program listens on port {port}")).next(format!(
            "stop it (`ss -ltnp 'sport = :{port}'` names it; another deploy: `cargo xtask down --env NAME`), or set \
             another {variable} in k8s/envs/{env}.toml and make a new release"
        ))
    }
}

/// What the image says of its service that was built last.
fn newest(repo: &Repo) -> Option<Service> {
    let record = BuildRecord::newest(repo).ok()?;
    Layout::at(repo.images()).description(&record.digest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(process: &str, variables: &str, config: &[(&str, &str)]) -> String {
        let json = format!(
            r#"{{"schema": 1, "service": "greeter", "migrate": [],
                "processes": [{{"name": "web", "args": [], "port": "HTTP_PORT", {process} "help": "h"}}],
                "variables": [{variables}]}}"#
        );
        let service = serde_json::from_str(&json).unwrap();
        let config = config.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let at = ListenAddress::of(&service, "web", 81, &config);
        format!("{} by {}", at.address, at.set_by.join(","))
    }

    fn variable(name: &str, default: &str) -> String {
        format!(
            r#"{{"name": "{name}", "type": "address", "required": false, "secret": false, {default} "help": "h"}}"#
        )
    }

    #[test]
    fn the_address_is_that_of_the_variable_that_the_process_type_names() {
        let both = format!("{}, {}", variable("A", ""), variable("B", r#""default": "127.0.0.2","#));
        let (named_a, named_b) = (r#""address": "A","#, r#""address": "B","#);
        let config = [("A", "127.0.0.1"), ("B", "127.0.0.3")];
        assert_eq!(address(named_a, &both, &config), "127.0.0.1:81 by A,HTTP_PORT");
        assert_eq!(address(named_b, &both, &config[..1]), "127.0.0.2:81 by B,HTTP_PORT", "its default");
        assert_eq!(address(named_a, &both, &[]), "0.0.0.0:81 by A,HTTP_PORT");
    }

    #[test]
    fn where_none_is_named_the_only_address_counts_as_in_images_that_could_name_none() {
        let (one, both) = (variable("A", ""), format!("{}, {}", variable("A", ""), variable("B", "")));
        let config = [("A", "127.0.0.1"), ("B", "127.0.0.3")];
        assert_eq!(address("", &one, &config), "127.0.0.1:81 by A,HTTP_PORT");
        assert_eq!(address("", &both, &config), "0.0.0.0:81 by HTTP_PORT");
        assert_eq!(address("", "", &config), "0.0.0.0:81 by HTTP_PORT");
    }
}
