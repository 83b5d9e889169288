//! `cargo xtask releases show`: all that a release consists of.

use serde::Serialize;
use xtask_contract::{
    Deploy, Digest, EnvName, Ledger, Policy, Recipient, Release, ReleaseId, Repo, Result,
    ledger::{Found, Verified},
    signature::Signer,
};

use super::{
    diff::{ingress_words, network_words, settings_words},
    list::{age, look},
};
use crate::ui::{Text, Ui};

#[derive(Serialize)]
struct Document<'a> {
    digest: Digest,
    /// Whether one of the deploy's signers has signed it.
    signed: bool,
    signer: Option<&'a Signer>,
    /// Whether there is another signature.
    #[serde(skip)]
    unchecked: bool,
    #[serde(flatten)]
    release: &'a Release,
}

pub(super) fn show(repo: &Repo, env: &EnvName, id: Option<ReleaseId>, ui: &Ui) -> Result<()> {
    let ledger = Ledger::of(repo, env);
    let newest = || ledger.newest().map_err(|none| Deploy::read(repo, env).err().unwrap_or(none));
    let found = look(&ledger, id.map_or_else(newest, Ok)?, ui)?;
    let Found { release, digest, doubt, .. } = &found;
    let policy = Policy::read(repo, env)?;
    // What is not as it was made, nobody has signed.
    let verified = doubt.is_none().then(|| ledger.load(release.id)).transpose()?;
    let signer = verified.as_ref().and_then(|verified| verified.signer(&policy.signers));
    let unchecked = signer.is_none() && verified.as_ref().is_some_and(Verified::has_signature);
    let document = Document { digest: *digest, signed: signer.is_some(), signer, unchecked, release };
    ui.result(words(&document), &document);
    Ok(())
}

fn words(document: &Document<'_>) -> Text {
    let Document { release, digest, .. } = document;
    let signed = match (document.signer, document.unchecked) {
        (Some(signer), _) => format!("by {signer}"),
        (None, true) => "not by any of the deploy's signers".to_owned(),
        (None, false) => "no".to_owned(),
    };
    let mut lines = vec![
        line("release", &format!("{} of {}, number {}", release.id, release.env, release.sequence)),
        line("made", &format!("{} ago by {}", age(release.id), release.by)),
        line("digest", &digest.to_string()),
        line("signed", &signed),
    ];
    lines.extend(release.previous.map(|previous| line("follows", &previous.id.to_string())));
    lines.extend(release.rollback_to.map(|id| line("rollback", &format!("to {id}"))));
    let dirty = if release.image.dirty { " with uncommitted changes" } else { "" };
    lines.push(line("image", &release.image.digest.to_string()));
    lines.push(line("revision", &format!("{}{dirty}", release.image.revision)));
    lines.push(line("target", &release.target.to_string()));
    lines.extend(release.services.postgres.iter().map(|postgres| {
        let whose = if postgres.attached { "attached" } else { "the deploy's own" };
        line("services", &format!("postgres, {whose}, by {}", postgres.variable))
    }));
    for (name, process) in &release.processes {
        let port = process.port.map_or_else(String::new, |port| format!(", port {port}"));
        let settings =
            settings_words(&process.settings).map_or_else(String::new, |words| format!(", {words}"));
        let text = format!("{} {name}: `{}`{port}{settings}", process.count, process.args.join(" "));
        lines.push(line("processes", &text));
    }
    if !release.network.is_empty() {
        lines.push(line("network", &network_words(&release.network)));
    }
    lines.extend(release.ingress.iter().map(|ingress| line("ingress", &ingress_words(ingress))));
    lines.extend(release.config.iter().map(|(name, value)| line("config", &format!("{name} = {value}"))));
    lines.extend(release.secrets.iter().flat_map(|secrets| {
        let to: Vec<String> = secrets.recipients.iter().map(Recipient::to_string).collect();
        secrets
            .values
            .keys()
            .map(move |name| line("secrets", &format!("{name}, sealed to {}", to.join(", "))))
    }));
    without_repeated_headings(lines)
}

fn line(heading: &'static str, text: &str) -> (&'static str, String) {
    (heading, text.to_owned())
}

fn without_repeated_headings(lines: Vec<(&'static str, String)>) -> Text {
    let mut last = "";
    Text::lines(lines.into_iter().map(|(heading, text)| {
        let shown = if heading == last { "" } else { heading };
        last = heading;
        format!("{shown:<11}{text}")
    }))
}
