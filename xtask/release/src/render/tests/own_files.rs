//! Files of the project in the place of the toolchain's.

use super::*;

#[test]
fn a_process_at_given_times_has_the_releases_image_and_config_and_its_own_arguments() {
    let own = tempfile::tempdir().unwrap();
    let repo = Repo::at(own.path());
    std::fs::create_dir_all(repo.k8s().join("objects")).unwrap();
    let job = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\nspec:\n  schedule: '0 3 * * *'\n  jobTemplate:\n    \
               spec:\n      template:\n        metadata: {labels: {app.kubernetes.io/component: web}}\n        spec: {restartPolicy: Never, \
               containers: [{name: nightly, args: [purge, --older-than, 30d]}]}\n";
    std::fs::write(repo.k8s().join("objects/web.yaml"), job).unwrap();
    let release = release(json!({}));
    let source = source(&repo, &release);
    let objects = by_name(&objects(source).unwrap());
    let job = &objects["CronJob/nightly"];
    assert_eq!(job["metadata"]["labels"][labels::PART], "process");
    let template = &job["spec"]["jobTemplate"]["spec"]["template"];
    let container = &template["spec"]["containers"][0];
    assert_eq!(container["args"], json!(["purge", "--older-than", "30d"]));
    assert!(container["image"].as_str().unwrap().contains("@sha256:"), "{container}");
    assert_eq!(container["envFrom"][0]["configMapRef"]["name"], release.config_name());
    assert_eq!(template["metadata"]["labels"]["app.kubernetes.io/component"], "nightly");
    assert_eq!(template["metadata"]["labels"]["app.kubernetes.io/instance"], "prod");
}

#[test]
fn a_further_kind_is_released_where_the_deploys_rules_name_it() {
    let own = tempfile::tempdir().unwrap();
    let repo = Repo::at(own.path());
    std::fs::create_dir_all(repo.k8s().join("objects")).unwrap();
    let monitor =
        "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: web}\nspec: {}\n";
    std::fs::write(repo.k8s().join("objects/web.yaml"), monitor).unwrap();
    let release = release(json!({}));
    let made = |further: &[ObjectKind]| objects(Source { further, ..source(&repo, &release) });
    let refused = made(&[]).unwrap_err();
    assert!(refused.next.unwrap().contains("`policy.kinds`"));
    let kind = "monitoring.coreos.com/v1/ServiceMonitor".parse().unwrap();
    assert!(by_name(&made(&[kind]).unwrap()).contains_key("ServiceMonitor/web"));
}

#[test]
fn an_empty_file_of_the_project_leaves_an_object_out() {
    let own = tempfile::tempdir().unwrap();
    let repo = Repo::at(own.path());
    std::fs::create_dir_all(repo.k8s().join("objects")).unwrap();
    let release = release(json!({ "ingress": { "host": "shop.example.com" } }));
    let names = || by_name(&objects(source(&repo, &release)).unwrap()).into_keys().collect::<Vec<_>>();
    assert!(names().contains(&"Ingress/web".to_owned()));
    for text in ["", "# none here\n\n"] {
        std::fs::write(repo.k8s().join("objects/ingress.yaml"), text).unwrap();
        assert!(!names().iter().any(|name| name.starts_with("Ingress/")), "{:?}", names());
    }
}
