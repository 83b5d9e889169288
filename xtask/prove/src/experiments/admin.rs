//! XII: a one-off process has the image, the environment, the user and the limits of all others.

use std::collections::BTreeMap;

use xtask_contract::{Context, Digest, Result};

use crate::{notes::Notes, picture::Picture, stage::Stage, system::Process};

/// What is compared.
#[derive(Debug, PartialEq, Eq)]
struct Looks {
    program: Digest,
    environment: BTreeMap<String, String>,
    user: (String, String),
    limits: String,
}

/// How often a one-off process is started until it is seen before it has ended.
const TRIES: usize = 10;

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let Some(serving) = stage.serving()?.into_iter().next() else {
        notes.not_shown("No process serves to compare with.");
        return Ok(());
    };
    let wanted = look(&serving.process).doing(|| format!("looking at {}", serving.name))?;
    let before = stage.processes()?;
    let mut seen = None;
    for _ in 0..TRIES {
        seen = one_off(stage)?;
        if seen.is_some() {
            break;
        }
    }
    let Some(found) = seen else {
        notes.not_shown("Each one-off process had ended before it was seen.");
        return Ok(());
    };
    compare(stage, &serving.name, (&wanted, &found), notes);
    exit_code(stage, notes)?;
    let after = stage.processes()?;
    notes.check(
        before == after,
        "Nothing of it is left, and the other processes went on.",
        ("left_behind", "The deploy's processes are others than before."),
    );
    let rows = vec![
        vec!["program".to_owned(), wanted.program.short(), found.program.short()],
        vec!["user".to_owned(), wanted.user.0, found.user.0],
        vec![
            "variables".to_owned(),
            wanted.environment.len().to_string(),
            found.environment.len().to_string(),
        ],
    ];
    notes.picture(Picture::table("A one-off process", &["", &serving.name, "one-off"], rows));
    notes.command(format!("cargo xtask admin --env {} -- check", stage.env));
    Ok(())
}

/// What a one-off process has like a process of this name, and what it has not.
fn compare(stage: &Stage<'_>, name: &str, (wanted, found): (&Looks, &Looks), notes: &mut Notes) {
    let differs: Vec<String> = wanted
        .environment
        .iter()
        .filter(|(name, value)| found.environment.get(*name) != Some(value))
        .map(|(name, _)| name.clone())
        .filter(|name| !stage.ground.tells(name))
        .collect();
    for (what, cause, same) in [
        ("program", "other_image", found.program == wanted.program),
        ("user and group", "other_user", found.user == wanted.user),
        ("limits", "other_limits", found.limits == wanted.limits),
    ] {
        notes.check(
            same,
            format!("A one-off process has the {what} of {name}."),
            (cause, format!("A one-off process has another {what} than {name}.")),
        );
    }
    notes.check(
        differs.is_empty(),
        format!("It has each of the variables of {name}, with the same value."),
        ("other_environment", format!("A one-off process has other values of {}", differs.join(", "))),
    );
}

fn look(process: &Process) -> std::io::Result<Looks> {
    Ok(Looks {
        program: process.program()?,
        environment: process.environment()?,
        user: process.user()?,
        limits: process.limits()?,
    })
}

/// Starts a one-off process, and looks at it as soon as it is another program than the toolchain's.
fn one_off(stage: &Stage<'_>) -> Result<Option<Looks>> {
    let lasts = stage.ground.lasts(stage.web()?).map(<[String]>::to_vec);
    let started = stage.toolchain.starts(&admin(stage, &lasts.unwrap_or_else(|| migrate(stage))))?;
    let found = stage.ground.finds(&Process::here(started.id()), &stage.toolchain.program)?;
    let seen = found.and_then(|process| {
        let seen = look(&process).ok();
        process.signal(stage.ground.lets_go());
        seen
    });
    started.ends()?;
    Ok(seen)
}

/// Its exit code arrives.
fn exit_code(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let good = stage.toolchain.call(&strs(&admin(stage, &migrate(stage))), "")?.code;
    let bad = stage.toolchain.call(&strs(&admin(stage, &["no-such-process".to_owned()])), "")?.code;
    notes.check(
        good == 0 && bad != 0,
        format!("Its exit code arrives: 0 of one that has done its work, {bad} of one that does not exist."),
        ("exit_code", format!("Exit codes do not arrive: {good} of a good one, {bad} of a bad one.")),
    );
    Ok(())
}

fn migrate(stage: &Stage<'_>) -> Vec<String> {
    if stage.service.migrate.is_empty() { vec!["describe".to_owned()] } else { stage.service.migrate.clone() }
}

fn admin(stage: &Stage<'_>, args: &[String]) -> Vec<String> {
    let call = ["admin", "--env", stage.env.as_str(), "--"].map(str::to_owned);
    call.into_iter().chain(args.iter().cloned()).collect()
}

fn strs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}
