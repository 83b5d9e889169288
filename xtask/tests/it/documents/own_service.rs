//! Another service beside todo-api, as docs/your-own-service.md puts it there: without touching the toolchain.

use std::{fs, path::Path, process::Command, time::Instant};

use serde_json::{Value, json};
use xtask_contract::{
    BuildRecord,
    deploy::{KindTarget, Target},
};

use super::blocks::{self, Block};
use crate::support::{
    PATIENCE,
    checkout::Checkout,
    command::tool_home,
    dev,
    git::git,
    http,
    kind::{CLUSTER, Cluster, cluster_port},
    needs, ports,
    readers::Readers,
    template::shared_target,
};

#[test]
fn another_service_runs_step_by_step() {
    let (checkout, port) = (beside(), ports::free());
    let before = toolchain(&checkout);
    let [first, second] = parts(&checkout);
    follow(&checkout, &first, port);
    assert_eq!(toolchain(&checkout), before, "the toolchain is what it was");
    assert_eq!(git(&checkout.root).run(&["status", "--porcelain"]), "", "all is committed");

    let mut up = checkout.xtask(["up", "--json"]).start();
    assert_eq!(up.announces()["url"], format!("http://localhost:{port}"));
    let answer = http::Connection::open(port).unwrap().request("GET /", "", false).unwrap();
    assert_eq!((answer.status, &*answer.body), (200, "Hello from this machine"));
    checkout.xtask(["status"]).run().done();
    assert!(checkout.xtask(["logs"]).run().done().stdout.contains("listening"));
    a_change_of_releases_loses_no_request(&checkout, "local", port);
    up.stops().done();
    no_experiment_finds_anything_broken(&checkout);

    checkout.xtask(["release", "--env", "dev"]).run().done();
    let objects = fs::read_to_string(checkout.newest("dev").join("objects.yaml")).unwrap();
    assert!(objects.contains("serviceAccountName: greeter") && !objects.contains("todo"), "{objects}");

    follow(&checkout, &second, port);
    assert_eq!(toolchain(&checkout), before, "the toolchain is what it was");
    with_a_table_a_worker_and_a_metric(&checkout, port);
}

/// Does what the text says.
fn follow(checkout: &Checkout, blocks: &[Block], port: u16) {
    let (metrics, database) = (ports::free(), ports::free());
    for block in blocks {
        // As the text has it, but for what is somebody else's on this machine.
        let text = block.text();
        let text = text.replace("METRICS_PORT = 30090", &format!("METRICS_PORT = {metrics}"));
        let text = text.replace("PORT = 30000", &format!("PORT = {port}"));
        let text = text.replace("port = 30432", &format!("port = {database}"));
        if let Some(file) = block.file() {
            fs::write(checkout.path(file), text).unwrap();
        } else if let Some(file) = block.part_of() {
            change(&checkout.path(file), &text);
        } else if block.mark == "sh" {
            for line in block.lines.iter().filter(|line| *line != "cargo xtask up") {
                shell(checkout, line);
            }
        }
    }
}

/// Two packages are one image: a change of the one below is another.
fn with_a_table_a_worker_and_a_metric(checkout: &Checkout, port: u16) {
    let mut up = checkout.xtask(["up", "--json"]).start();
    up.announces();
    for guest in ["Ada", "Grace"] {
        let answer =
            http::Connection::open(port).unwrap().request(&format!("POST /{guest}"), "", false).unwrap();
        assert_eq!((answer.status, answer.body), (200, format!("Hello, {guest}")));
    }
    let config = checkout.deploy("local").config;
    let metrics = dev::page(config["METRICS_PORT"].0.parse().unwrap(), "/metrics").0;
    assert!(metrics.contains("guests_total 2\n"), "{metrics}");
    let status = checkout.xtask(["status", "--json"]).run().json();
    let ready = |kind: &Value| (kind["name"].clone(), kind["ready"].clone());
    let processes: Vec<_> = status["processes"].as_array().unwrap().iter().map(ready).collect();
    assert_eq!(processes, [(json!("web"), json!(1)), (json!("worker"), json!(1))]);
    up.stops().done();

    let image = || BuildRecord::newest(&checkout.repo()).unwrap().digest;
    let first = image();
    dev::edit(checkout, "guests/src/lib.rs", "interval '1 day'", "interval '2 days'");
    checkout.xtask(["build"]).run().refused("guests/src/lib.rs");
    checkout.commit_all("They are remembered for longer");
    checkout.xtask(["build"]).run().done();
    assert_ne!(image(), first);
}

