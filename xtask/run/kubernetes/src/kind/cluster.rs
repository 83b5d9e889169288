//! The kind cluster of a deploy: made if it is missing, started if it was stopped.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use kube::{Client, config::Kubeconfig};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command, time};
use xtask_contract::{
    Callee, Context, Error, Progress, Repo, Result, command, deploy::KindTarget, durable, templates,
};

use xtask_run::SILENCE;

use super::{
    creation,
    nodes::{Node, Nodes},
    settle, verification,
};
use crate::connect;

/// How long an API server may take to answer after its node was started.
const START: Duration = Duration::from_secs(90);
const PERIOD: Duration = Duration::from_millis(200);

/// A client of the deploy's cluster, and its nodes' names.
pub(super) struct Cluster {
    pub(super) client: Client,
    pub(super) nodes: Vec<String>,
}

impl Cluster {
    /// The cluster, made or started if need be.
    pub(super) async fn ready(
        repo: &Repo,
        target: &KindTarget,
        engine: &impl Nodes,
        silence: Duration,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let files = Files::of(repo, &target.cluster);
        let mut nodes = engine.of_cluster(&target.cluster).await?;
        if files.making.exists() {
            progress.step("removing a cluster that was not finished");
            kind(&["delete", "cluster", "--name", &target.cluster], None).await?;
            nodes.clear();
        }
        if nodes.is_empty() {
            super::can_be_made(target).await?;
            progress.step(&format!("making the kind cluster {}", target.cluster));
            make(repo, target, &files).await?;
            nodes = engine.of_cluster(&target.cluster).await?;
            verification::turn_off(&nodes, engine).await?;
        }
        let stopped: Vec<&Node> = nodes.iter().filter(|node| !node.running).collect();
        let client = if stopped.is_empty() {
            connect(target, &files, silence, false).await?
        } else {
            progress.step(&format!("starting the kind cluster {}", target.cluster));
            let since = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
            for node in stopped {
                engine.start(&node.name).await?;
            }
            let client = connect(target, &files, silence, true).await?;
            settle::pods_again(&client, &target.namespace, since).await;
            client
        };
        Ok(Self { client, nodes: nodes.into_iter().map(|node| node.name).collect() })
    }
}

/// Deletes a cluster with all that is in it.
pub(super) async fn delete(repo: &Repo, cluster: &str) -> Result<()> {
    kind(&["delete", "cluster", "--name", cluster], None).await?;
    let _ = fs::remove_file(Files::of(repo, cluster).kubeconfig);
    Ok(())
}

/// A client of a cluster that is known to run.
pub(super) async fn client(repo: &Repo, target: &KindTarget) -> Result<Client> {
    connect(target, &Files::of(repo, &target.cluster), SILENCE, false).await
}

/// A client of a cluster by the kubeconfig at hand, if there is one: nothing is started, or waited for.
pub(super) async fn open_at_hand(repo: &Repo, target: &KindTarget, silence: Duration) -> Result<Client> {
    open(&Files::of(repo, &target.cluster).kubeconfig, silence).await
}

/// Whether this checkout has ever talked to the cluster.
pub(super) fn was_talked_to(repo: &Repo, target: &KindTarget) -> bool {
    Files::of(repo, &target.cluster).kubeconfig.exists()
}

/// Whether making it was begun and not finished.
pub(super) fn is_unfinished(repo: &Repo, target: &KindTarget) -> bool {
    Files::of(repo, &target.cluster).making.exists()
}

/// The cluster's files in `.xtask/kind`. The kubeconfig is kept out of the user's own: a deploy does not
/// change what `kubectl` talks to.
struct Files {
    kubeconfig: PathBuf,
    making: PathBuf,
    /// What kind said when it could not make the cluster.
    log: PathBuf,
}

impl Files {
    fn of(repo: &Repo, cluster: &str) -> Self {
        let folder = repo.state().join("kind");
        let file = |ending: &str| folder.join(format!("{cluster}.{ending}"));
        Self { kubeconfig: file("kubeconfig"), making: file("making"), log: file("log") }
    }
}

