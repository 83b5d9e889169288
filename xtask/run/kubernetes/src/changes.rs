//! What a release would change on its cluster, found by asking the cluster to take its objects without doing so.

use kube::{ResourceExt, api::DynamicObject};
use serde_json::Value;
use xtask_contract::{Context, Release, Result, labels::Part};

use crate::{
    api_error::ApiContext,
    apply::{Applier, Look},
    checks,
    kinds::Kinds,
    notes,
    objects::Objects,
    objects::called,
    prune::{self, Keep},
    run::is_unchanged,
    scale,
    schema::Reached,
    secrets::{self, Stand},
    site::Site,
    status,
};
use xtask_run::{Change, Job};

/// What running a release would change; all of it, if there is no cluster yet.
pub(crate) async fn changes(job: &Job<'_>, site: Option<&Site<'_>>) -> Result<Vec<Change>> {
    let mut objects = Objects::of(job.verified, &job.vouched.policy().kinds)?;
    let Some(site) = site else { return objects.all().map(made).collect() };
    if !checks::has_namespace(site.client, site.namespace).await? {
        return objects.all().map(made).collect();
    }
    let kinds = Kinds::of_objects(site.client, &objects).await?;
    kinds.leave_out(&mut objects);
    let last_deployed = notes::last_deployed(site).await?;
    let before = Objects::last_applied(job, last_deployed.as_ref());
    let applier = Applier {
        client: site.client,
        kinds: &kinds,
        take_over: &job.options.take_over,
        before: before.as_ref(),
        release: None,
    };
    let (release, names) = (&job.verified.release, objects.deployments());
    let looks = checks::look(site, &applier, &objects, &job.verified.mark()).await?;
    let is_unchanged = is_unchanged(&scale::present(site, &names).await?, &names, &job.verified.mark());
    if is_unchanged && checks::are_in_step(&looks) {
        status::check_pods(site, job.verified).await?;
    }
    let mut changes = Vec::new();
    for (object, look) in &looks {
        changes.extend(change(object, look)?);
    }
    changes.extend(secret_change(&secrets::look(site, release, Some(job.secrets)).await?, release));
    let reached = Reached::by(site, release).await?;
    let has_schema = reached.is_some() && notes::schema(site).await? == reached;
    for job in objects.migration.iter().filter(|_| !has_schema) {
        let known = kinds.api(site.client, job)?.get_opt(&job.name_any()).await;
        if known.asked(|| format!("reading {}", called(job)))?.is_none() {
            changes.push(made(job)?); // else it has run, or runs
        }
    }
    let keep = Keep::of(release, &objects, before.as_ref(), job.ledger, job.keep);
    for (_, object) in
        prune::superfluous(site, &keep, &[Part::Config, Part::Migration, Part::Process]).await?
    {
        changes.push(Change { object: called(&object), before: Some(yaml(&object)?), after: None });
    }
    Ok(changes)
}

/// A Secret before and after, without what is in it.
fn secret_change(stand: &Stand, release: &Release) -> Option<Change> {
    let before = match stand {
        Stand::InStep => return None,
        Stand::Missing => None,
        Stand::Other(line) => Some(format!("# {line}\n")),
    };
    let names = release.secrets.iter().flat_map(|secrets| secrets.values.keys());
    let after = names.flat_map(|name| [name.as_str(), ": (sealed in the release)\n"]).collect();
    Some(Change { object: format!("secret/{}", release.secret_name()), before, after: Some(after) })
}

fn made(object: &DynamicObject) -> Result<Change> {
    Ok(Change { object: called(object), before: None, after: Some(yaml(object)?) })
}

fn change(object: &DynamicObject, look: &Look) -> Result<Option<Change>> {
    let Some(live) = &look.live else { return made(object).map(Some) };
    let (before, after) = (yaml(live)?, yaml(&look.after)?);
    Ok((before != after).then(|| Change { object: called(object), before: Some(before), after: Some(after) }))
}

/// The object without what the cluster keeps about it.
fn yaml(object: &DynamicObject) -> Result<String> {
    let doing = || format!("writing {}", called(object));
    let mut value = serde_json::to_value(object).doing(doing)?;
    if let Value::Object(parts) = &mut value {
        parts.remove("status");
    }
    for field in ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"] {
        if let Some(Value::Object(metadata)) = value.get_mut("metadata") {
            metadata.remove(field);
        }
    }
    serde_saphyr::to_string(&value).doing(doing)
}
