//! Brings images to the nodes of a kind cluster, without a registry.

use std::collections::BTreeSet;

use futures_util::future::{join_all, try_join_all};
use xtask_contract::{
    Digest, Error, Layout, Progress, Release, Result,
    release::{image_name, image_reference},
};

use super::nodes::Nodes;
use xtask_run::Job;

/// The command line of containerd's client for the images that the kubelet sees.
const CTR: [&str; 4] = ["ctr", "--namespace", "k8s.io", "images"];

/// A node, and which of a release's images it has not got.
#[derive(Debug)]
pub(crate) struct Lacking {
    node: String,
    /// The release's own.
    own: bool,
    /// That of the deploy's PostgreSQL server.
    postgres: bool,
}

/// Looks which images of a release its nodes have not got.
pub(super) async fn lacking(job: &Job<'_>, nodes: &[String], engine: &impl Nodes) -> Result<Vec<Lacking>> {
    let Release { image, services, .. } = &job.verified.release;
    let own = image_reference(&job.layout.service_name(&image.digest)?, &image.digest);
    let postgres = services.own_postgres().and_then(|postgres| postgres.image.as_deref()).map(full_name);
    let images: BTreeSet<String> = postgres.iter().chain([&own]).cloned().collect();
    try_join_all(nodes.iter().map(async |node| {
        let absent = absent(engine, node, images.clone()).await?;
        let postgres = postgres.as_ref().is_some_and(|name| absent.contains(name));
        Ok(Lacking { node: node.clone(), own: absent.contains(&own), postgres })
    }))
    .await
}

/// Brings them there: the release's from the layout, those of backing services from the engine. What the engine has not got
/// either, the cluster pulls by itself.
pub(super) async fn bring(job: &Job<'_>, lacking: &[Lacking], engine: &impl Nodes) -> Result<()> {
    let Release { image, services, .. } = &job.verified.release;
    let postgres = services.own_postgres().and_then(|postgres| postgres.image.as_deref());
    try_join_all(lacking.iter().map(async |lacking| {
        let node = &lacking.node;
        let import = async {
            if !lacking.own {
                return Ok(());
            }
            import(job.layout, &image.digest, node, engine, job.progress).await
        };
        let copy = async {
            match postgres.filter(|_| lacking.postgres) {
                Some(image) => copy(image, node, engine, job.progress).await,
                None => Ok(()),
            }
        };
        tokio::try_join!(import, copy).map(drop)
    }))
    .await
    .map(drop)
}

/// Brings the image of a backing service, if it has one, to each node that has not got it.
pub(super) async fn bring_service(
    image: Option<&str>,
    nodes: &[String],
    engine: &impl Nodes,
    progress: &dyn Progress,
) -> Result<()> {
    let Some(image) = image else { return Ok(()) };
    for node in nodes {
        if !absent(engine, node, BTreeSet::from([full_name(image)])).await?.is_empty() {
            copy(image, node, engine, progress).await?;
        }
    }
    Ok(())
}

/// Brings an image of the layout to a node, unless it has got it.
pub async fn load(
    layout: &Layout,
    image: &Digest,
    node: &str,
    engine: &impl Nodes,
    progress: &dyn Progress,
) -> Result<()> {
    let name = image_reference(&layout.service_name(image)?, image);
    if absent(engine, node, BTreeSet::from([name])).await?.is_empty() {
        return Ok(());
    }
    import(layout, image, node, engine, progress).await
}

async fn import(
    layout: &Layout,
    image: &Digest,
    node: &str,
    engine: &impl Nodes,
    progress: &dyn Progress,
) -> Result<()> {
    let service = layout.service_name(image)?;
    progress.step(&format!("copying the image to {node}"));
    let name = image_name(&service);
    let archive = layout.archive(image, &format!("{name}:latest"))?;
    let (ctr, reference) = (CTR.join(" "), image_reference(&service, image));
    // Whether it is there then is asked by the same command: each takes a while to start.
    let import =
        format!("{ctr} import --base-name '{name}' --digests - && {ctr} list --quiet 'name=={reference}'");
    let output = engine.exec(node, &["sh", "-c", &import], archive).await?;
    if output.code != 0 || !output.output.lines().any(|line| line.trim() == reference) {
        let doing = format!("copying the image {image} to {node}");
        return Err(Error::failed(doing, format!("`{import}` says: {}", output.output.trim()))
            .next(format!("`docker exec {node} crictl images` shows what is there")));
    }
    Ok(())
}

async fn copy(image: &str, node: &str, engine: &impl Nodes, progress: &dyn Progress) -> Result<()> {
    progress.step(&format!("copying the image {image} to {node}"));
    if !engine.copy_image(image, node).await? {
        progress.note(&format!("the Docker Engine has no image {image}: the cluster pulls it"));
    }
    Ok(())
}

/// Deletes an image that was brought, with all the names that the node has for it.
pub(super) async fn forget(image: &Digest, nodes: &[String], engine: &impl Nodes) {
    let ctr = CTR.join(" ");
    // The kubelet has given it a name of its own.
    let all = format!("{ctr} remove $({ctr} list --quiet target.digest=={image})");
    let remove = ["sh", "-c", &all];
    join_all(nodes.iter().map(|node| engine.exec(node, &remove, Vec::new()))).await;
}

/// Those of these images, by their full names, that a node has not got. It is asked once for all of them: a command on a node
/// takes longer to start than to answer.
async fn absent(engine: &impl Nodes, node: &str, mut images: BTreeSet<String>) -> Result<BTreeSet<String>> {
    let filters: Vec<String> = images.iter().map(|name| format!("name=={name}")).collect();
    let list: Vec<&str> =
        CTR.into_iter().chain(["list", "--quiet"]).chain(filters.iter().map(String::as_str)).collect();
    let output = engine.exec(node, &list, Vec::new()).await?;
    for line in output.output.lines() {
        images.remove(line.trim());
    }
    Ok(images)
}

/// The name with the parts that Docker lets one leave out, as containerd stores it.
fn full_name(image: &str) -> String {
    let (host, rest) = image.split_once('/').unwrap_or(("", image));
    let named = if host.contains(['.', ':']) || host == "localhost" {
        image.to_owned()
    } else if rest == image {
        format!("docker.io/library/{image}")
    } else {
        format!("docker.io/{image}")
    };
    let tagged = named.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
    if tagged { named } else { format!("{named}:latest") }
}

#[cfg(test)]
mod tests {
    use super::full_name;

    #[test]
    fn names_are_completed_as_docker_does() {
        for (short, full) in [
            ("postgres", "docker.io/library/postgres:latest"),
            ("postgres:17", "docker.io/library/postgres:17"),
            ("lab/postgres:15", "docker.io/lab/postgres:15"),
            ("localhost:5000/postgres", "localhost:5000/postgres:latest"),
            ("quay.io/x/postgres:17", "quay.io/x/postgres:17"),
        ] {
            assert_eq!(full_name(short), full);
        }
    }
}
