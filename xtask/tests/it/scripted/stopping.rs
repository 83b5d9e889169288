//! A deploy that is stopped.

use serde_json::json;
use xtask_contract::labels;

use super::{Deploy, NAMESPACE};

#[test]
fn stopped_is_said_when_nothing_answers_any_more_and_what_goes_for_good_is_named_first() {
    let deploy = Deploy::new();
    deploy.release();
    deploy.run().done();
    let pods = || {
        let pods = deploy.server.cluster().store.all("pods");
        pods.iter().filter(|pod| pod["metadata"]["labels"][labels::COMPONENT] == "web").count()
    };
    assert_eq!(pods(), 2);
    deploy.server.cluster().store.put(json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": { "name": "data-postgres-0", "namespace": NAMESPACE },
    }));
    let refused = deploy.xtask(["down", "--data"]).run().refused("there is no terminal to answer at");
    let place = format!("in the namespace {NAMESPACE} of the cluster of the context scripted");
    refused.says(&format!(
        "of prod, this deletes for good:\n  - its database (the volume of data-postgres-0) {place}"
    ));
    assert_eq!(pods(), 2);
    let down = deploy.xtask(["down"]).run().done();
    assert_eq!((down.stdout.as_str(), pods()), ("prod: stopped; its data are kept\n", 0));
    let down = deploy.xtask(["down", "--data", "--yes", "--json"]).run().done();
    assert_eq!(down.json(), json!({ "env": "prod", "stopped": false, "data": "deleted" }));
    let down = deploy.xtask(["down", "--data", "--yes"]).run().done();
    assert_eq!(down.stdout, "prod: nothing was running; it has no data of its own here\n");
}
