//! Where a deploy stands on its cluster, and what there is unlike its release.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Pod},
    jiff::Timestamp,
};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, ListParams},
};
use xtask_contract::{
    Error, Release, Result, Secret, labels,
    ledger::{Found, Verified},
    release::is_quick_mark,
};

use crate::{
    api_error::ApiContext,
    belonging::{process_of, release_of},
    containers::own,
    content,
    drift::{self, Finding},
    kinds::Kinds,
    lease, notes,
    objects::Objects,
    objects::{called, kind},
    probes,
    refusal::take_over,
    secrets::{self, Stand},
    seen::{Stage, is_ready, stage},
    site::Site,
};
use xtask_run::{Asked, PodStatus, ProcessStatus, Report};

/// Looks at a deploy.
pub(crate) async fn report(site: &Site<'_>, asked: &Asked<'_>) -> Result<Report> {
    let Asked { found, values, run, .. } = *asked;
    let (last_deployed, failure_records, changing, deployments, pods, events) = tokio::try_join!(
        notes::last_deployed(site),
        notes::failure_records(site),
        lease::who(site),
        list::<Deployment>(site, "Deployments"),
        list::<Pod>(site, "pods"),
        probes::events(site),
    )?;
    let now = Timestamp::now();
    let quick = quick_mark(&deployments);
    let mut report = Report {
        failing: pods.iter().flat_map(|pod| probes::failing(pod, &events, now)).collect(),
        release: last_deployed
            .as_ref()
            .map(|last_deployed| last_deployed.id)
            .filter(|_| !deployments.is_empty() && quick.is_none()),
        quick: quick.map(|mark| format!("a quick build of the work tree ({mark})")),
        changing,
        failed: failure_records.into_iter().next_back(),
        ..Report::default()
    };
    report.processes = deployments.iter().map(|one| process(one, &pods)).collect();
    report.since = deployments.iter().filter_map(made).min();
    if quick.is_some() {
        report.since = staying(&report.processes).filter_map(|pod| pod.since.clone()).min();
    } else if let Some(found) = found.filter(|_| !deployments.is_empty()) {
        (report.drift, report.next) = drift_of(site, found, values, &report.processes, run).await?;
    }
    Ok(report)
}

/// The mark of the quick build that all of the deploy's process types are to be of, if they are.
fn quick_mark(deployments: &[Deployment]) -> Option<&str> {
    let mut marks = deployments.iter().map(|one| one.annotations().get(labels::RELEASE));
    let first = marks.next().flatten().filter(|mark| is_quick_mark(mark))?;
    marks.all(|other| other == Some(first)).then_some(first)
}

/// The processes that are not on their way out.
fn staying(processes: &[ProcessStatus]) -> impl Iterator<Item = &PodStatus> {
    processes.iter().flat_map(|process| &process.pods).filter(|pod| !pod.ending)
}

fn made(deployment: &Deployment) -> Option<String> {
    Some(deployment.metadata.creation_timestamp.as_ref()?.0.to_string())
}

async fn list<K>(site: &Site<'_>, what: &str) -> Result<Vec<K>>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
    K::DynamicType: Default,
{
    let api: Api<K> = Api::namespaced(site.client.clone(), site.namespace);
    let list = api.list(&ListParams::default().labels(&site.selector())).await;
    Ok(list.asked(|| format!("listing the {what}"))?.items)
}

fn process(deployment: &Deployment, pods: &[Pod]) -> ProcessStatus {
    let name = deployment.name_any();
    let of_it = pods.iter().filter(|pod| process_of(pod) == Some(&name) && stage(pod) != Stage::Ended);
    let pods: Vec<PodStatus> = of_it.map(pod).collect();
    ProcessStatus {
        wanted: deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1).unsigned_abs(),
        ready: u32::try_from(pods.iter().filter(|pod| pod.ready && !pod.ending).count()).unwrap_or(u32::MAX),
        restarts: pods.iter().map(|pod| pod.restarts).sum(),
        name,
        pods,
    }
}

/// A pod by what it reports itself: the image that its container was made from, and the config that it was given.
fn pod(pod: &Pod) -> PodStatus {
    let own = own(pod);
    let image = own.and_then(|own| own.image_id());
    let image = image.map(|id| id.rsplit_once('@').map_or(id, |(_, digest)| digest));
    let sources = own.iter().flat_map(|own| own.spec().env_from.iter().flatten());
    let names = sources.filter_map(|source| {
        let map = source.config_map_ref.as_ref().map(|map| map.name.clone());
        map.or_else(|| source.secret_ref.as_ref().map(|secret| secret.name.clone()))
    });
    PodStatus {
        name: pod.name_any(),
        pid: None,
        release: release_of(pod).to_owned(),
        image: image.unwrap_or_default().to_owned(),
        config: names.collect(),
        ready: is_ready(pod),
        restarts: own.map_or(0, |own| own.restarts().unsigned_abs()),
        ending: stage(pod) == Stage::Leaving,
        since: pod.status.as_ref().and_then(|status| Some(status.start_time.as_ref()?.0.to_string())),
    }
}

