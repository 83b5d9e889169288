//! The Docker Engine of this machine, by the `docker` command: so it is the one that the user works with, whichever
//! context, host or variable names it.

use std::{process::Stdio, time::Duration};

use tokio::{io::AsyncWriteExt, process::Command, time};
use xtask_contract::{Callee, Digest, Result, command};

/// How long an engine may take to say that it is there.
const PING: Duration = Duration::from_secs(3);

/// Whether an engine answers.
pub(crate) async fn answers() -> bool {
    succeeds(&["version", "--format", "{{.Server.Version}}"]).await
}

/// Whether the engine has the image with this configuration.
pub(crate) async fn has_image(config: &Digest) -> bool {
    succeeds(&["image", "inspect", "--format", "{{.Id}}", &config.to_string()]).await
}

async fn succeeds(args: &[&str]) -> bool {
    let output = docker(args).stdin(Stdio::null()).output();
    time::timeout(PING, output).await.is_ok_and(|output| output.is_ok_and(|output| output.status.success()))
}

/// Gives the engine an image, as a tar archive.
pub(crate) async fn load(archive: &[u8]) -> Result<()> {
    let call = async {
        let mut docker = docker(&["load", "--quiet"]).stdin(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = docker.stdin.take() {
            // One that ends early closes the pipe; what it said tells why.
            let _ = stdin.write_all(archive).await;
        }
        docker.wait_with_output().await
    };
    let doing = "loading the image into the Docker Engine";
    command::outcome("docker", call.await).map(drop).map_err(|failure| failure.error(doing))
}

fn docker(args: &[&str]) -> Command {
    let mut docker = Command::from(Callee::Kind.command("docker"));
    docker.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    docker
}
