//! The same service with django-ninja, in `bench/peer`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use xtask_contract::{Context, Progress, Result};

use super::{
    Bench,
    parts::service::configured,
    process::{Running, SHORT, free_port, on_one_core},
};

/// The name that the figures call it by.
pub(super) const NAME: &str = "django-ninja";

/// What is not measured without it.
const ALL: &str = "all beside django-ninja";

/// Installs it below `target`, unless that was done before; none where there is no Python or no package index.
pub(super) async fn install(bench: &Bench<'_>) -> Result<Option<PathBuf>> {
    if let Some(why) = bench.lacks("python3", &["-c", "import venv, ensurepip"]).await {
        bench.skip(ALL, &format!("it takes python3 and its venv, python3-venv on Debian: {why}"));
        return Ok(None);
    }
    let folder = bench.repo.rebuildable().join("bench-peer");
    let requirements = bench.repo.root().join("bench/peer/requirements.txt");
    let wanted = fs::read_to_string(&requirements).doing(|| format!("reading {}", requirements.display()))?;
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(Some(folder));
    }
    bench.ui.step("installing django-ninja");
    let [environment, requirements] = [&folder, &requirements].map(|path| path.display().to_string());
    bench.call("python3", &["-m", "venv", "--clear", &environment]).await?;
    let args = ["install", "--quiet", "--disable-pip-version-check", "--requirement", &requirements];
    if let Err(error) = bench.call(folder.join("bin/pip"), &args).await {
        let why = error.why.concat();
        bench.skip(ALL, &format!("pip does not install it: {}", why.lines().last().unwrap_or_default()));
        return Ok(None);
    }
    fs::write(&installed, wanted).doing(|| format!("writing {}", installed.display()))?;
    Ok(Some(folder))
}

/// Starts it on a core with as many connections to the database, and waits until it answers.
pub(super) async fn start(bench: &Bench<'_>, folder: &Path, url: &str, connections: u32) -> Result<Running> {
    let port = free_port()?;
    let mut command: Command = configured(on_one_core(folder.join("bin/uvicorn")), url);
    command.current_dir(bench.repo.root().join("bench/peer"));
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("CONNECTIONS", connections.to_string());
    command.args(["service:app", "--loop", "uvloop", "--http", "httptools"]);
    command.args(["--no-access-log", "--log-level", "warning", "--port", &port.to_string()]);
    let mut peer = Running::start(NAME, &mut command, port)?;
    peer.until_ready(NAME, "/api/todos?limit=1", SHORT).await?;
    Ok(peer)
}
