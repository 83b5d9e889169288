//! The service itself: how soon it answers after it was started, and what it holds of memory.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Instant,
};

use xtask_contract::{Context, Error, Progress, Result};

use super::{Bench, Figure};
use crate::verb::runtime;

pub(super) fn figures(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.ui.step("measuring the service");
    let (mut starts, mut memory) = (Vec::new(), Vec::new());
    runtime()?.block_on(xtask_run::with_postgres(bench.ui, async |url| {
        let mut command = Command::new(&bench.built.program);
        command.env_clear().env("DATABASE_URL", url).stdout(Stdio::null());
        let migrated = command.arg("migrate").status().doing(|| "migrating a database")?;
        if !migrated.success() {
            return Err(Error::failed("migrating a database", migrated));
        }
        for _ in 0..bench.runs {
            let (start, resident) = once(bench, url)?;
            starts.push(start);
            memory.push(resident);
        }
        Ok(())
    }))?;
    Ok(vec![
        Figure::millis("service ready after exec", 50.0, starts),
        Figure {
            name: "service's resident memory",
            unit: "MiB",
            ours: super::median(memory),
            goal: 20.0,
            peer: None,
        },
    ])
}

/// Milliseconds until the service is ready, and its memory in MiB then.
fn once(bench: &Bench<'_>, url: &str) -> Result<(f64, f64)> {
    let doing = || "starting the service";
    let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).doing(doing)?.port();
    let started = Instant::now();
    let mut command = Command::new(&bench.built.program);
    command.arg("web").env_clear().stdout(Stdio::null());
    command.env("DATABASE_URL", url).env("PORT", port.to_string()).env("BIND_ADDRESS", "127.0.0.1");
    let service = Killed(command.spawn().doing(doing)?);
    while !ready(port) {
        if started.elapsed().as_secs() > 10 {
            return Err(Error::failed(doing(), "it is not ready after 10 s"));
        }
    }
    let elapsed = started.elapsed().as_secs_f64() * 1e3;
    let status = fs::read_to_string(format!("/proc/{}/status", service.0.id())).doing(doing)?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: f64 = resident.trim().trim_end_matches(" kB").parse().unwrap_or(f64::NAN);
    Ok((elapsed, kib / 1024.0))
}

fn ready(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// A process that does not outlive its measurement.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}