async fn make(repo: &Repo, target: &KindTarget, files: &Files) -> Result<()> {
    let doing = || format!("making the kind cluster {}", target.cluster);
    let text = templates::text(repo, "kind.yaml")?.unwrap_or_default();
    let mut config: Value = serde_saphyr::from_str(&text).doing(|| "reading k8s/kind.yaml")?;
    for end in ["containerPort", "hostPort"] {
        config["nodes"][0]["extraPortMappings"][0][end] = json!(target.port);
    }
    let config = serde_saphyr::to_string(&config).doing(doing)?;
    fs::create_dir_all(files.kubeconfig.parent().unwrap_or(&files.kubeconfig)).doing(doing)?;
    let kubeconfig = files.kubeconfig.display().to_string();
    let mut args =
        vec!["create", "cluster", "--name", &target.cluster, "--config", "-", "--kubeconfig", &kubeconfig];
    let image = std::env::var("KIND_NODE_IMAGE").unwrap_or_default();
    if !image.is_empty() {
        args.extend(["--image", &image]);
    }
    // Should this be killed half-way, the next run starts over.
    durable::replace(&files.making, b"", 0o644).doing(doing)?;
    let made = kind(&args, Some(&config)).await;
    // kind removes what it could not finish.
    fs::remove_file(&files.making).doing(doing)?;
    made.map(drop).map_err(|error| creation::explained(error, target.port, &files.log))
}

/// Connects with the kubeconfig at hand, or, if that does not fit (the cluster was made anew elsewhere), with
/// the one that kind gives.
async fn connect(target: &KindTarget, files: &Files, silence: Duration, fresh: bool) -> Result<Client> {
    if let Ok(client) = open(&files.kubeconfig, silence).await
        && client.apiserver_version().await.is_ok()
    {
        return Ok(client);
    }
    let text = kind(&["get", "kubeconfig", "--name", &target.cluster], None).await?;
    // The cluster may have been made from another checkout.
    fs::create_dir_all(files.kubeconfig.parent().unwrap_or(&files.kubeconfig))
        .and_then(|()| durable::replace(&files.kubeconfig, text.as_bytes(), 0o600))
        .doing(|| format!("writing {}", files.kubeconfig.display()))?;
    let client = open(&files.kubeconfig, silence).await?;
    let answered = async {
        loop {
            match client.apiserver_version().await {
                Ok(_) => return Ok::<_, kube::Error>(()),
                Err(error) if !fresh => return Err(error),
                Err(_) => time::sleep(PERIOD).await,
            }
        }
    };
    let doing = || format!("connecting to the kind cluster {}", target.cluster);
    let next = format!(
        "see `docker logs {0}-control-plane`; to start over: `kind delete cluster --name {0}`",
        target.cluster
    );
    match time::timeout(START, answered).await {
        Ok(Ok(())) => Ok(client),
        Ok(Err(error)) => Err(Error::failed(doing(), xtask_contract::error::chain(&error)).next(next)),
        Err(_) => {
            Err(Error::failed(doing(), format!("it does not answer after {} s", START.as_secs())).next(next))
        }
    }
}

async fn open(kubeconfig: &Path, silence: Duration) -> Result<Client> {
    let doing = format!("reading {}", kubeconfig.display());
    let kubeconfig = Kubeconfig::read_from(kubeconfig).doing(|| doing.as_str())?;
    connect::client(kubeconfig, None, silence, &doing).await
}

/// Runs the `kind` command and gives back its standard output.
pub(super) async fn kind(args: &[&str], input: Option<&str>) -> Result<String> {
    let doing = || format!("running `kind {}`", args.join(" "));
    let mut command = Command::from(Callee::Kind.command("kind"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let call = async {
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that ends early closes the pipe; what it said tells why.
            let _ = stdin.write_all(input.unwrap_or_default().as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let output = command::outcome("kind", call.await).map_err(|failure| failure.error(doing()))?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

/// Whether the commands are there that it takes to make a cluster: kind calls Docker's.
pub(super) async fn tools() -> [Result<()>; 2] {
    let kind = async { kind(&["version"], None).await.map(drop) };
    let docker = async {
        let mut docker = Command::from(Callee::Kind.command("docker"));
        let asked = docker.arg("--version").stdin(Stdio::null()).output().await;
        let said = command::outcome("docker", asked);
        said.map(drop).map_err(|failure| failure.error("looking for the command that kind calls"))
    };
    let (kind, docker) = tokio::join!(kind, docker);
    [kind, docker]
}
