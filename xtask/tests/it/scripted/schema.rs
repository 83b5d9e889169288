//! No migration is started where the deploy's database is known to have the release's schema.

use serde_json::{Value, json};
use xtask_contract::labels;

use super::{Deploy, NAMESPACE};
use crate::support::api_server::pods;

impl Deploy {
    /// Gives the deploy's own server a volume, in the place of the one that it has.
    fn new_volume(&self) {
        let mut cluster = self.server.cluster();
        if let Some(claim) = cluster.store.get("persistentvolumeclaims", NAMESPACE, "data-postgres-0") {
            cluster.store.remove(&claim);
        }
        cluster.store.put(json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": { "name": "data-postgres-0", "namespace": NAMESPACE },
        }));
    }

    /// Makes a release and runs it; whether its migration was started.
    fn migrates(&self) -> bool {
        let release = self.release();
        self.run().done();
        self.is_on(release);
        self.has_migrated(&release.as_name())
    }

    fn has_migrated(&self, release: &str) -> bool {
        self.server.cluster().store.get("jobs", NAMESPACE, &format!("migrate-{release}")).is_some()
    }
}

#[test]
fn it_is_not_started_again_for_the_same_migrations_on_the_same_database() {
    let deploy = Deploy::new();
    deploy.new_volume();
    assert!(deploy.migrates());
    let next = deploy.release();
    let changes = deploy.xtask(["run", "--dry-run"]).run().exits(5);
    assert!(changes.stdout.contains("then/deployment/web") && !changes.stdout.contains("then/job/migrate-"));
    deploy.run().done();
    assert!(!deploy.has_migrated(&next.as_name()) && !deploy.migrates());
    deploy.new_volume();
    assert!(deploy.migrates(), "what began anew has no schema");
    let url = "postgres://somebody:else@db.example.com/todos";
    deploy.checkout.edit_deploy("prod", |prod| prod.services.postgres.as_mut().unwrap().attached = true);
    deploy.checkout.seal("prod", "DATABASE_URL", url);
    assert!(deploy.migrates(), "another database");
    assert!(!deploy.migrates());
}

#[test]
fn where_a_release_fails_without_it_the_same_command_starts_it() {
    let deploy = Deploy::new();
    deploy.new_volume();
    assert!(deploy.migrates());
    let release = deploy.release();
    let is_of_it = move |pod: &Value| pod["metadata"]["annotations"][labels::RELEASE] == json!(release);
    deploy.server.cluster().controllers.pods_go(move |pod| {
        if is_of_it(pod) { vec![pods::waiting(pod, "InvalidImageName")] } else { pods::good(pod) }
    });
    deploy.run().exits(4);
    deploy.server.cluster().controllers.pods_go(pods::good);
    assert!(!deploy.has_migrated(&release.as_name()));
    deploy.run().done();
    assert!(deploy.has_migrated(&release.as_name()));
}
