//! A network between a service and its database that drops packets: three real network stacks in a row, the middle one
//! a router.

use std::{
    env,
    process::{self, Command, Stdio},
};

use rustix::process::geteuid;

use super::needs::missing;

/// The namespaces, their links and addresses; gone when dropped.
pub(crate) struct Network {
    id: u32,
}

impl Network {
    /// Lays the wires, if this machine lets us.
    pub(crate) fn lay() -> Option<Self> {
        if !geteuid().is_root() {
            missing("root, who can lay a network,");
            return None;
        }
        let network = Self { id: process::id() % 250 };
        let (router, service, host) = (network.router(), network.service(), network.host());
        let (near, far) = (format!("198.18.{}.2/30", network.id), format!("198.18.{}.5/30", network.id));
        let (here, there) = (format!("{}/30", network.here()), format!("{}/30", network.there()));
        let subnet = format!("198.18.{}.4/30", network.id);
        for line in [
            format!("ip netns add {router}"),
            format!("ip netns add {service}"),
            format!("ip link add {host} type veth peer name near netns {router}"),
            format!("ip -n {router} link add far type veth peer name eth netns {service}"),
            format!("ip address add {here} dev {host}"),
            format!("ip -n {router} address add {near} dev near"),
            format!("ip -n {router} address add {far} dev far"),
            format!("ip -n {service} address add {there} dev eth"),
            format!("ip link set {host} up"),
            format!("ip -n {router} link set near up"),
            format!("ip -n {router} link set far up"),
            format!("ip -n {service} link set eth up"),
            format!("ip -n {service} link set lo up"),
            format!("ip route add {subnet} via 198.18.{}.2", network.id),
            format!("ip -n {service} route add default via 198.18.{}.5", network.id),
            format!("ip netns exec {router} sysctl -q -w net.ipv4.ip_forward=1"),
            // Does it take rules at all?
            format!("ip netns exec {router} iptables -L"),
        ] {
            if let Err(why) = run(&line) {
                missing(&format!("the right to lay a network (`{line}`: {why})"));
                return None;
            }
        }
        Some(network)
    }

    /// This side's address.
    pub(crate) fn here(&self) -> String {
        format!("198.18.{}.1", self.id)
    }

    /// The other side's address.
    pub(crate) fn there(&self) -> String {
        format!("198.18.{}.6", self.id)
    }

    /// The words before a command that make it run on the other side.
    pub(crate) fn prefix(&self) -> [String; 4] {
        ["ip".into(), "netns".into(), "exec".into(), self.service()]
    }

    /// From now on, all packets to and from this port are dropped on the way, or no more.
    pub(crate) fn drop_packets(&self, port: u16, dropped: bool) {
        let change = if dropped { "-A" } else { "-D" };
        for side in ["--dport", "--sport"] {
            let rule = format!("FORWARD -p tcp {side} {port} -j DROP");
            run(&format!("ip netns exec {} iptables {change} {rule}", self.router())).unwrap();
        }
    }

    fn router(&self) -> String {
        format!("todo-router-{}", self.id)
    }

    fn service(&self) -> String {
        format!("todo-service-{}", self.id)
    }

    fn host(&self) -> String {
        format!("todo{}", self.id)
    }
}

impl Drop for Network {
    /// The links go with their namespaces.
    fn drop(&mut self) {
        for name in [self.router(), self.service()] {
            let _ = run(&format!("ip netns delete {name}"));
        }
    }
}

fn run(line: &str) -> Result<(), String> {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap())
        .args(words)
        .env("PATH", format!("{}:/usr/sbin:/sbin", env::var("PATH").unwrap_or_default()))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().into()) }
}
