//! What a one-off process takes that this user may not do.

use std::collections::BTreeSet;

use xtask_contract::{Error, ReleaseId, Result};

use crate::{
    api_error::ApiContext,
    checks::{Right, lacking},
    site::Site,
};

/// From this version on (1.35), connecting to a process takes the right to create, too, and not only to get.
const CREATES: u32 = 35;

/// Refuses what the cluster would refuse when the process has been started.
pub(super) async fn check(site: &Site<'_>, id: ReleaseId, attaches: bool) -> Result<()> {
    let doing = || format!("starting a process of {id}");
    let minor = if attaches { minor(&site.client.apiserver_version().await.asked(doing)?.minor) } else { 0 };
    let lacking = lacking(site, &wanted(attaches, minor)).await?;
    if lacking.is_empty() {
        return Ok(());
    }
    let error = Error::refused_for(doing(), lacking);
    Err(if attaches {
        error.next(
            "have it allowed; without a terminal and without input (`… < /dev/null`) it takes no pods/attach",
        )
    } else {
        error.next("have the cluster's administrator allow it")
    })
}

fn wanted(attaches: bool, minor: u32) -> BTreeSet<Right> {
    let mut all: Vec<(&[&'static str], &str, &str)> = vec![
        (&["create", "list", "delete"], "batch", "jobs"),
        (&["get", "list", "watch"], "", "pods"),
        (&["get"], "", "pods/log"),
        (&["list", "watch"], "", "events"),
    ];
    if attaches {
        all.push((if minor >= CREATES { &["create", "get"] } else { &["get"] }, "", "pods/attach"));
    }
    let rights = all.into_iter().flat_map(|(verbs, group, resource)| {
        verbs.iter().map(move |verb| (group.to_owned(), resource.to_owned(), *verb))
    });
    rights.collect()
}

/// The number in a version such as `35` or `20+`.
fn minor(text: &str) -> u32 {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connecting_takes_the_right_to_create_where_the_cluster_asks_for_it() {
        let attach = |attaches, minor| -> Vec<&str> {
            let wanted = wanted(attaches, minor);
            wanted.into_iter().filter(|(_, what, _)| what == "pods/attach").map(|(.., verb)| verb).collect()
        };
        assert_eq!(attach(true, minor("36")), ["create", "get"]);
        assert_eq!(attach(true, minor("20+")), ["get"]);
        assert_eq!(attach(false, minor("36")), [""; 0]);
    }
}
