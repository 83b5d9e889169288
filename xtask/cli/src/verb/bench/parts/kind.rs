//! Loading images and rolling out on a kind cluster of the bench's own, beside kind and kubectl.

use std::{fs, net::TcpListener};

use serde_json::Value;
use xtask_contract::{
    Context, Error, Progress, Result,
    deploy::{KindTarget, Target},
    labels,
};

use super::{
    super::{
        Bench,
        figure::{Figure, Goal, Unit, What},
        next_second, place, timed,
    },
    build::{Docker, changed_image, layout, program},
};

const PRESENT: What = What::least("load to a node, image is there", Unit::Millis, Goal::Value(300.0));
const ABSENT: What = What::least("load to a node, image is not there", Unit::Millis, Goal::Value(500.0));
const LOAD: &str = "kind load docker-image";

const UNCHANGED: What = What::least("run of an unchanged release", Unit::Millis, Goal::Value(400.0));
const CHANGED: What =
    What::least("run of a changed one, beyond the migration", Unit::Millis, Goal::Value(1300.0));
const ROLL_OUT: &str = "kubectl apply, rollout status";

const NAMESPACE: &str = "todo-api-dev";
const WEB: &str = "web";

pub(super) async fn figures(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    for (program, args) in [("docker", ["info"]), ("kind", ["version"])] {
        if let Some(why) = bench.lacks(program, &args).await {
            bench.skip("all of it", &format!("it takes a Docker Engine and the `kind` command: {why}"));
            return Ok(Vec::new());
        }
    }
    let port = (30_200..32_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let port =
        port.ok_or_else(|| Error::failed("looking for a free port", "there is none from 30200 to 31999"))?;
    place::edit(bench.place.folder(), "dev", |deploy| {
        let (cluster, namespace) = (bench.made.cluster().to_owned(), NAMESPACE.to_owned());
        deploy.target = Target::Kind(KindTarget { cluster, namespace, port });
    })?;
    bench.ui.step("making a kind cluster");
    bench.xtask(&["release", "--env", "dev"]).await?;
    bench.xtask(&["run", "--env", "dev"]).await?;
    Ok([loading(bench).await?, rolling_out(bench).await?].into_iter().flatten().flatten().collect())
}

async fn loading(bench: &Bench<'_>) -> Result<[Option<Figure>; 2]> {
    bench.ui.step("measuring the loading of images");
    let clusters = bench.backends.clusters()?;
    let (cluster, tag) = (bench.made.cluster(), bench.made.tag());
    let node = format!("{cluster}-control-plane");
    let docker = Docker::new(bench)?;
    let kind_load = ["load", "docker-image", &tag, "--name", cluster];
    let (mut absent, mut present) = (Vec::new(), Vec::new());
    let (mut kind_absent, mut kind_present) = (Vec::new(), Vec::new());
    for run in 0..bench.runs {
        let program = program(bench, run)?;
        let (layout, image) = (layout(bench), changed_image(bench, &program)?.digest);
        for times in [&mut absent, &mut present] {
            times.push(timed(clusters.load_into_node(&layout, &image, &node, bench.ui)).await?);
        }
        docker.change(&program)?;
        docker.build().await?;
        for times in [&mut kind_absent, &mut kind_present] {
            times.push(timed(bench.call("kind", &kind_load)).await?);
        }
    }
    Ok([PRESENT.beside(&present, LOAD, &kind_present), ABSENT.beside(&absent, LOAD, &kind_absent)])
}

/// The peer comes last: what it has applied, `run` would leave to it.
async fn rolling_out(bench: &Bench<'_>) -> Result<[Option<Figure>; 2]> {
    bench.ui.step("measuring run");
    let (mut unchanged, mut changed) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        unchanged.push(timed(bench.xtask(&["run", "--env", "dev"])).await?);
        release(bench).await?;
        let ran = bench.xtask(&["run", "--env", "dev"]).await?;
        changed.push(millis(&ran, "elapsed_ms")? - millis(&ran, "migration_ms")?);
    }
    let (mut kubectl_unchanged, mut kubectl_changed) = (Vec::new(), Vec::new());
    if let Some(why) = bench.lacks("kubectl", &["version", "--client"]).await {
        bench.skip(ROLL_OUT, &why);
    } else {
        let kubectl = Kubectl::new(bench);
        // The first time, it takes the objects over.
        kubectl.roll_out(&release(bench).await?).await?;
        for _ in 0..bench.runs {
            let objects = release(bench).await?;
            kubectl_changed.push(timed(kubectl.roll_out(&objects)).await?);
            kubectl.check(&objects).await?;
            kubectl_unchanged.push(timed(kubectl.roll_out(&objects)).await?);
        }
    }
    Ok([
        UNCHANGED.beside(&unchanged, ROLL_OUT, &kubectl_unchanged),
        CHANGED.beside(&changed, ROLL_OUT, &kubectl_changed),
    ])
}

