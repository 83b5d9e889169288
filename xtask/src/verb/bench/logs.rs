//! The logs of a deploy of this machine: how soon many lines are shown.

use std::{fmt::Write, fs};

use xshell::cmd;
use xtask_contract::{Context, Progress, Repo, Result};

use super::{Bench, Figure};

const LINES: u32 = 100_000;

pub(super) fn figures(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.ui.step("measuring logs");
    let folder = Repo::around(bench.place.folder.path())?.state().join("local/logs");
    let keep = || fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("00000001.log"), lines()));
    keep().doing(|| format!("writing logs to {}", folder.display()))?;
    let program = std::env::current_exe().doing(|| "looking for this program")?;
    let sh = &bench.place.sh;
    let show = bench.time(|_| {
        let show = cmd!(sh, "{program} logs --env local").quiet().ignore_stdout().run();
        show.doing(|| "running xtask logs")
    })?;
    Ok(vec![Figure::millis("logs, 100,000 lines", 1000.0, show)])
}

/// Lines as the service writes them for each request.
fn lines() -> String {
    let mut text = String::new();
    for n in 0..LINES {
        let time = format!("2011-04-06T20:{:02}:{:02}.{:06}Z", n / 60 % 60, n % 60, n % 1_000_000);
        let _ = writeln!(
            text,
            "{time} 2011-04-06-20:00:00 web.{} 4711 {{\"timestamp\":\"{time}\",\"level\":\"INFO\",\
             \"message\":\"answered\",\"status\":200,\"duration_ms\":1.5,\"target\":\"todo_api::web\",\
             \"span\":{{\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\"method\":\"GET\",\
             \"path\":\"/api/todos/{n}\",\"name\":\"request\"}}}}",
            1 + n % 3
        );
    }
    text
}
