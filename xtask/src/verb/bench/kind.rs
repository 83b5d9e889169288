//! Loading images and rolling out on a kind cluster of the bench's own, beside kind and kubectl.

use serde_json::Value;
use xtask_contract::{Context, Progress, Result};
use xtask_run::load_into_node;

use super::{
    Bench, Figure, has,
    images::{PEER_TAG, changed_image, context, docker_build, layout, program},
    next_second, peer, time_once,
};
use crate::{engine::Engine, verb::runtime};

const CLUSTER: &str = "xtask-bench";
const NODE: &str = "xtask-bench-control-plane";
const NAMESPACE: &str = "todo-api-dev";

pub(super) fn figures(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    let sh = &bench.place.sh;
    if !has(sh, "docker", &["info"]) || !has(sh, "kind", &["version"]) {
        bench.ui.note("skipped: all on kind (it takes a Docker Engine and the `kind` command)");
        return Ok(Vec::new());
    }
    let edit = || -> xshell::Result<()> {
        let deploy = sh.read_file("k8s/envs/dev.toml")?;
        let deploy = deploy.replace("cluster = \"todo-api\"", &format!("cluster = \"{CLUSTER}\""));
        sh.write_file("k8s/envs/dev.toml", deploy.replace("port = 30000", "port = 30200"))
    };
    edit().doing(|| "making a deploy for the bench")?;
    bench.ui.step("making a kind cluster");
    let figures = measure(bench);
    bench.ui.step("deleting the kind cluster");
    peer(sh, "kind", &["delete", "cluster", "--name", CLUSTER])?;
    figures
}

fn measure(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.xtask(&["release", "--env", "dev"])?;
    bench.xtask(&["run", "--env", "dev"])?;
    let mut figures = loading(bench)?;
    figures.extend(rolling_out(bench)?);
    Ok(figures)
}

fn loading(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.ui.step("measuring the loading of images");
    let runtime = runtime()?;
    let load = |image| runtime.block_on(load_into_node(&layout(bench), &image, NODE, &Engine, bench.ui));
    let (mut absent, mut present) = (Vec::new(), Vec::new());
    let (mut kind_absent, mut kind_present) = (Vec::new(), Vec::new());
    let sh = context(bench)?;
    let kind_load = || peer(&sh, "kind", &["load", "docker-image", PEER_TAG, "--name", CLUSTER]);
    for run in 0..bench.runs {
        let image = changed_image(bench, run)?.digest;
        absent.push(time_once(|| load(image))?);
        present.push(time_once(|| load(image))?);
        sh.write_file("todo-api", program(bench, run)?).doing(|| "writing the peer's program")?;
        docker_build(&sh)?;
        kind_absent.push(time_once(kind_load)?);
        kind_present.push(time_once(kind_load)?);
    }
    let name = "kind load docker-image";
    Ok(vec![
        Figure::millis("load to a node, image is there", 300.0, present).beside(name, Some(kind_present)),
        Figure::millis("load to a node, image is not there", 500.0, absent).beside(name, Some(kind_absent)),
    ])
}

fn rolling_out(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.ui.step("measuring run");
    let number = |document: &Value, field: &str| document[field].as_f64().unwrap_or(f64::NAN);
    let unchanged = bench.time(|_| bench.xtask(&["run", "--env", "dev"]).map(drop))?;
    let mut changed = Vec::new();
    for _ in 0..bench.runs {
        next_second();
        bench.xtask(&["release", "--env", "dev"])?;
        let ran = bench.xtask(&["run", "--env", "dev"])?;
        changed.push(number(&ran, "elapsed_ms") - number(&ran, "migration_ms"));
    }
    let (mut kubectl_unchanged, mut kubectl_changed) = (None, None);
    let sh = &bench.place.sh;
    if has(sh, "kubectl", &["version", "--client"]) {
        let config = format!("--kubeconfig=.xtask/kind/{CLUSTER}.kubeconfig");
        let kubectl = |args: &[&str]| {
            peer(sh, "kubectl", &[&[config.as_str(), "--namespace", NAMESPACE], args].concat())
        };
        let rollout = || kubectl(&["rollout", "status", "deployment/web"]);
        let id = bench.xtask(&["release", "--env", "dev"])?["id"].as_str().unwrap_or_default().to_owned();
        bench.xtask(&["run", "--env", "dev"])?;
        let objects = format!("releases/dev/{id}/objects.yaml");
        // The first time, kubectl takes the objects over.
        kubectl(&["apply", "--filename", &objects])?;
        rollout()?;
        kubectl_unchanged =
            Some(bench.time(|_| kubectl(&["apply", "--filename", &objects]).and_then(|()| rollout()))?);
        let text = sh.read_file(&objects).doing(|| "reading the release's objects")?;
        kubectl_changed = Some(bench.time(|run| {
            let changed = text.replace(
                "enableServiceLinks: false",
                &format!("enableServiceLinks: false\n      hostname: bench-{run}"),
            );
            let only =
                changed.rfind("---\napiVersion: apps/v1").map_or(changed.as_str(), |at| &changed[at..]);
            sh.write_file("changed.yaml", only).doing(|| "writing changed objects")?;
            kubectl(&["apply", "--filename", "changed.yaml"])?;
            rollout()
        })?);
    }
    let name = "kubectl apply, rollout status";
    Ok(vec![
        Figure::millis("run of an unchanged release", 400.0, unchanged).beside(name, kubectl_unchanged),
        Figure::millis("run of a changed one, beyond the migration", 1300.0, changed)
            .beside(name, kubectl_changed),
    ])
}
