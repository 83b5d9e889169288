//! Brings images to the nodes of a kind cluster, without a registry.

use futures_util::future::{join_all, try_join_all};
use xtask_contract::{
    Digest, Error, Layout, Progress, Release, Result,
    release::{image_name, image_reference},
};

use super::nodes::Nodes;
use xtask_run::Job;

/// The command line of containerd's client for the images that the kubelet sees.
const CTR: [&str; 4] = ["ctr", "--namespace", "k8s.io", "images"];

/// Brings the release's image to each node that has not got it, and an image of the engine's own for each
/// backing service. What the engine has not got either, the cluster pulls by itself.
pub(super) async fn bring(job: &Job<'_>, nodes: &[String], engine: &impl Nodes) -> Result<()> {
    let Release { image, services, .. } = &job.verified.release;
    let loads = nodes.iter().map(|node| load(job.layout, &image.digest, node, engine, job.progress));
    let postgres = services.own_postgres().and_then(|postgres| postgres.image.as_deref());
    tokio::try_join!(try_join_all(loads), bring_service(postgres, nodes, engine, job.progress)).map(drop)
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
        if !has(engine, node, &full_name(image)).await? {
            progress.step(&format!("copying the image {image} to {node}"));
            if !engine.copy_image(image, node).await? {
                progress.note(&format!("the Docker Engine has no image {image}: the cluster pulls it"));
            }
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
    let service = layout.service_name(image)?;
    let reference = image_reference(&service, image);
    if has(engine, node, &reference).await? {
        return Ok(());
    }
    progress.step(&format!("copying the image to {node}"));
    let name = image_name(&service);
    let archive = layout.archive(image, &format!("{name}:latest"))?;
    let import = [&CTR[..], &["import", "--base-name", &name, "--digests", "-"]].concat();
    let output = engine.exec(node, &import, archive).await?;
    if output.code != 0 || !has(engine, node, &reference).await? {
        let doing = format!("copying the image {image} to {node}");
        return Err(Error::failed(doing, format!("`{}` says: {}", import.join(" "), output.output.trim()))
            .next(format!("`docker exec {node} crictl images` shows what is there")));
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

async fn has(engine: &impl Nodes, node: &str, name: &str) -> Result<bool> {
    let filter = format!("name=={name}");
    let list = [&CTR[..], &["list", "--quiet", &filter]].concat();
    let output = engine.exec(node, &list, Vec::new()).await?;
    Ok(output.output.lines().any(|line| line.trim() == name))
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