/// What there is unlike the release, a line each, and what to do about it.
async fn drift_of(
    site: &Site<'_>,
    found: &Found,
    values: Option<&BTreeMap<String, Secret>>,
    processes: &[ProcessStatus],
    run: &str,
) -> Result<(Vec<String>, Option<String>)> {
    let release = &found.release;
    let mut objects = Objects::applied(release, found.objects.as_deref(), site.further)?;
    let kinds = Kinds::of_objects(site.client, &objects).await?;
    kinds.leave_out(&mut objects);
    let (mut drift, mut by_hand, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    let checked: Vec<_> = objects.all().filter(|object| kind(object) != "Job").collect();
    let looked = join_all(checked.iter().map(|object| object_drift(site, &kinds, object))).await;
    for (object, (lines, fields)) in checked.iter().zip(looked.into_iter().collect::<Result<Vec<_>>>()?) {
        drift.extend(lines.into_iter().map(|line| format!("{} {line}", called(object))));
        by_hand.extend(fields);
    }
    drift.extend(match secrets::look(site, release, values).await? {
        Stand::InStep => None,
        Stand::Missing => Some(format!("secret/{} is not there", release.secret_name())),
        Stand::Other(line) => Some(line),
    });
    if !by_hand.is_empty() {
        steps.push(format!(
            "put what was set by hand into the release (k8s/objects or the deploy's file), or take it: `{run} {}`",
            take_over(by_hand.iter())
        ));
    } else if !drift.is_empty() {
        steps.push(format!("`{run}` brings it back"));
    }
    let (pods, step) = unlike(site, (release, &release.id.to_string()), processes);
    drift.extend(pods);
    steps.extend(step);
    Ok((drift, (!steps.is_empty()).then(|| steps.join("; "))))
}

/// What is not as it is to be in an object, a line each, and which fields of it were set by hand.
async fn object_drift(
    site: &Site<'_>,
    kinds: &Kinds,
    object: &DynamicObject,
) -> Result<(Vec<String>, Vec<String>)> {
    let Ok(api) = kinds.api(site.client, object) else { return Ok((Vec::new(), Vec::new())) };
    let live = api.get_opt(&object.name_any()).await.asked(|| format!("reading {}", called(object)))?;
    Ok(match live {
        None => (vec!["is not there".to_owned()], Vec::new()),
        Some(live) if content::is_named_by_it(object) && content::is_other(object, &live) => {
            (vec![content::words(&live.metadata)], Vec::new())
        }
        Some(live) => {
            let mut found = drift::findings(object, None, &live);
            found.retain(Finding::is_drift);
            let lines = found.iter().map(ToString::to_string).collect();
            (lines, found.into_iter().filter(Finding::is_foreign).map(|one| one.field).collect())
        }
    })
}

/// Refuses if a process of the release that runs is not as that says: no apply changes a pod.
pub(crate) async fn check_pods(site: &Site<'_>, verified: &Verified) -> Result<()> {
    let (deployments, pods) =
        tokio::try_join!(list::<Deployment>(site, "Deployments"), list::<Pod>(site, "pods"))?;
    let processes: Vec<_> = deployments.iter().map(|one| process(one, &pods)).collect();
    let mark = verified.mark();
    match unlike(site, (&verified.release, &mark), &processes) {
        (_, None) => Ok(()),
        (lines, Some(step)) => {
            Err(Error::refused_for(format!("checking {} for {mark}", site.env), lines).next(step))
        }
    }
}

/// The pods that are not as the release says, a line for each thing, and what to do about them.
fn unlike(
    site: &Site<'_>,
    (release, mark): (&Release, &str),
    processes: &[ProcessStatus],
) -> (Vec<String>, Option<String>) {
    let (mut lines, mut names) = (Vec::new(), Vec::new());
    for pod in staying(processes) {
        let unlike = pod_drift(pod, release, mark);
        if !unlike.is_empty() {
            names.push(pod.name.as_str());
        }
        lines.extend(unlike);
    }
    let step = || {
        let names = names.join(" ");
        format!("`kubectl --namespace {} delete pod {names}`: the cluster makes it anew", site.namespace)
    };
    let step = (!names.is_empty()).then(step);
    (lines, step)
}

fn pod_drift(pod: &PodStatus, release: &Release, mark: &str) -> Vec<String> {
    let mut drift = Vec::new();
    let name = &pod.name;
    if pod.release != mark {
        let other = if pod.release.is_empty() { "no release" } else { &pod.release };
        drift.push(format!("pod {name} is of {other}"));
    } else if !pod.image.is_empty() && pod.image != release.image.digest.to_string() {
        drift.push(format!("pod {name} runs the image {}", pod.image));
    }
    let wanted = [release.config_name(), release.secret_name()];
    if pod.release == mark && wanted.iter().any(|wanted| !pod.config.contains(wanted)) {
        drift.push(format!("pod {name} has the config {}", pod.config.join(", ")));
    }
    drift
}
