//! A cluster and a registry behind a proxy, and those that are reached without one.

use std::fs;

use base64::prelude::{BASE64_STANDARD, Engine};

use super::Deploy;
use crate::support::{ports, proxy::Proxy};

/// All variables that name a proxy.
const ALL: [&str; 6] = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

#[test]
fn a_cluster_and_a_registry_of_this_machine_are_reached_without_a_proxy() {
    let deploy = Deploy::new();
    let release = deploy.release();
    // Nobody asks either whether a password is escaped in it as a URL wants it.
    let nobody = format!("http://u:p^{{w }}ä@127.0.0.1:{}", ports::free());
    let run = deploy.xtask(["run"]);
    ALL.into_iter().fold(run, |run, name| run.env(name, &nobody)).run().done();
    deploy.is_on(release);
}

#[test]
fn another_cluster_is_reached_by_way_of_the_proxy_that_is_named_for_it() {
    let (deploy, proxy) = (Deploy::new(), Proxy::start());
    deploy.release();
    deploy.run().done();
    let cluster = format!("cluster.test:{}", deploy.server.port);
    edit_kubeconfig(&deploy, |text| text.replace("127.0.0.1", "cluster.test"));
    let address = format!("http://somebody:can%40ary@127.0.0.1:{}", proxy.port);
    let status = || deploy.xtask(["status", "--json"]);

    status().env("http_proxy", &address).run().done();
    let heads = proxy.heads();
    assert!(!heads.is_empty());
    let bare = format!("http://u:p^w{{ }}ä@127.0.0.1:{}/", proxy.port);
    status().env("all_proxy", &bare).env("HTTPS_PROXY", &bare).env("http_proxy", &bare).run().done();
    let encoded = BASE64_STANDARD.encode("u:p^w{ }ä");
    assert!(proxy.heads().iter().all(|head| head.contains(&format!("Basic {encoded}"))));
    for head in heads {
        assert!(head.starts_with(&format!("CONNECT {cluster} ")), "{head}");
        assert!(head.contains("Proxy-Authorization: Basic c29tZWJvZHk6Y2FuQGFyeQ=="), "{head}");
    }
    status().env("all_proxy", format!("socks5h://127.0.0.1:{}", proxy.port)).run().done();
    let heads = proxy.heads();
    assert!(!heads.is_empty() && heads.iter().all(|head| *head == format!("SOCKS {cluster}")), "{heads:?}");
    let direct = status().env("http_proxy", &address).env("NO_PROXY", "example.com,.test").run().exits(1);
    assert!(!direct.stderr.contains("proxy"), "{}", direct.stderr);
    assert_eq!(proxy.heads(), [""; 0]);

    // The cluster's own goes before the environment's.
    edit_kubeconfig(&deploy, |text| {
        text.replace("cluster:\n      server", &format!("cluster:\n      proxy-url: {address}\n      server"))
    });
    status().env("http_proxy", "http://127.0.0.1:1").env("NO_PROXY", "*").run().done();
    assert!(!proxy.heads().is_empty());
}

#[test]
fn a_proxy_that_does_not_answer_is_named_with_its_variable() {
    let deploy = Deploy::new();
    deploy.release();
    edit_kubeconfig(&deploy, |text| text.replace("http://127.0.0.1", "https://cluster.test"));
    let nobody = format!("127.0.0.1:{}", ports::free());
    let told =
        deploy.xtask(["status"]).env("HTTPS_PROXY", format!("http://u:canary@{nobody}")).run().exits(1);
    let told = told.says(&format!("not reached by way of the proxy http://{nobody} (HTTPS_PROXY)"));
    assert!(!told.stderr.contains("canary"), "{}", told.stderr);
    told.says("`export NO_PROXY=cluster.test`");
    deploy
        .xtask(["status"])
        .env("HTTPS_PROXY", "gopher://p")
        .run()
        .refused("HTTPS_PROXY names a proxy of the kind gopher");
}

fn edit_kubeconfig(deploy: &Deploy, edit: impl FnOnce(String) -> String) {
    let path = deploy.checkout.home.join(".kube/config");
    let text = fs::read_to_string(&path).unwrap();
    let edited = edit(text.clone());
    assert_ne!(edited, text);
    fs::write(path, edited).unwrap();
}
