//! A throw-away PostgreSQL server, for tests: fast instead of durable, gone when it is no longer needed.

use std::{
    fs, io,
    net::TcpListener,
    os::unix::fs::chown,
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use tokio::sync::watch;
use xtask_contract::{Context, Progress, Result, Secret, progress::Silent};

use crate::{
    child::Program,
    postgres_home::{self, unprivileged},
    running::once,
    slot::{Ready, Slot},
};

/// Does something while a PostgreSQL server runs; it gets the URL of the server's superuser.
pub async fn with_postgres<T>(
    progress: &dyn Progress,
    work: impl AsyncFnOnce(&str) -> Result<T>,
) -> Result<T> {
    progress.step("starting a PostgreSQL server for the tests");
    let folder = Folder::make().doing(|| "making a folder for a PostgreSQL server")?;
    let user = if rustix::process::geteuid().is_root() {
        let user = unprivileged().doing(|| "looking for an unprivileged user")?;
        chown(&folder.0, Some(user.uid), Some(user.gid)).doing(|| "giving the folder to PostgreSQL")?;
        Some(user)
    } else {
        None
    };
    let programs = postgres_home::newest_programs()?;
    let program = |name: &str| Program::of_machine(programs.join(name), user, Signal::INT, &[]);
    let data = folder.0.join("data").display().to_string();
    // Its port is open to all users of this machine, and a superuser of PostgreSQL can run programs.
    let password = Secret::random::<16>()?;
    let password_file = folder.0.join("password");
    fs::write(&password_file, password.expose()).doing(|| "writing the password of a PostgreSQL server")?;
    let args = [
        "-D",
        &data,
        "--username=postgres",
        "--auth=scram-sha-256",
        &format!("--pwfile={}", password_file.display()),
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ];
    once(
        &program("initdb"),
        "making a PostgreSQL data folder",
        &args.map(str::to_owned),
        "",
        None,
        &mut |_| {},
    )
    .await?;

    let port = free_port().doing(|| "looking for a free port")?;
    let settings =
        ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=300"];
    let mut args = vec!["-D".to_owned(), data, "-p".to_owned(), port.to_string()];
    args.extend(settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
    let ready = Ready::Says("database system is ready to accept connections");
    let slot = Slot::new("postgres".into(), program("postgres"), args, ready, Signal::INT);
    let running = slot.start().await?;

    let (stop, stopped) = watch::channel(false);
    let url = format!("postgres://postgres:{}@127.0.0.1:{port}/postgres", password.expose());
    let work = async {
        let result = work(&url).await;
        stop.send_replace(true);
        result
    };
    let (result, ()) = tokio::join!(work, slot.keep(running, stopped, &Silent));
    result
}

/// A folder that is deleted when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Self> {
        let name = Secret::random::<4>().map_err(io::Error::other)?;
        // Not in the checkout: the unprivileged user may not be able to enter that.
        let folder = Path::new("/tmp").join(format!("xtask-postgres-{}", name.expose()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind, it costs some disk until the system clears /tmp.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
