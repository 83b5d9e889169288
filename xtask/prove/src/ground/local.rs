//! A deploy as processes of this machine.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use rustix::process::Signal;
use serde_json::Value;
use xtask_contract::{Result, service::ProcessType};

use super::{Ground, Running, pods};
use crate::{
    http,
    system::{Process, listener},
};

/// What a supervisor tells its processes of itself (`sd_listen_fds(3)`, `sd_notify(3)`).
const TOLD: [&str; 4] = ["LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "NOTIFY_SOCKET"];

pub(crate) struct Local {
    port: u16,
}

impl Local {
    /// One that serves at this port.
    pub(crate) fn at(port: u16) -> Self {
        Self { port }
    }
}

impl Ground for Local {
    fn address(&self) -> SocketAddr {
        http::here(self.port)
    }

    fn processes(&self, status: &Value) -> Result<Vec<Running>> {
        let running = |(kind, pod): (&str, &Value)| {
            let name = pod["name"].as_str()?.split(' ').next()?.to_owned();
            let process = Process::here(u32::try_from(pod["pid"].as_u64()?).ok()?);
            Some(Running { kind: kind.to_owned(), name, process })
        };
        Ok(pods(status).filter_map(running).collect())
    }

    fn manages(&self, process: &Process, supervisor: Option<&Process>) -> bool {
        process.parent().as_ref() == supervisor
    }

    fn tells(&self, variable: &str) -> bool {
        TOLD.contains(&variable)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn refuses(&self) -> bool {
        false
    }

    fn is_single(&self, kind: &ProcessType) -> Option<&'static str> {
        // Those that serve share a socket.
        (!kind.inherits).then_some(
            "the service takes no socket from its supervisor (`inherits`), so that one process alone can listen here",
        )
    }

    fn is_apart(&self) -> Option<&'static str> {
        None
    }

    fn here(&self, environment: BTreeMap<String, String>) -> BTreeMap<String, String> {
        environment
    }

    fn meets(&mut self, _: &str) -> Result<()> {
        Ok(())
    }

    fn there(&self, _: &str, url: &str) -> String {
        url.to_owned()
    }

    fn server(&self, _: &str, url: &str) -> Result<Vec<Process>> {
        let host = url.rsplit('@').next().and_then(|rest| rest.split('/').next());
        let port = host.and_then(|host| host.rsplit(':').next()?.parse().ok());
        let server = port.and_then(listener).into_iter();
        Ok(server.flat_map(|server| [server.clone()].into_iter().chain(server.children())).collect())
    }

    fn lasts<'a>(&self, _: &'a ProcessType) -> Option<&'a [String]> {
        None
    }

    /// It stands still, as it may have ended otherwise.
    fn finds(&self, call: &Process, toolchain: &Path) -> Result<Option<Process>> {
        while call.is_alive() {
            if call.executes().is_ok_and(|program| program != toolchain) {
                return Ok(call.stands_still().then(|| call.clone()));
            }
        }
        Ok(None)
    }

    fn lets_go(&self) -> Signal {
        Signal::CONT
    }
}
