//! The Docker Engine of this machine. It is the command line's, not a stage's: `build` makes images without
//! it, and `run` knows only that a kind cluster's nodes can be reached.

mod host;

use std::{collections::HashMap, path::Path, time::Duration};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    exec::{CreateExecOptions, StartExecResults},
    query_parameters::{ListContainersOptionsBuilder, StartContainerOptions, StopContainerOptions},
};
use futures_util::StreamExt;
use host::Host;
use tokio::io::AsyncWriteExt;
use xtask_contract::{Context, Error, Result, tool};
use xtask_kubernetes::{ExecOutput, Node, Nodes};

/// How long an engine may take to say that it is there.
const PING: Duration = Duration::from_secs(3);
/// How long it may take to answer anything else, in seconds.
const ANSWER: u64 = 120;

/// The engine, connected when it is first asked for something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Engine;

impl Engine {
    /// Whether an engine answers; if not, why.
    pub(crate) async fn answers() -> Result<Docker> {
        let doing = "looking for the Docker Engine";
        let host = Host::of_this_machine(doing)?;
        let refused = |why: String| {
            let next = next(&host, &why);
            Error::refused(doing, format!("at {}, by {}: {why}", host.address, host.named_by)).next(next)
        };
        let socket = host.address.trim_start_matches("unix://");
        let docker = Docker::connect_with_unix(socket, ANSWER, API_DEFAULT_VERSION);
        let docker = docker.map_err(|error| refused(xtask_contract::error::chain(&error)))?;
        match tokio::time::timeout(PING, docker.ping()).await {
            Ok(Ok(_)) => Ok(docker),
            Ok(Err(error)) => Err(refused(xtask_contract::error::chain(&error))),
            Err(_) => Err(refused("it does not answer".to_owned())),
        }
    }

    /// Runs a command on a node, feeding its standard input from a stream.
    async fn pipe(
        docker: &Docker,
        node: &str,
        command: &[&str],
        mut input: impl futures_util::Stream<Item = Result<impl AsRef<[u8]>>> + Unpin,
    ) -> Result<ExecOutput> {
        let doing = || format!("running `{}` on {node}", command.join(" "));
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..CreateExecOptions::default()
        };
        let exec = docker.create_exec(node, options).await.doing(doing)?;
        let StartExecResults::Attached { mut output, input: mut stdin } =
            docker.start_exec(&exec.id, None).await.doing(doing)?
        else {
            return Err(Error::failed(doing(), "the engine did not attach to it"));
        };
        let feed = async {
            while let Some(chunk) = input.next().await {
                // A command that ends early closes the pipe; its output says why.
                if stdin.write_all(chunk?.as_ref()).await.is_err() {
                    break;
                }
            }
            let _ = stdin.shutdown().await;
            Ok(())
        };
        let read = async {
            let mut text = Vec::new();
            while let Some(chunk) = output.next().await {
                text.extend_from_slice(chunk.doing(doing)?.as_ref());
            }
            Ok(String::from_utf8_lossy(&text).into_owned())
        };
        let ((), output) = tokio::try_join!(feed, read)?;
        let code = docker.inspect_exec(&exec.id).await.doing(doing)?.exit_code.unwrap_or(-1);
        Ok(ExecOutput { code, output })
    }
}

/// What to do about an engine that does not answer, for this reason.
fn next(host: &Host, why: &str) -> String {
    const PLACES: [&str; 3] = ["/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd"];
    let installed = PLACES.iter().any(|place| Path::new(place).exists());
    match tool::install("dockerd").filter(|_| !installed) {
        Some(install) => install,
        None if why.to_lowercase().contains("permission denied") => {
            "`sudo usermod --append --groups docker $USER` lets you speak to it, once you have logged in anew"
                .to_owned()
        }
        None if host.is_usual() => "`sudo systemctl start docker` starts it".to_owned(),
        None => format!("start that engine, or correct {}", host.named_by),
    }
}

impl Nodes for Engine {
    async fn of_cluster(&self, cluster: &str) -> Result<Vec<Node>> {
        let docker = Self::answers().await?;
        let label = vec![format!("io.x-k8s.kind.cluster={cluster}")];
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&HashMap::from([("label", label)]))
            .build();
        let containers = docker.list_containers(Some(options)).await;
        let containers =
            containers.doing(|| format!("looking for the nodes of the kind cluster {cluster}"))?;
        Ok(containers
            .into_iter()
            .filter_map(|container| {
                let name = container.names?.first()?.trim_start_matches('/').to_owned();
                let running = container.state.is_some_and(|state| state.to_string() == "running");
                Some(Node { name, running })
            })
            .collect())
    }

    async fn start(&self, node: &str) -> Result<()> {
        let docker = Self::answers().await?;
        docker
            .start_container(node, None::<StartContainerOptions>)
            .await
            .doing(|| format!("starting the node {node}"))
    }

    async fn stop(&self, node: &str) -> Result<()> {
        let docker = Self::answers().await?;
        docker
            .stop_container(node, None::<StopContainerOptions>)
            .await
            .doing(|| format!("stopping the node {node}"))
    }

    async fn exec(&self, node: &str, command: &[&str], input: Vec<u8>) -> Result<ExecOutput> {
        let docker = Self::answers().await?;
        let input = futures_util::stream::iter([Ok(input)]);
        Self::pipe(&docker, node, command, input).await
    }

    async fn copy_image(&self, image: &str, node: &str) -> Result<bool> {
        let docker = Self::answers().await?;
        if docker.inspect_image(image).await.is_err() {
            return Ok(false);
        }
        let doing = || format!("copying the image {image} to {node}");
        let archive = docker.export_image(image).map(|chunk| chunk.doing(doing));
        let import = ["ctr", "--namespace", "k8s.io", "images", "import", "-"];
        let output = Self::pipe(&docker, node, &import, Box::pin(archive)).await?;
        if output.code == 0 { Ok(true) } else { Err(Error::failed(doing(), output.output.trim())) }
    }
}
