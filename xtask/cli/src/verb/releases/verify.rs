//! `cargo xtask releases verify`: the proof that a ledger is what it was.

use std::{collections::BTreeSet, path::Path};

use serde::Serialize;
use xtask_contract::{
    Deploy, Digest, EnvName, Error, Layout, Ledger, Policy, Progress, ReleaseId, Repo, Result, Vouched,
    bundle::Bundle, chain::Entry, signature::Signer,
};

use crate::backends::Known;
use crate::{
    ui::{Text, Ui},
    verb::record,
};

/// What was proved of a deploy's ledger.
#[derive(Serialize)]
struct Report {
    env: EnvName,
    releases: usize,
    /// The newest release.
    head: Option<Head>,
    images: Images,
    /// The types of the documents about the newest image: its SBOM, its provenance.
    documents: Vec<String>,
    /// The newest release that the deploy has run, which the ledger holds; null if it has run none, or if it
    /// cannot be asked.
    #[serde(rename = "witness")]
    last_deployed: Option<ReleaseId>,
}

#[derive(Serialize)]
struct Head {
    id: ReleaseId,
    digest: Digest,
    image: Digest,
    /// Whether one of the signers has signed it, who are named.
    signed: bool,
    signer: Option<Signer>,
    /// Whether there is a signature that nobody was named for.
    #[serde(skip)]
    unchecked: bool,
}

/// How many images of the ledger's releases are on this machine, and what their digests say.
#[derive(Serialize)]
struct Images {
    whole: usize,
    elsewhere: usize,
}

/// Verifies the ledger of a deploy, or of all that have one.
pub(super) fn verify(repo: &Repo, env: Option<&EnvName>, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let all = match env {
        Some(env) => vec![env.clone()],
        None => repo.deploys(),
    };
    let reports = all.iter().map(|env| of_deploy(repo, env, backends, ui)).collect::<Result<Vec<_>>>()?;
    ui.result(Text::lines(reports.iter().map(words)), &reports);
    Ok(())
}

fn of_deploy(repo: &Repo, env: &EnvName, backends: &Known<'_>, ui: &Ui) -> Result<Report> {
    ui.step(&format!("verifying the ledger of {env}"));
    let record = record(repo, env, backends, ui)?;
    let vouched = Vouched::of(repo, env, Policy::read(repo, env)?, &record)?;
    let (ledger, chain) = (vouched.ledger(), vouched.chain());
    if chain.is_empty() {
        // A deploy without releases may be one that does not exist at all.
        Deploy::read(repo, env)?;
    }
    let head = head(ledger, chain, vouched.policy())?;
    ui.step(&format!("verifying the images of {env}"));
    let layout = Layout::at(repo.images());
    let images = images(&layout, chain)?;
    let last_deployed = record.last_deployed().map(|last_deployed| last_deployed.id);
    let documents = match &head {
        Some(head) if layout.blob_path(&head.image).exists() => layout.referrers(&head.image)?,
        _ => Vec::new(),
    };
    let documents = documents.into_iter().map(|document| document.artifact_type).collect();
    Ok(Report { env: env.clone(), releases: chain.len(), head, images, documents, last_deployed })
}

/// Verifies a bundle with nothing else at hand.
pub(super) fn offline(path: &Path, signers: &[Signer], ui: &Ui) -> Result<()> {
    ui.step("unpacking the bundle");
    let bundle = Bundle::open(path)?;
    let ledger = bundle.ledger();
    ui.step("verifying the bundle");
    let chain = ledger.verify()?;
    let policy = Policy { signers: signers.to_vec(), ..Policy::default() };
    let head = head(&ledger, &chain, &policy)?;
    // The release itself comes with its image; those of the releases before it need not be there.
    let release = ledger.load(bundle.release()?)?.release;
    bundle.check(&release)?;
    let documents = bundle.layout().referrers(&release.image.digest)?;
    let documents = documents.into_iter().map(|document| document.artifact_type).collect();
    let images = images(&bundle.layout(), &chain)?;
    let env = ledger.env().clone();
    let report = Report { env, releases: chain.len(), head, images, documents, last_deployed: None };
    ui.result(words(&report), &report);
    Ok(())
}

fn head(ledger: &Ledger, chain: &[Entry], policy: &Policy) -> Result<Option<Head>> {
    let Some(entry) = chain.last() else { return Ok(None) };
    let verified = ledger.load(entry.link.id)?;
    policy.check_signature(&verified)?;
    let signer = verified.signer(&policy.signers).copied();
    Ok(Some(Head {
        id: entry.link.id,
        digest: entry.link.digest,
        image: entry.image,
        signed: signer.is_some(),
        unchecked: signer.is_none() && verified.has_signature(),
        signer,
    }))
}

/// Checks each image that is on this machine: one that was altered is refused, one that is not here is counted.
fn images(layout: &Layout, chain: &[Entry]) -> Result<Images> {
    let images: BTreeSet<Digest> = chain.iter().map(|entry| entry.image).collect();
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        images.into_iter().partition(|image| layout.blob_path(image).exists());
    for image in &here {
        let used = chain.iter().rfind(|entry| entry.image == *image).map(|entry| entry.link.id);
        layout.check_image(image).map_err(|error| Error {
            why: error
                .why
                .into_iter()
                .chain(used.map(|id| format!("the release {id} has this image")))
                .collect(),
            ..error
        })?;
    }
    Ok(Images { whole: here.len(), elsewhere: elsewhere.len() })
}

fn words(report: &Report) -> String {
    let Report { env, releases, head, images, last_deployed, .. } = report;
    let Some(head) = head else { return format!("{env}: no releases yet") };
    let signed = match (&head.signer, head.unchecked) {
        (Some(signer), _) => format!("signed by {signer}"),
        (None, true) => "not known to be signed, as no signer is named".to_owned(),
        (None, false) => "not signed".to_owned(),
    };
    let elsewhere = match images.elsewhere {
        0 => String::new(),
        many => format!(", {many} not on this machine"),
    };
    let last_deployed = last_deployed.map_or_else(String::new, |id| format!("; it has run {id}"));
    let documents = if report.documents.is_empty() {
        String::new()
    } else {
        format!(" with {} documents about the newest", report.documents.len())
    };
    format!(
        "{env}: {releases} in one chain up to {} ({}), {signed}; images: {} whole{documents}{elsewhere}{last_deployed}",
        head.id, head.digest, images.whole
    )
}
