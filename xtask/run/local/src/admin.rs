//! A one-off process on this machine.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt,
    process::Command,
};

use xtask_contract::{EnvName, Error, Progress, Repo, Result};

use crate::{environment::environment, environment::own_url, executable::Executable, lock};
use xtask_run::{Options, Wanted};

/// Becomes the process: so it has this one's terminal and signals, and its exit code is this one's.
pub(crate) fn admin(
    repo: &Repo,
    env: &EnvName,
    wanted: &Wanted,
    args: &[String],
    terminal: Option<String>,
    progress: &dyn Progress,
) -> Result<Infallible> {
    let options = Options::default();
    let job = wanted.job(repo, env, &options, progress);
    let executable = Executable::of_image(job.layout, &job.verified.release.image.digest)?;
    if let Some(url) = own_url(&job)?
        && TcpStream::connect((Ipv4Addr::LOCALHOST, url.port)).is_err()
    {
        progress.note(&format!(
            "the database of {env} is down; `cargo xtask services up postgres --env {env}` starts it"
        ));
    }
    let mut command = Command::new(executable.path());
    command.arg0(executable.called_in(&lock::folder(repo, env)));
    command.args(args).env_clear().envs(environment(&job)).current_dir("/");
    if let Some(terminal) = terminal {
        command.env("TERM", terminal);
    }
    let error: io::Error = command.exec();
    Err(Error::failed(format!("starting the program of {}", job.verified.release.id), error))
}
