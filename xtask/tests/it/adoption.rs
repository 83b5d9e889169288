//! A workspace outside of this repository takes the toolchain up: by the crates as they would be published, and by
//! commands of its own from then on.

mod packages;

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{
    LONG_PATIENCE,
    command::{Outcome, PROGRAM, Xtask},
    git::git,
    kind::{CLUSTER, Cluster, cluster_port, output},
    needs, ports,
    shop::Shop,
    template::shared_target,
};
use packages::Packages;

#[test]
fn on_this_machine() {
    let story = Story::begin();
    story.what_is_there_already_is_left_as_it_is();
    story.a_deploy_comes_up_and_a_change_after_it();
}

/// What takes long, and is run with `--all` alone.
mod long {
    use super::{Cluster, Story, needs};

    #[test]
    fn on_kind() {
        if !needs::docker_and_kind() {
            return;
        }
        let story = Story::begin();
        let _cluster = Cluster::empty();
        story.a_deploy_on_a_cluster_comes_up_and_goes();
    }
}

/// The version that packages are made with.
const TOOLCHAIN: [&str; 2] = ["--toolchain", env!("CARGO_PKG_VERSION")];

struct Story {
    shop: Shop,
    /// Where cargo leaves what it makes, from one time to the next.
    target: PathBuf,
    /// One at a time.
    _lock: File,
}

impl Story {
    /// The workspace has all that `init` writes, and the toolchain's crates as they were packaged.
    fn begin() -> Self {
        let folder = shared_target().join("adopted");
        fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let (shop, packages) = (Shop::new(), Packages::make(&folder.join("packages")));
        let init = Xtask::at(&shop.root, &shop.home).args(["init", "--json"]).args(TOOLCHAIN).run();
        let document = init.done().json();
        assert_eq!(document["service"], "shop");
        let written = |row: &serde_json::Value| matches!(row["state"].as_str(), Some("new" | "added"));
        assert!(document["files"].as_array().unwrap().iter().all(written), "{document}");
        let manifest = shop.read("Cargo.toml");
        assert!(manifest.contains("    \"shop\", # sells\n    \"goods\",\n    \"xtask\",\n"), "{manifest}");
        // In the place of a registry, which has none of them.
        shop.write("Cargo.toml", &format!("{manifest}\n{}", packages.patch()));
        let story = Self { shop, target: folder.join("target"), _lock: lock };
        story.take_what_is_compiled();
        story.cargo_xtask(&["completions", "bash"]).done();
        story.shop.commit("The toolchain is taken up");
        story
    }

    /// The crates of others are compiled already, with the settings that this workspace has, too.
    fn take_what_is_compiled(&self) {
        if self.target.exists() {
            return;
        }
        let (from, into) = (Path::new(PROGRAM).parent().unwrap(), self.target.join("debug"));
        fs::create_dir_all(&into).unwrap();
        for (part, how) in [(".fingerprint", "-a"), ("build", "-a"), ("deps", "-al")] {
            output(Command::new("cp").arg(how).arg(from.join(part)).arg(&into));
        }
    }

    fn what_is_there_already_is_left_as_it_is(&self) {
        let again = self.call(&["init", "--dry-run"]).args(TOOLCHAIN).run().done();
        assert!(again.stdout.lines().all(|line| line.starts_with("as it is ")), "{again:?}");
        self.shop.write("k8s/envs/dev.toml", "# ours\nschema = 1\n");
        let raised = self.cargo_xtask(&["init", "--dry-run", "--diff", "--toolchain", "9.9.9"]).done();
        assert!(raised.stdout.contains("+xtask-cli = { version = \"9.9.9\" }"), "{raised:?}");
        assert!(raised.stdout.contains("-# ours"), "{raised:?}");
        self.call(&["init"]).args(TOOLCHAIN).run().done();
        assert_eq!(self.shop.read("k8s/envs/dev.toml"), "# ours\nschema = 1\n");
        git(&self.shop.root).run(&["checkout", "--quiet", "k8s"]);
    }

    fn a_deploy_comes_up_and_a_change_after_it(&self) {
        let missing = self.cargo_xtask(&["up"]);
        missing.exits(3).says("PORT is missing: where it listens");
        let port = ports::free();
        self.cargo_xtask(&["config", "set", &format!("PORT={port}")]).done();
        let mut up = self.call(&["up", "--json"]).start();
        up.announces();
        assert_eq!(answer(port), "apples");
        self.shop.write("goods/src/lib.rs", "pub const OFFER: &str = \"pears\";\n");
        self.shop.commit("Pears");
        let changed = self.cargo_xtask(&["up"]).done();
        assert!(changed.stdout.contains("local runs release"), "{changed:?}");
        assert_eq!(answer(port), "pears");
        let status = self.cargo_xtask(&["status"]).done();
        assert!(status.stdout.contains("in step with its release"), "{status:?}");
        self.cargo_xtask(&["down"]).done();
        up.ends_within(LONG_PATIENCE).done();
    }

    fn a_deploy_on_a_cluster_comes_up_and_goes(&self) {
        let file = self.shop.read("k8s/envs/dev.toml");
        let file = file
            .replace("cluster = \"shop\"", &format!("cluster = \"{CLUSTER}\""))
            .replace("\"shop-dev\"", &format!("\"{CLUSTER}-dev\""))
            .replace("port = 30000", &format!("port = {}", cluster_port()));
        self.shop.write("k8s/envs/dev.toml", &file);
        self.cargo_xtask(&["config", "set", "PORT=8080", "--env", "dev"]).done();
        self.shop.commit("Its places");
        let up = self.cargo_xtask(&["up", "--env", "dev"]).done();
        up.says("compiling what speaks to clusters");
        assert_eq!(answer(cluster_port()), "apples");
        let status = self.cargo_xtask(&["status", "--env", "dev"]).done();
        assert!(status.stdout.contains("stock: 1 of 1 ready"), "{status:?}");
        self.cargo_xtask(&["down", "--env", "dev", "--data", "--yes"]).done();
    }

    fn cargo_xtask(&self, args: &[&str]) -> Outcome {
        self.call(args).run()
    }

    fn call(&self, args: &[&str]) -> Xtask {
        let call = Xtask::with(Path::new("cargo"), &self.shop.root, &self.shop.home).args(["xtask"]);
        call.args(args).with_engine().env("CARGO_TARGET_DIR", &self.target)
    }
}

/// What the shop has on offer.
fn answer(port: u16) -> String {
    let mut answer = String::new();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n").unwrap();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}
