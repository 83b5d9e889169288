//! A cluster whose API is overloaded, forgetful or deaf.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use super::Deploy;
use crate::support::api_server::{Answer, Fate, pods};

#[test]
fn an_overloaded_api_is_asked_again() {
    let deploy = Deploy::new();
    let (wanted, count) = (deploy.release(), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&count);
    deploy.server.decides(move |call| {
        // Every third call but watches, which are retried by themselves. The first ones are to come back after a second.
        if call.watches() || !counted.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
            return Fate::Passes;
        }
        Fate::Answered(Answer::too_many_requests(u32::from(counted.load(Ordering::Relaxed) < 12)))
    });
    deploy.run().done();
    assert!(count.load(Ordering::Relaxed) > 30);
    deploy.server.lets_all_pass();
    deploy.is_on(wanted);
}

#[test]
fn watches_that_end_or_are_too_old_start_again() {
    let deploy = Deploy::new();
    let wanted = deploy.release();
    let begun: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    let noted = Arc::clone(&begun);
    deploy.server.decides(move |call| {
        if !call.watches() {
            return Fate::Passes;
        }
        let mut noted = noted.lock().unwrap();
        let times = noted.entry(kind(&call.to_string())).or_default();
        *times += 1;
        match times {
            1 => Fate::Answered(Answer::too_old()),
            2 => Fate::Ends,
            _ => Fate::Passes,
        }
    });
    // A pod stands still until the watch of what it belongs to has begun for the third time: nothing can be over before.
    let asked = Arc::clone(&begun);
    deploy.server.cluster().controllers.pods_go(move |pod| {
        let owner = pod["metadata"]["ownerReferences"][0]["kind"].as_str().unwrap_or_default();
        let kind = format!("{}s", owner.to_lowercase());
        let watched = asked.lock().unwrap().get(&kind).is_some_and(|times| *times > 2);
        if watched { pods::good(pod) } else { Vec::new() }
    });
    deploy.run().done();
    deploy.is_on(wanted);
    let begun = begun.lock().unwrap();
    for kind in ["statefulsets", "jobs", "deployments", "pods"] {
        assert!(begun.get(kind).is_some_and(|times| *times > 2), "{kind}: {begun:?}");
    }
}

/// The kind of objects that a call is about: the last part of its path.
fn kind(call: &str) -> String {
    call.rsplit('/').next().unwrap_or_default().to_owned()
}

#[test]
fn a_call_that_is_never_answered_is_made_again() {
    let deploy = Deploy::new();
    let wanted = deploy.release();
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    deploy.server.decides(move |call| {
        let patches = call.method == "PATCH" && call.path.contains("/deployments/web") && call.changes();
        let is_first = patches && counted.fetch_add(1, Ordering::Relaxed) == 0;
        if is_first { Fate::Hangs } else { Fate::Passes }
    });
    deploy.run_in_haste().done();
    assert!(count.load(Ordering::Relaxed) >= 2, "it was not made again");
    deploy.is_on(wanted);
}
