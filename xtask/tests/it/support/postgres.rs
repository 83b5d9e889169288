//! PostgreSQL as its other clients see it, and a server that is no deploy's own.

use std::{
    env, fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    thread,
};

use xtask_contract::progress::Silent;

/// What a query answers, a line for each row, or what `psql` says when it cannot ask.
pub(crate) fn ask(url: &str, query: &str) -> Result<String, String> {
    let mut psql = Command::new(psql());
    // Arguments can be read by all users of the machine.
    let (user, rest) = url.split_once('@').unwrap();
    let (place, password) =
        user.rsplit_once(':').filter(|(_, it)| !it.starts_with('/')).unwrap_or((user, ""));
    psql.args(["--no-psqlrc", "--no-password", "--tuples-only", "--no-align", "--command", query]);
    psql.arg(format!("{place}@{rest}")).env("PGPASSWORD", password);
    let output = psql.env("PGCONNECT_TIMEOUT", "10").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The titles of all todos in a database.
#[track_caller]
pub(crate) fn titles(url: &str) -> String {
    ask(url, "SELECT title FROM todos ORDER BY title").unwrap()
}

/// Does something while another server runs; it gets the URL of an empty database there, with this password.
pub(crate) fn with_another(password: &str, work: impl FnOnce(&str)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let done = runtime.block_on(xtask_local::with_postgres(&Silent, async |url: &str| {
        ask(url, "CREATE DATABASE elsewhere").unwrap();
        ask(url, &format!("ALTER USER postgres PASSWORD '{password}'")).unwrap();
        let (_, server) = url.trim_end_matches("/postgres").split_once('@').unwrap();
        work(&format!("postgres://postgres:{password}@{server}/elsewhere"));
        Ok(())
    }));
    done.unwrap();
}

/// The command, from PATH or from where packages put it.
fn psql() -> PathBuf {
    let packages = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = packages.map(|version| version.path().join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).chain(folders).map(|folder| folder.join("psql"));
    found.into_iter().find(|path| path.is_file()).expect("psql comes with PostgreSQL's server packages")
}

/// The port of a server that asks who is there, for the password, too, and lets nobody in.
pub(crate) fn that_refuses() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().flatten().for_each(|client| drop(refuse(client))));
    port
}

/// The first words of PostgreSQL's protocol.
fn refuse(mut client: TcpStream) -> io::Result<()> {
    client.read_exact(&mut [0; 8])?; // whether there is TLS
    client.write_all(b"N")?;
    read_message(&mut client)?; // who it is
    client.write_all(b"R\0\0\0\x08\0\0\0\x03")?;
    client.read_exact(&mut [0])?;
    read_message(&mut client)?; // the password
    let refusal = b"SFATAL\0VFATAL\0C28000\0Mnobody is let in\0\0";
    let length = u32::try_from(refusal.len() + 4).unwrap().to_be_bytes();
    client.write_all(&[&b"E"[..], &length, refusal].concat())
}

/// Reads a length, which counts itself, and what is so long.
fn read_message(client: &mut TcpStream) -> io::Result<()> {
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length).saturating_sub(4);
    io::copy(&mut client.take(length.into()), &mut io::sink()).map(drop)
}
