//! `cargo xtask setup`: sets this machine up by ansible/setup.yaml. The playbook is Ansible's alone; what is here is
//! that Ansible may have to be brought first.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use xtask_contract::{Callee, Context, Error, Progress, Repo, Result, command};

use crate::{cli, ui::Ui};

const PLAYBOOK: &str = "ansible/setup.yaml";
/// The versions of what Ansible itself consists of.
const REQUIREMENTS: &str = "ansible/requirements.txt";

pub(crate) fn setup(repo: &Repo, args: &cli::Setup, ui: &Ui) -> Result<()> {
    let doing = || "setting this machine up";
    if !repo.root().join(PLAYBOOK).is_file() {
        return Err(Error::refused(doing(), format!("this project has no {PLAYBOOK}"))
            .next("`cargo xtask doctor` says what is missing; the folder `ansible` of the toolchain's repository brings it"));
    }
    let ansible = ansible(repo, ui)?;
    let mut play = Callee::Ansible.command(ansible);
    play.current_dir(repo.root()).arg(PLAYBOOK).args(["--inventory", "localhost,", "--connection", "local"]);
    if let Some(tags) = &args.tags {
        play.args(["--tags", tags]);
    }
    if args.check {
        play.args(["--check", "--diff"]);
    }
    if asks_for_a_password() {
        ui.note("sudo needs your password to install packages");
        play.arg("--ask-become-pass");
    }
    if ui.is_json() {
        play.stdout(io::stderr());
    }
    ui.finish_step();
    let status = play.args(&args.more).status().doing(doing)?;
    if !status.success() {
        return Err(Error::failed(doing(), format!("ansible-playbook ended with {status}")).next(
            "the task that failed is named above, with what to do; the same command goes on from there",
        ));
    }
    let words = if args.check { "that is what would change" } else { "this machine is set up" };
    ui.result(words, &serde_json::json!({ "check": args.check }));
    Ok(())
}

/// The program that plays playbooks: this machine's or, if there is none, one in a virtual environment of the
/// checkout's own.
fn ansible(repo: &Repo, ui: &Ui) -> Result<PathBuf> {
    const PROGRAM: &str = "ansible-playbook";
    if works(Path::new(PROGRAM)) {
        return Ok(PROGRAM.into());
    }
    let own = repo.state().join("ansible");
    let program = own.join("bin").join(PROGRAM);
    if works(&program) {
        return Ok(program);
    }
    let doing = || "installing ansible-core for this checkout";
    ui.step(doing());
    let run = |command: &mut Command| {
        command::run(command.current_dir(repo.root())).map_err(|failure| {
            failure.error(doing()).next(
                "`sudo apt-get install python3-venv` brings what it takes, `sudo apt-get install ansible-core` the \
                 system's own; then the same command again",
            )
        })
    };
    // Whatever a killed attempt has left is made anew.
    run(Callee::Ansible.command("python3").args(["-m", "venv", "--clear"]).arg(&own))?;
    let pip = ["install", "--quiet", "--disable-pip-version-check", "--requirement", REQUIREMENTS];
    run(Callee::Ansible.command(own.join("bin/pip")).args(pip))?;
    Ok(program)
}

fn works(program: &Path) -> bool {
    let try_it = Callee::Ansible
        .command(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    try_it.is_ok_and(|status| status.success())
}

/// Whether sudo wants a password, and somebody is there to give it.
fn asks_for_a_password() -> bool {
    let silent = Callee::Ansible
        .command("sudo")
        .args(["-n", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    !rustix::process::geteuid().is_root()
        && io::stdin().is_terminal()
        && !silent.is_ok_and(|status| status.success())
}
