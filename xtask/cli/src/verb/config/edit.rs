//! `cargo xtask config edit`: the editor gets a copy, and nothing that was edited is lost.

use std::{
    env::var,
    fs,
    io::{self, Write},
};

use tempfile::{Builder, NamedTempFile};
use xtask_contract::{Callee, Context, EnvName, Error, Repo, Result};
use xtask_release::config::{self, Changed};

use super::show;
use crate::ui::{Text, Ui, unified};

pub(super) fn edit(repo: &Repo, env: &EnvName, yes: bool, ui: &Ui) -> Result<()> {
    let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| var(name).ok().filter(|text| !text.is_empty()));
    let Some(editor) = editor else {
        return Err(Error::refused(doing(env), "neither VISUAL nor EDITOR names an editor")
            .next(format!("for example: `EDITOR=nano cargo xtask config edit --env {env}`")));
    };
    let copy = Copy::of(repo, env)?;
    let changed = loop {
        match checked(repo, env, &editor, &copy, ui) {
            Ok(after) => break write(repo, env, &copy.before, &after, yes, ui),
            Err(error) if Ui::can_ask() && copy.differs() => {
                ui.error(&error);
                if !ui.ask("Edit it again?")? {
                    break Err(error);
                }
            }
            Err(error) => break Err(error),
        }
    };
    match changed {
        Ok(changed) => {
            show(env, "the change is", &changed, ui);
            Ok(())
        }
        Err(error) => Err(copy.keep(repo, error)),
    }
}

/// The text after the editor has ended, if it is good.
fn checked(repo: &Repo, env: &EnvName, editor: &str, copy: &Copy, ui: &Ui) -> Result<String> {
    ui.finish_step();
    // As git does it: the variable may hold arguments, and what else a shell understands.
    let mut command = Callee::Editor.command("sh");
    command.arg("-c").arg(format!("{editor} \"$@\"")).arg(editor).arg(copy.file.path());
    if ui.is_json() {
        // Standard output is the document's alone.
        command.stdout(io::stderr());
    }
    let status = command.status().doing(|| doing(env))?;
    if !status.success() {
        return Err(Error::failed(doing(env), format!("the editor ended with {status}")));
    }
    let after = fs::read_to_string(copy.file.path()).doing(|| doing(env))?;
    if after != copy.before {
        config::check(repo, env, &copy.before, &after)?;
    }
    Ok(after)
}

fn write(repo: &Repo, env: &EnvName, before: &str, after: &str, yes: bool, ui: &Ui) -> Result<Changed> {
    if before != after {
        let name = format!("k8s/envs/{env}.toml");
        ui.finish_step();
        ui.tell(Text::diff(&unified((&name, before), (&name, after))));
        if !yes && !ui.ask(&format!("Write this to {name}?"))? {
            return Err(Error::refused(doing(env), "you said no"));
        }
    }
    config::replace(repo, env, before, after)
}

fn doing(env: &EnvName) -> String {
    format!("editing k8s/envs/{env}.toml")
}

/// The text that is edited, in a file that git does not see.
struct Copy {
    before: String,
    file: NamedTempFile,
}

impl Copy {
    fn of(repo: &Repo, env: &EnvName) -> Result<Self> {
        let before = config::read(repo, env)?;
        let make = || -> io::Result<NamedTempFile> {
            fs::create_dir_all(repo.state())?;
            let prefix = format!("{env}.");
            let mut file = Builder::new().prefix(&prefix).suffix(".toml").tempfile_in(repo.state())?;
            file.write_all(before.as_bytes())?;
            Ok(file)
        };
        let file = make().doing(|| doing(env))?;
        Ok(Self { before, file })
    }

    fn differs(&self) -> bool {
        fs::read(self.file.path()).is_ok_and(|text| text != self.before.as_bytes())
    }

    /// Keeps what was edited, if anything was, and says where.
    fn keep(self, repo: &Repo, error: Error) -> Error {
        if !self.differs() {
            return error;
        }
        let Ok((_, path)) = self.file.keep() else { return error };
        let kept = format!("your text is kept in {}", repo.relative(&path).display());
        let next = error.next.as_ref().map_or_else(|| kept.clone(), |next| format!("{next}; {kept}"));
        error.next(next)
    }
}