fn a_change_of_releases_loses_no_request(checkout: &Checkout, env: &str, port: u16) {
    let readers = Readers::start(port);
    for greeting in ["Hello again", "Hello once more"] {
        checkout.configure(env, "GREETING", greeting);
        checkout.xtask(["release", "--env", env]).run().done();
        checkout.xtask(["run", "--env", env]).with_engine().run().done();
        // On a cluster the release before may answer for another moment.
        let deadline = Instant::now() + PATIENCE;
        while dev::page(port, "/").0 != greeting {
            assert!(Instant::now() < deadline, "{greeting}");
        }
    }
    assert!(readers.stop() > 0);
}

mod long {
    use super::*;

    #[test]
    fn on_kind_a_change_of_releases_loses_no_request_either() {
        if !needs::docker_and_kind() {
            return;
        }
        let _cluster = Cluster::empty();
        let checkout = beside();
        let [first, _] = parts(&checkout);
        follow(&checkout, &first, ports::free());
        checkout.edit_deploy("dev", |deploy| {
            // The text's cluster is somebody else's.
            let (cluster, namespace) = (CLUSTER.to_string(), format!("{CLUSTER}-dev"));
            deploy.target = Target::Kind(KindTarget { cluster, namespace, port: cluster_port() });
        });
        checkout.xtask(["up", "--env", "dev"]).with_engine().run().done();
        a_change_of_releases_loses_no_request(&checkout, "dev", cluster_port());
        checkout.xtask(["down", "--env", "dev", "--data", "--yes"]).with_engine().run().done();
    }
}

/// A checkout in which nothing was done yet.
fn beside() -> Checkout {
    let checkout = Checkout::fresh();
    compile_quickly(&checkout);
    checkout.commit_all("Compiled quickly");
    checkout
}

/// What the text has until the greeter runs, and what makes more of it.
fn parts(checkout: &Checkout) -> [Vec<Block>; 2] {
    let mut first = blocks::of(&checkout.path("docs/your-own-service.md"));
    let begins =
        |block: &Block| block.lines.first().is_some_and(|line| line == "cargo new --quiet --lib guests");
    let second = first.iter().position(begins).unwrap();
    let second = first.split_off(second);
    [first, second]
}

/// It does not say how something is written and read: what needs that is named.
fn no_experiment_finds_anything_broken(checkout: &Checkout) {
    let factors = ["II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "telemetry"];
    let proof = checkout.xtask(["prove", "--json"]).args(factors).run().json();
    for panel in proof["panels"].as_array().unwrap() {
        assert!(panel["problems"].as_array().unwrap().is_empty(), "{panel:#}");
        let not_shown = panel["not_shown"].to_string();
        let needs_it = panel["factor"] == "processes" || panel["factor"] == "disposability";
        assert_eq!(needs_it, not_shown.contains("how something is written and read"), "{panel:#}");
        assert_eq!(panel["verdict"] == "not_shown", panel["factor"] == "backing-services", "{panel:#}");
    }
}

/// The toolchain's folder, as the last commit has it.
fn toolchain(checkout: &Checkout) -> String {
    git(&checkout.root).run(&["rev-parse", "HEAD:xtask"])
}

/// Exchanges the lines of a file that set the same keys as these.
fn change(file: &Path, lines: &str) {
    let mut text = fs::read_to_string(file).unwrap();
    for line in lines.lines().filter(|line| !line.starts_with('[')) {
        let key = format!("{} =", line.split_once(" =").unwrap().0);
        let old: Vec<&str> = text.lines().filter(|old| old.starts_with(&key)).collect();
        let [old] = old[..] else { panic!("{key} is not in {} once: {old:?}", file.display()) };
        text = text.replace(old, line);
    }
    fs::write(file, text).unwrap();
}

/// How fast the service is and how small does not matter here, so the compiler takes no time for that.
fn compile_quickly(checkout: &Checkout) {
    let manifest = checkout.path("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let (before, after) = text.split_once("[profile.release]\ncodegen-units = 1\nlto = \"thin\"\n").unwrap();
    fs::write(manifest, format!("{before}[profile.release]\nopt-level = 0\n{after}")).unwrap();
}

/// Types a line.
fn shell(checkout: &Checkout, line: &str) {
    let mut shell = Command::new("bash");
    shell.args(["-euc", line]).current_dir(&checkout.root).env_clear();
    shell.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", &checkout.home);
    shell
        .env("CARGO_HOME", tool_home("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", tool_home("RUSTUP_HOME", ".rustup"));
    shell.envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@localhost")]);
    shell.envs([("GIT_COMMITTER_NAME", "a"), ("GIT_COMMITTER_EMAIL", "a@localhost")]);
    let output = shell.env("CARGO_TARGET_DIR", shared_target()).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}
