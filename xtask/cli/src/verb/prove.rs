//! `cargo xtask prove`: each factor shown by an experiment that can fail.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use xtask_contract::{Context, Deploy, EnvName, Progress, Repo, Result, durable};
use xtask_prove::{
    Calibration, Caught, Panel, Proof, Verdict, Wanted, badge, calibrate, page, prove as shown,
};

use crate::{
    End,
    backends::Known,
    cli,
    ui::{Text, Ui},
};

/// What is kept of the last calibration, beside the proofs.
const CALIBRATION: &str = "calibration.json";

/// What is done to a deploy in use, said before it is.
const LIVE: &str = "looking at the deploy as it runs: its pages are read, its processes and its log looked at, two one-off \
                    processes and some beside it are started; nothing is written, scaled, killed or released";

pub(crate) fn prove(repo: &Repo, args: &cli::Prove, backends: &Known<'_>, ui: &Ui) -> Result<End> {
    if !args.calibrate && Deploy::read(repo, &args.env)?.target.node_port().is_some() {
        // What it calls is this program, which is then the one that has all that it takes.
        backends.clusters()?;
    }
    let program = std::env::current_exe().doing(|| "looking for this program")?;
    let (env, factors, stop) = (&args.env, args.wanted(), told_to_stop()?);
    let wanted = Wanted { repo, env, factors: &factors, live: args.live, program, stop };
    if args.calibrate {
        return calibrated(&wanted, ui);
    }
    if args.live {
        ui.note(LIVE);
    }
    let proof = Proof { calibration: last_calibration(repo), ..shown(&wanted, ui)? };
    let page = kept(repo, env, &proof)?;
    ui.result(words(&proof, repo.relative(&page)), &proof);
    Ok(if proof.holds() { End::Done } else { End::Broken })
}

fn calibrated(wanted: &Wanted<'_>, ui: &Ui) -> Result<End> {
    let calibration = calibrate(wanted, ui)?;
    let path = folder(wanted.repo).join(CALIBRATION);
    let doing = || format!("writing {}", path.display());
    let document = serde_json::to_string_pretty(&calibration).doing(doing)?;
    fs::create_dir_all(folder(wanted.repo)).doing(doing)?;
    durable::replace(&path, document.as_bytes(), 0o644).doing(doing)?;
    ui.result(words_of(&calibration), &calibration);
    Ok(if calibration.holds() { End::Done } else { End::Broken })
}

/// One that cannot be read is as good as none.
fn last_calibration(repo: &Repo) -> Option<Calibration> {
    serde_json::from_slice(&fs::read(folder(repo).join(CALIBRATION)).ok()?).ok()
}

fn words_of(calibration: &Calibration) -> Text {
    let line = |caught: &Caught| {
        let found = || if caught.found.is_empty() { "nothing".to_owned() } else { caught.found.join(", ") };
        let verdict = if caught.is() {
            format!("caught: {}", caught.cause)
        } else {
            format!("NOT CAUGHT: {} was found, not {}", found(), caught.cause)
        };
        format!("{:<17} a service that {}: {verdict}", caught.factor, caught.words)
    };
    let mut text = Text::lines(calibration.violations.iter().map(line));
    for alarm in &calibration.false_alarms {
        text.push(Text::paragraph(&format!("FALSE ALARM, of a service that breaks nothing: {alarm}")));
    }
    text
}

fn folder(repo: &Repo) -> PathBuf {
    repo.rebuildable().join("proof")
}

/// Becomes true when somebody wants it to end: what was started for the experiments is then stopped in good order.
fn told_to_stop() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, runtime) = (stop.clone(), super::runtime()?);
    thread::spawn(move || {
        if runtime.block_on(xtask_run::interrupted()).is_ok() {
            tell.store(true, Ordering::Relaxed);
        }
    });
    Ok(stop)
}

/// Keeps the page, the badge and the document, and tells where the page is.
fn kept(repo: &Repo, env: &EnvName, proof: &Proof) -> Result<PathBuf> {
    let folder = folder(repo);
    let doing = || format!("writing to {}", folder.display());
    fs::create_dir_all(&folder).doing(doing)?;
    let document = serde_json::to_string_pretty(proof).doing(doing)?;
    let write = |ending: &str, text: &str| {
        let path = folder.join(format!("{env}.{ending}"));
        durable::replace(&path, text.as_bytes(), 0o644).doing(doing).map(|()| path)
    };
    write("json", &document)?;
    write("svg", &badge(proof))?;
    write("html", &page(proof))
}

fn words(proof: &Proof, page: &Path) -> Text {
    let mut text = Text::lines(proof.panels.iter().map(line));
    for panel in &proof.panels {
        for problem in &panel.problems {
            text.push(Text::paragraph(&format!("{}: {}", panel.factor.title(), problem.text)));
        }
    }
    text.push(format!("all that was seen: {}", page.display()));
    text
}

fn line(panel: &Panel) -> String {
    let verdict = match panel.verdict {
        Verdict::Holds => "holds".to_owned(),
        Verdict::Broken => "BROKEN".to_owned(),
        Verdict::NotShown => format!("not shown: {}", panel.not_shown.join(" ")),
    };
    format!("{:>4}  {:<19}  {verdict}", panel.factor.numeral(), panel.factor.title())
}

#[cfg(test)]
mod tests {
    use xtask_prove::Factor;

    use super::*;

    #[test]
    fn a_line_says_of_a_factor_what_came_of_it() {
        let panel = |factor, verdict, not_shown: &[&str]| Panel {
            factor,
            verdict,
            seen: Vec::new(),
            problems: Vec::new(),
            not_shown: not_shown.iter().map(|one| (*one).to_owned()).collect(),
            pictures: Vec::new(),
            commands: Vec::new(),
            took_ms: 1,
        };
        assert_eq!(line(&panel(Factor::Config, Verdict::Holds, &[])), " III  Config               holds");
        assert_eq!(
            line(&panel(Factor::BackingServices, Verdict::NotShown, &["No database."])),
            "  IV  Backing services     not shown: No database."
        );
    }
}
