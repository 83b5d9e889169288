//! Where the `run` that is up hears what other commands want.

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time,
};
use xtask_contract::{Error, Result};

use crate::{
    change_lock::ChangeLock,
    control::{Action, Reply, Request, Told, VERSION, Version},
    holder::Holder,
    supervisor::Supervisor,
    task_set::TaskSet,
};
use xtask_run::{Options, Wanted};

/// How long to wait when the system has no resources for another connection.
const PAUSE: Duration = Duration::from_millis(50);

impl Supervisor<'_> {
    /// Answers clients, for ever.
    pub(crate) async fn serve<'s>(&'s self, control: UnixListener, answers: &TaskSet<'s>) {
        loop {
            match control.accept().await {
                Ok((stream, _)) => answers.begin(self.answer(stream)),
                Err(_) => time::sleep(PAUSE).await,
            }
        }
    }

    async fn answer(&self, stream: UnixStream) {
        let process = stream.peer_cred().ok().and_then(|peer| peer.pid()).unwrap_or_default();
        let (read, write) = stream.into_split();
        let (tell, told) = unbounded_channel();
        let work = async move {
            let mut lines = BufReader::new(read).lines();
            let Ok(Some(line)) = lines.next_line().await else { return };
            let reply = match parse(&line) {
                Ok(request) => self.grant(request, process.unsigned_abs(), &mut lines, &tell).await,
                Err(error) => Some(Reply::Failed(error)),
            };
            let _ = reply.map(|reply| tell.send(reply));
        };
        tokio::join!(work, pass_on(told, write));
    }

    /// Does what is asked for; nothing, if the client goes away before it is begun.
    async fn grant(
        &self,
        request: Request,
        process: u32,
        lines: &mut Lines<BufReader<OwnedReadHalf>>,
        tell: &UnboundedSender<Reply>,
    ) -> Option<Reply> {
        let release = match request.action {
            Action::State => return Some(Reply::State(Box::new(self.state()))),
            Action::Run { release, .. } => Some(release),
            Action::Scale { .. } => None,
        };
        let holder = Holder { user: request.user.clone(), process, release, since: chrono::Utc::now() };
        let busy = self.holder.borrow().clone();
        let change_lock = match (self.try_change(holder.clone()), busy) {
            (Some(change_lock), _) => change_lock,
            (None, Some(busy)) if !request.wait => return Some(Reply::Failed(busy.refuse(self.env))),
            (None, busy) => {
                let _ = busy.map(|busy| tell.send(Reply::Waiting(busy)));
                tokio::select! {
                    change_lock = self.change(holder.clone()) => change_lock,
                    // It says nothing more: so it is gone.
                    _ = lines.next_line() => return None,
                }
            }
        };
        let _ = tell.send(Reply::Begun);
        let done = self.grant_now(&change_lock, &request.action, &holder, tell).await;
        if let Err(error) = &done {
            self.progress.note(&format!("what {holder} asked for was not done: {error}"));
        }
        Some(done.unwrap_or_else(Reply::Failed))
    }

    async fn grant_now(
        &self,
        change_lock: &ChangeLock<'_>,
        action: &Action,
        holder: &Holder,
        tell: &UnboundedSender<Reply>,
    ) -> Result<Reply> {
        let progress = Told { here: self.progress, there: tell };
        match action {
            Action::Run { release, start } => {
                self.progress
                    .note(&format!("{} (process {}) asks for {release}", holder.user, holder.process));
                let wanted = Wanted::check(self.repo, self.env, *release, &self.record()?)?;
                let options = Options { start: *start, ..Options::default() };
                let mut ran =
                    self.run(change_lock, &wanted.job(self.repo, self.env, &options, &progress)).await?;
                ran.supervisor = Some(std::process::id());
                self.progress.note(&format!("{release} runs"));
                self.taken_over.send_replace(Some(*release));
                Ok(Reply::Ran(ran))
            }
            Action::Scale { requests } => {
                self.scale(change_lock, requests, &progress).await.map(Reply::Scaled)
            }
            Action::State => Ok(Reply::State(Box::new(self.state()))),
        }
    }
}

fn parse(line: &str) -> Result<Request> {
    let doing = "understanding what another command asks for";
    let other = |version: u32| {
        let why = format!(
            "it is of another version of xtask than the `run` that is up (process {}): they speak versions \
             {version} and {VERSION}",
            std::process::id()
        );
        Error::refused(doing, why).next("stop that with `cargo xtask down`, and run the same command again")
    };
    match serde_json::from_str(line) {
        Ok(Version { version: VERSION }) => {
            serde_json::from_str(line).map_err(|error| Error::failed(doing, error))
        }
        Ok(Version { version }) => Err(other(version)),
        Err(error) => Err(Error::failed(doing, error)),
    }
}

/// Writes all replies, as long as somebody reads them.
async fn pass_on(mut replies: UnboundedReceiver<Reply>, mut to: OwnedWriteHalf) {
    while let Some(reply) = replies.recv().await {
        let Ok(line) = serde_json::to_string(&reply) else { continue };
        if to.write_all((line + "\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_another_version_is_told_so_whatever_it_says() {
        let error = parse(r#"{"version": 7, "please": ["do", "this"]}"#).unwrap_err().to_string();
        assert!(
            error.contains("they speak versions 7 and 2") && error.contains("cargo xtask down"),
            "{error}"
        );
        assert!(parse("Good morning!").is_err());
        let action = |wish: &str| {
            parse(&format!(r#"{{"version": 2, "user": "me", "wait": true, "wish": {wish}}}"#)).unwrap().action
        };
        let minute = Duration::from_mins(1);
        let run = action(r#"{"run": {"release": "2011-04-06-20:32:17"}}"#);
        assert!(matches!(run, Action::Run { start, .. } if start == minute));
        let scale = action(r#"{"scale": {"wishes": {"web": {"more": 1}}}}"#);
        let Action::Scale { requests } = scale else { panic!("another action") };
        assert_eq!(requests.get("web"), Some(&xtask_run::Amount::More(1)));
    }
}
