//! The nodes of a kind cluster: containers of this machine's engine, asked by its command.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::IpAddr,
    process::Stdio,
    sync::Arc,
};

use xtask_contract::{Callee, Context, Error, Result};

/// A node, by its container's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Node(Arc<str>);

/// Of each process that a container was made for: its number, its program, and the groups that it is in.
const CONTAINERS: &str = r#"
for status in $(grep -lsE '^NSpid:[[:space:]]+[0-9]+[[:space:]]+1$' /proc/[0-9]*/status); do
    process=${status%/status}
    echo "${process#/proc/} $(readlink "$process/exe") $(tr '\n' ' ' <"$process/cgroup")"
done 2>/dev/null"#;

/// The program that holds a pod's namespaces.
const PAUSE: &str = "/pause";

impl Node {
    /// The nodes of a cluster that run, the one with its API first.
    pub(crate) fn of(cluster: &str) -> Result<Vec<Self>> {
        let doing = || format!("looking for the nodes of the kind cluster {cluster}");
        let label = format!("label=io.x-k8s.kind.cluster={cluster}");
        let said = docker(&["ps", "--filter", &label, "--format", "{{.Names}}"], "").doing(doing)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let mut nodes: Vec<Self> = said.lines().map(|name| Self(name.into())).collect();
        nodes.sort_by_key(|node| !node.0.ends_with("-control-plane"));
        Ok(nodes)
    }

    /// Calls a program on it, with this on its standard input; its standard output.
    pub(crate) fn call(&self, words: &[&str], input: &str) -> io::Result<Vec<u8>> {
        docker(&[&["exec", "--interactive", &self.0], words].concat(), input)
    }

    /// Calls `kubectl` as the cluster's administrator; its standard output.
    pub(crate) fn kubectl(&self, words: &[&str], input: &str) -> Result<String> {
        let doing = || format!("calling `kubectl {}` on {}", words.join(" "), self.0);
        let kubectl = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"];
        let said = self.call(&[&kubectl, words].concat(), input).doing(doing)?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// The pods of a namespace that are on any node: their names by their numbers.
    pub(crate) fn pods(&self, namespace: &str) -> Result<Vec<(String, String)>> {
        let form = r#"--output=jsonpath={range .items[*]}{.metadata.name} {.metadata.uid}{"\n"}{end}"#;
        let said = self.kubectl(&["get", "pods", "--namespace", namespace, form], "")?;
        let pods = said.lines().filter_map(|line| line.split_once(' '));
        Ok(pods.map(|(name, uid)| (name.to_owned(), uid.to_owned())).collect())
    }

    /// The processes on this node that these pods' containers were made for, by the pods' names.
    pub(crate) fn processes(&self, pods: &[(String, String)]) -> Result<BTreeMap<String, u32>> {
        let doing = || format!("looking at the processes on {}", self.0);
        let said = self.call(&["sh", "-c", CONTAINERS], "").doing(doing)?;
        Ok(of_pods(&String::from_utf8_lossy(&said), pods))
    }

    /// The address at which this machine reaches it.
    pub(crate) fn address(&self) -> Result<IpAddr> {
        let doing = || format!("asking for the address of {}", self.0);
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
        let said = docker(&["inspect", "--format", format, &self.0], "").doing(doing)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let address = said.split_whitespace().next().and_then(|address| address.parse().ok());
        address.ok_or_else(|| Error::failed(doing(), "it has none"))
    }
}

fn docker(words: &[&str], input: &str) -> io::Result<Vec<u8>> {
    let mut command = Callee::Kind.command("docker");
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read it says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("docker: {}", said.trim())))
}

/// Which process is which pod's: a pod's number is in the names of the groups that its processes are in, with other dashes
/// where systemd makes the groups.
fn of_pods(processes: &str, pods: &[(String, String)]) -> BTreeMap<String, u32> {
    let process = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (id, program, groups) = (words.next()?, words.next()?, words.next()?.replace('_', "-"));
        let (name, _) = pods.iter().find(|(_, uid)| groups.contains(uid.as_str()))?;
        Some((name.clone(), id.parse().ok()?)).filter(|_| !program.ends_with(PAUSE))
    };
    processes.lines().filter_map(process).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_known_by_its_number_in_its_processes_groups() {
        let pods = [("web-1", "8d3f-aa"), ("web-2", "8d3f-bb")].map(|(name, uid)| (name.into(), uid.into()));
        let said = "100 /pause 0::/kubelet/pod8d3f-aa/x\n\
                    101 /service 0::/kubelet/pod8d3f-aa/y\n\
                    102 /service 1:cpu:/a 0::/kubepods.slice/pod8d3f_bb.slice/z\n\
                    103 /service 0::/kubelet/pod8d3f-cc/y\n\
                    104  0::/\n";
        let found = of_pods(said, &pods);
        assert_eq!(found, BTreeMap::from([("web-1".to_owned(), 101), ("web-2".to_owned(), 102)]));
    }
}
