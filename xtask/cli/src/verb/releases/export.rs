//! `cargo xtask releases export`: a release with all that proves it, in one file.

use std::path::{Path, PathBuf};

use serde::Serialize;
use xtask_contract::{
    Context, Deploy, Digest, EnvName, Layout, Ledger, Progress, ReleaseId, Repo, Result, bundle, durable,
};

use crate::ui::{Text, Ui};

#[derive(Serialize)]
struct Document {
    id: ReleaseId,
    env: EnvName,
    digest: Digest,
    path: PathBuf,
    size: usize,
}

pub(super) fn export(
    repo: &Repo,
    env: &EnvName,
    id: Option<ReleaseId>,
    output: Option<&Path>,
    ui: &Ui,
) -> Result<()> {
    let ledger = Ledger::of(repo, env);
    let newest = || ledger.newest().map_err(|none| Deploy::read(repo, env).err().unwrap_or(none));
    let id = id.map_or_else(newest, Ok)?;
    ui.step("verifying the ledger");
    ledger.verify()?;
    let verified = ledger.load(id)?;
    let layout = Layout::at(repo.images());
    layout.check_image(&verified.release.image.digest)?;

    ui.step("packing the release");
    let content = bundle::pack(&ledger, &layout, &verified)?;
    let path = output.map_or_else(|| PathBuf::from(format!("{env}-{}.tar", id.as_name())), Path::to_owned);
    let file = std::path::absolute(&path).doing(|| format!("writing {}", path.display()))?;
    durable::replace(&file, &content, 0o644).doing(|| format!("writing {}", path.display()))?;

    let size = content.len();
    let (shown, mib) = (path.display(), size >> 20);
    let words = Text::lines([
        format!("{shown} has {id} of {env} ({mib} MiB); its digest is {}", verified.digest),
        format!("`cargo xtask releases verify --offline {shown}` checks it anywhere"),
    ]);
    ui.result(words, &Document { id, env: env.clone(), digest: verified.digest, path, size });
    Ok(())
}
