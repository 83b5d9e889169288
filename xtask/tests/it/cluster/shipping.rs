//! The log shipper: what processes write is brought to a destination, with the release, process and pod it is of.

use std::{collections::BTreeSet, env, process::Command};

use serde_json::Value;
use xtask_contract::Logging;

use super::{Story, USE};
use crate::support::{
    kind::{CLUSTER, cluster_port, kubectl, network, on_node, output},
    load::Load,
    syslog::Syslog,
};

const IMAGE: &str = "xtask-e2e/rsyslog:test";

pub(crate) fn tell(story: &Story) {
    story.without_a_destination_it_is_told_how_to_name_one();
    build_image();
    story.each_line_is_brought_with_the_release_process_and_pod_it_is_of();
    story.another_destination_is_config_alone();
    story.it_is_stopped_with_nothing_left();
}

/// On the base that the tests' PostgreSQL has, where images cannot be pulled.
fn build_image() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/contract/k8s/logging");
    let mut build = Command::new("docker");
    build.args(["build", "--quiet", "--network=host", "--tag", IMAGE, folder]);
    if let Ok(base) = env::var("POSTGRES_IMAGE") {
        build.arg(format!("--build-arg=BASE={base}"));
    }
    output(&mut build);
}

impl Story {
    fn ships_to(&self, to: &str) {
        let logging = Logging { to: to.parse().unwrap(), image: IMAGE.into() };
        self.checkout.edit_deploy("dev", |deploy| deploy.logging = Some(logging));
    }

    fn without_a_destination_it_is_told_how_to_name_one(&self) {
        let outcome = self.xtask(["services", "up", "logging", "--env", "dev"]).run();
        outcome.refused("k8s/envs/dev.toml has no [logging]").says("add that table");
        let outcome = self.xtask(["services", "up", "logging", "--env", "local"]).run();
        outcome.refused("its processes are of this machine").says("cargo xtask logs --follow");
    }

    fn each_line_is_brought_with_the_release_process_and_pod_it_is_of(&self) {
        let address = kubectl(&["get", "nodes", "--output=jsonpath={.items[0].status.addresses[0].address}"]);
        let server = Syslog::start_in(&network(), 0);
        self.ships_to(&format!("syslog://{address}:{}", server.port));
        let up = self.xtask(["services", "up", "logging", "--env", "dev"]).run().done();
        assert!(up.stdout.contains("gets what the processes of dev write"), "{up:?}");
        let again = self.xtask(["services", "up", "logging", "--env", "dev"]).run().done();
        assert!(again.stdout.contains(", as before"), "{again:?}");
        let listed = self.xtask(["services", "--env", "dev"]).run().done().stdout;
        assert!(listed.contains("logging  -  own  syslog://"), "{listed}");

        let release = self.newest().to_string();
        let acknowledged = used();
        let brought = requests(&server, acknowledged, |line| {
            assert_eq!(
                (&line["release"], &line["process"]),
                (&Value::from(release.as_str()), &Value::from("web"))
            );
            assert!(line["pod"].as_str().unwrap().starts_with("web-"), "{line}");
        });
        assert_eq!(brought.len(), acknowledged, "each once");

        // What comes while nobody takes it waits.
        let (network, port) = server.stop();
        let acknowledged = used();
        let server = Syslog::start_in(&network, port);
        assert_eq!(requests(&server, acknowledged, |_| {}).len(), acknowledged, "each once");
        server.stop();
    }

    fn another_destination_is_config_alone(&self) {
        self.ships_to("file:///var/log/shipped/todo-api.log");
        self.xtask(["services", "up", "logging", "--env", "dev"]).run().done();
        let before = acknowledged_in(&on_node("cat /var/log/shipped/todo-api.log || true"));
        let acknowledged = used();
        // The file may not be there yet.
        let all = "n=0; while [ $(cat /var/log/shipped/todo-api.log | grep -c '\"POST\"') -lt $0 ] && [ $n -lt 240 ]; do \
                   n=$((n+1)); sleep 0.5; done; cat /var/log/shipped/todo-api.log";
        let shipped = on_node(&all.replace("$0", &(before + acknowledged).to_string()));
        assert_eq!(acknowledged_in(&shipped), before + acknowledged);
    }

    fn it_is_stopped_with_nothing_left(&self) {
        let down = self.xtask(["services", "down", "logging", "--env", "dev", "--data"]).run();
        down.exits(2).says("leave --data out");
        let down = self.xtask(["services", "down", "logging", "--env", "dev"]).run().done();
        assert_eq!(down.stdout, "dev: logging stopped\n");
        let down = self.xtask(["services", "down", "logging", "--env", "dev"]).run().done();
        assert_eq!(down.stdout, "dev: logging was not running\n");
        let left = kubectl(&["get", "roles,rolebindings", "--output=name"]);
        let spaces = kubectl(&["get", "namespaces", "--output=name"]);
        assert!(
            !left.contains("logging") && !spaces.contains(&Logging::namespace(&CLUSTER)),
            "{left}{spaces}"
        );
        self.checkout.edit_deploy("dev", |deploy| deploy.logging = None);
        self.run().done();
    }
}

/// Uses the service a little; how many todos it took.
fn used() -> usize {
    let load = Load::start(cluster_port(), 2, USE);
    load.makes(20);
    load.stops() as usize
}

/// The requests for this many new todos that are brought, and a look at each.
fn requests(server: &Syslog, wanted: usize, look: impl Fn(&Value)) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut brought = 0;
    while brought < wanted {
        let message = server.next();
        let (head, text) = message.split_once(" - - - ").unwrap();
        let line: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"));
        if let Some(request) = request_of(&line) {
            assert!(head.starts_with("<14>1 ") && head.contains(line["pod"].as_str().unwrap()), "{head}");
            look(&line);
            brought += 1;
            found.insert(request);
        }
    }
    found
}

fn acknowledged_in(shipped: &str) -> usize {
    let lines = shipped.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.filter(|line: &Value| request_of(line).is_some()).count()
}

/// The request that a line is about, if that added a todo.
fn request_of(line: &Value) -> Option<String> {
    let line = &line["line"];
    let added = line["method"] == "POST" && line["path"] == "/api/todos";
    added.then(|| line["request_id"].as_str().map(str::to_owned))?
}
