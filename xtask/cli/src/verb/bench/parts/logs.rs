//! The logs of a local deploy: how soon many lines are shown.

use std::{fmt::Write, fs};

use xtask_contract::{Context, Progress, Repo, Result};

use super::super::{
    Bench,
    figure::{Figure, Goal, Unit, What},
    timed,
};

const SHOW: What = What::least("logs, 100,000 lines", Unit::Millis, Goal::Value(1000.0));

const LINES: u32 = 100_000;

pub(super) async fn figures(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.ui.step("measuring logs");
    let folder = Repo::around(bench.place.folder())?.state().join("local/logs");
    let keep = || fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("00000001.log"), lines()));
    keep().doing(|| format!("writing logs to {}", folder.display()))?;
    let program = std::env::current_exe().doing(|| "looking for this program")?;
    let mut show = Vec::new();
    for _ in 0..bench.runs {
        show.push(timed(bench.call(&program, &["logs", "--env", "local"])).await?);
    }
    Ok(SHOW.of(&show).into_iter().collect())
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