fn millis(document: &Value, field: &str) -> Result<f64> {
    document[field]
        .as_f64()
        .ok_or_else(|| Error::failed("reading what xtask run says", format!("{field} is missing")))
}

/// Makes a release that differs from the one before in its ID alone: so there are new pods, of an image that is there.
async fn release(bench: &Bench<'_>) -> Result<Objects> {
    next_second().await;
    let released = bench.xtask(&["release", "--env", "dev"]).await?;
    let id = released["id"].as_str().unwrap_or_default().to_owned();
    let path = bench.place.path(&format!("releases/dev/{id}/objects.yaml"));
    let all = fs::read_to_string(&path).doing(|| "reading the release's objects")?;
    let file = bench.place.temporary().join(format!("{id}.yaml")).display().to_string();
    fs::write(&file, without_migration(&all)).doing(|| "writing the release's objects")?;
    Ok(Objects { id, file })
}

/// What the peer is to bring to the cluster.
struct Objects {
    id: String,
    file: String,
}

/// All objects but the Job: what that takes does not count on either side.
fn without_migration(objects: &str) -> String {
    let documents = objects.split("---\n").filter(|object| !object.lines().any(|line| line == "kind: Job"));
    documents.collect::<Vec<_>>().join("---\n")
}

struct Kubectl<'a> {
    bench: &'a Bench<'a>,
    kubeconfig: String,
}

impl<'a> Kubectl<'a> {
    fn new(bench: &'a Bench<'a>) -> Self {
        let kubeconfig = format!("--kubeconfig=.xtask/kind/{}.kubeconfig", bench.made.cluster());
        Self { bench, kubeconfig }
    }

    async fn call(&self, args: &[&str]) -> Result<Vec<u8>> {
        self.bench
            .call("kubectl", &[&[self.kubeconfig.as_str(), "--namespace", NAMESPACE], args].concat())
            .await
    }

    /// Does what `run` does after the migration: applies everything, and waits until all process types have arrived.
    async fn roll_out(&self, objects: &Objects) -> Result<()> {
        self.call(&["apply", "--filename", &objects.file]).await?;
        for deployment in ["deployment/web", "deployment/worker"] {
            self.call(&["rollout", "status", deployment]).await?;
        }
        Ok(())
    }

    /// Fails unless the release's pods are there, all of them new: otherwise it was not the same work.
    async fn check(&self, objects: &Objects) -> Result<()> {
        let selector = format!("--selector={}={WEB}", labels::COMPONENT);
        let pods = self.call(&["get", "pods", &selector, "--output=json"]).await?;
        let pods: Value = serde_json::from_slice(&pods).doing(|| "reading what kubectl says of the pods")?;
        let (wanted, found) =
            (place::deploy(self.bench.place.folder(), "dev")?.scale[WEB], staying(&pods, &objects.id));
        if found == wanted as usize {
            return Ok(());
        }
        let why = format!("{found} of {wanted} pods are of the release {}", objects.id);
        Err(Error::failed("looking at what kubectl has rolled out", why))
    }
}

/// How many pods of a release there are, but those that are on their way out.
fn staying(pods: &Value, release: &str) -> usize {
    let pods = pods["items"].as_array().into_iter().flatten().map(|pod| &pod["metadata"]);
    let of_release = |pod: &&Value| pod["annotations"][labels::RELEASE] == release;
    pods.filter(of_release).filter(|pod| pod["deletionTimestamp"].is_null()).count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_peer_gets_all_objects_but_the_migration() {
        let object = |kind: &str| format!("apiVersion: v1\nkind: {kind}\nspec:\n  kind: Job\n");
        let objects = ["Namespace", "Job", "Deployment", "Deployment"].map(object).join("---\n");
        let left = without_migration(&format!("# made\n---\n{objects}"));
        let kinds: Vec<_> = left.lines().filter(|line| line.starts_with("kind: ")).collect();
        assert_eq!(kinds, ["kind: Namespace", "kind: Deployment", "kind: Deployment"]);
        assert_eq!(left.matches("---\n").count(), 3);
    }

    #[test]
    fn only_pods_of_the_release_that_stay_count() {
        let pod = |release: &str, deleted: Value| json!({ "metadata": { "annotations": { labels::RELEASE: release }, "deletionTimestamp": deleted } });
        let pods = [pod("a", Value::Null), pod("b", Value::Null), pod("a", json!("2011-04-06T20:32:17Z"))];
        assert_eq!(staying(&json!({ "items": pods }), "a"), 1);
        assert_eq!(staying(&json!({ "items": [] }), "a"), 0);
    }
}
