//! IV: the database is another one by config alone, and one that is gone for a while is survived.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use xtask_contract::Result;

use super::{may_be_disturbed, no_example, traffic};
use crate::{
    http,
    notes::Notes,
    picture::Picture,
    stage::{SERVERS, Stage},
    system::Process,
    traffic::{Traffic, Use, write},
};

/// How long the server is gone.
const GONE: Duration = Duration::from_secs(10);
/// How soon a request is to be answered that needs it meanwhile.
const IN_TIME: f64 = 5.0;
/// How soon all is to be well after.
const BACK: Duration = Duration::from_secs(5);

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    if !may_be_disturbed(stage, notes) {
        return Ok(());
    }
    if !stage.has_database() {
        notes.not_shown("The deploy's file names no database.");
        return Ok(());
    }
    let Some(example) = &stage.service.example else {
        notes.not_shown(no_example(stage));
        return Ok(());
    };
    let before = write(stage.address(), example, &stage.text(), &[]).ok().and_then(|(_, written)| written);
    let Some(before) = before else {
        notes.broken("not_stored", "What the service is told is not stored, before anything is exchanged.");
        return Ok(());
    };
    let reads = || {
        let answer = http::get(stage.address(), &before.path);
        answer.is_ok_and(|answer| answer.status == 200 && answer.body.contains(&before.text))
    };
    let image = stage.serving()?.first().and_then(|one| one.process.program().ok());
    let traffic = traffic(stage);
    let mut marks = Vec::new();
    stage.attach(SERVERS[1])?;
    stage.release()?;
    stage.take_over()?;
    marks.push((traffic.now(), "another server".to_owned()));
    // Processes of the release before may answer for another moment.
    let elsewhere = stage.wait_until(stage.ground.patience(), || Ok(!reads()))?;
    stage.wait(Duration::from_millis(500))?;
    stage.attach(SERVERS[0])?;
    stage.release()?;
    stage.take_over()?;
    marks.push((traffic.now(), "the first one again".to_owned()));
    let back = stage.wait_until(stage.ground.patience(), || Ok(reads()))?;
    stage.wait(Duration::from_millis(500))?;
    let seen = traffic.stop();
    let failures = seen.failures();
    let same = stage.serving()?.first().and_then(|one| one.process.program().ok()) == image;
    notes.check(
        elsewhere && back && same,
        "By another value of one variable the same program used another server, which had not what was written before; by the \
         first value again, it was there again.",
        (
            "not_exchanged",
            format!("The database was not exchanged by config alone: elsewhere {elsewhere}, back {back}, same program {same}."),
        ),
    );
    notes.check(
        failures.is_empty(),
        format!("{} requests were made meanwhile, and none was lost.", seen.samples.len()),
        ("lost_requests", format!("Requests were lost meanwhile: {}", failures.join("; "))),
    );
    notes.picture(Picture::requests("Requests while the database is exchanged twice", &seen, marks));
    notes.command(format!("cargo xtask services attach postgres --env {}", stage.env));
    taken_away(stage, &Use::Write(example.clone()), notes)
}

/// Its server does not answer for a while, as if it were gone.
fn taken_away(stage: &Stage<'_>, what: &Use, notes: &mut Notes) -> Result<()> {
    let server = stage.server()?;
    if server.is_empty() {
        notes.not_shown("The database's server cannot be seen by this user, and so not be stopped.");
        return Ok(());
    }
    let traffic = Traffic::start(stage.address(), what, 4, Duration::from_millis(100));
    stage.wait(Duration::from_secs(1))?;
    let gone = traffic.now();
    let stopped = Stopped::all(server);
    let waited = stage.wait(GONE);
    drop(stopped);
    let again = traffic.now();
    waited?;
    let (from, answered) = (Instant::now(), traffic.answered());
    stage.wait(BACK)?;
    let goes_on = traffic.answered() > answered;
    let seen = traffic.stop();
    let meanwhile = |sample: &&crate::traffic::Sample| (gone + 1.0..again - 1.0).contains(&sample.at);
    let late = seen.samples.iter().filter(meanwhile).filter(|sample| sample.took > IN_TIME).count();
    let others: Vec<u16> = seen
        .samples
        .iter()
        .filter(meanwhile)
        .filter_map(|sample| sample.status)
        .filter(|status| *status != 503 && !(200..300).contains(status))
        .collect();
    let is_refused = |why: &String| stage.ground.refuses() && why.contains("refused");
    let unanswered = seen.samples.iter().filter(meanwhile).filter_map(|sample| sample.lost.as_ref());
    let unanswered: Vec<String> = unanswered.filter(|why| !is_refused(why)).cloned().collect();
    let well = seen.samples.iter().filter(|sample| sample.at > again + BACK.as_secs_f64() - 1.0);
    let (well, ill): (Vec<_>, Vec<_>) =
        well.partition(|sample| sample.status.is_some_and(|status| (200..300).contains(&status)));
    notes.check(
        late == 0 && others.is_empty() && unanswered.is_empty(),
        format!("While the server did not answer for {} s, requests were refused in time.", GONE.as_secs()),
        (
            "not_refused_in_time",
            format!(
                "While the server did not answer, {late} answers came after more than {IN_TIME} s, {} did not come ({}), and {} \
                 had another status than 503.",
                unanswered.len(),
                unanswered.first().map_or("", String::as_str),
                others.len()
            ),
        ),
    );
    notes.check(
        goes_on && ill.is_empty() && !well.is_empty(),
        format!("{} s after it was there again, all was well.", from.elapsed().as_secs()),
        (
            "not_recovered",
            format!("{} s after it was there again, {} requests failed.", BACK.as_secs(), ill.len()),
        ),
    );
    let marks = vec![(gone, "the server is gone".to_owned()), (again, "it is there again".to_owned())];
    notes.picture(Picture::requests("Requests while the database does not answer", &seen, marks));
    Ok(())
}

/// Processes that stand still until this is dropped.
struct Stopped(Vec<Process>);

impl Stopped {
    fn all(all: Vec<Process>) -> Self {
        for process in &all {
            process.signal(Signal::STOP);
        }
        Self(all)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for process in &self.0 {
            process.signal(Signal::CONT);
        }
    }
}
