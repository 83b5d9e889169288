//! Requests from the API's description, and answers held against it.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::process::Command;

use super::{
    database::TestDatabase,
    needs::{long, missing},
    process::Service,
    unharmed::unharmed,
};

const VERSION: &str = "4.32.5";

/// How many requests there are to be in all, where there is time.
const ALL: usize = 10_000;

/// How many there are at least in one run, and nowhere fewer.
const SOME: usize = 300;

/// For how long runs are begun: a busy machine does what it can, and says how much that was.
const LONGEST: Duration = Duration::from_mins(3);

/// How many runs there are at a time. Making the requests takes longer than answering them.
const SIDE_BY_SIDE: usize = 2;

/// How many each operation gets in one run, where there is time and elsewhere. Of many more, most of the time goes into
/// finding new ones.
const EACH: [&str; 2] = ["40", "4"];

#[tokio::test]
async fn requests_from_the_description_are_answered_as_it_says() {
    let Some(schemathesis) = install().await else { return };
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("LOG_LEVEL", "info")]).await;
    let began = Instant::now();
    if long() {
        let lanes = (0..SIDE_BY_SIDE).map(async |_| {
            while requests(&service) < ALL && began.elapsed() < LONGEST {
                run(&schemathesis, &service, EACH[0]).await;
            }
        });
        join_all(lanes).await;
    } else {
        run(&schemathesis, &service, EACH[1]).await;
    }
    let sent = requests(&service);
    // Past the test harness, which shows what is printed only if the test fails.
    let _ = writeln!(io::stderr(), "{sent} requests from the description in {:?}", began.elapsed());
    assert!(sent >= SOME, "{sent}");
    unharmed(service).await;
}

fn requests(service: &Service) -> usize {
    service.log().iter().filter(|line| line.contains("\"message\":\"request\"")).count()
}

async fn run(schemathesis: &Path, service: &Service, each: &str) {
    let output = Command::new(schemathesis)
        .args(["--no-color", "run", &service.url("/api/openapi.json")])
        .args(["--max-examples", each, "--workers", "1", "--continue-on-failure"])
        // Has no end.
        .args(["--exclude-path", "/api/events"])
        // Of a precondition, a cursor or a used key no description can say whether it will do; and what was deleted may
        // have been restored in the same scenario, of which the check that looks for it knows nothing.
        .args(["--checks", "all", "--exclude-checks", "positive_data_acceptance,use_after_free"])
        .args(["--request-timeout", "60", "--suppress-health-check", "all", "--warnings", "off"])
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

/// The program, in an environment of its own.
async fn install() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("schemathesis-{VERSION}"));
    let program = folder.join("bin/schemathesis");
    if try_to(Command::new(&program).arg("--version")).await.is_ok() {
        return Some(program);
    }
    let package = format!("schemathesis=={VERSION}");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", &package]);
    for (command, what) in [(venv, "Python with its module venv"), (pip, "the Python package schemathesis")] {
        let mut command = command;
        if let Err(why) = try_to(&mut command).await {
            missing(&format!("{what} ({})", why.trim()));
            return None;
        }
    }
    Some(program)
}

async fn try_to(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().await.map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(text(&output)) }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &*String::from_utf8_lossy(&output.stderr)
}
