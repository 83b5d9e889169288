//! A deploy's log shipper: started, stopped and looked at without a release, as [`crate::services`] are.

use tokio::time;
use xtask_contract::{EnvName, Error, Progress, Repo, Result, deploy::Target};

use crate::{
    Nodes, Status, kind,
    kubernetes::logging,
    reach::Reach,
    services::{LOOK, State},
};

/// Starts the shipper with this image and these rendered objects, and waits until it reads on each node.
pub async fn up(
    repo: &Repo,
    env: &EnvName,
    target: &Target,
    (image, objects): (&str, &str),
    nodes: &impl Nodes,
    progress: &dyn Progress,
) -> Result<Status> {
    match Reach::of(target) {
        None => Err(Error::refused(format!("shipping the logs of {env}"), "it is not on a cluster")),
        Some(Reach::Kind(place)) => {
            kind::logging::up(repo, env, &place, (image, objects), nodes, progress).await
        }
        Some(Reach::Remote(place)) => {
            let client = place.client().await?;
            logging::up(&place.site(&client, env), objects, progress).await
        }
    }
}

/// Stops the shipper and tells whether there was one.
pub async fn down(repo: &Repo, env: &EnvName, target: &Target, progress: &dyn Progress) -> Result<bool> {
    let Some(reach) = Reach::of(target) else { return Ok(false) };
    let Some(client) = reach.client_at_hand(repo).await? else { return Ok(false) };
    logging::down(&reach.site(&client, env), progress).await
}

/// Whether it reads on each node.
pub async fn state(repo: &Repo, env: &EnvName, target: &Target) -> State {
    let is_up = async {
        let Some(reach) = Reach::of(target) else { return Ok(false) };
        let Some(client) = reach.client_at_hand(repo).await? else { return Ok(false) };
        logging::is_up(&reach.site(&client, env)).await
    };
    State::of(time::timeout(LOOK, is_up).await.ok().and_then(Result::ok))
}
