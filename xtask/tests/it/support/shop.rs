//! A Cargo workspace outside of this repository, with a service of the standard library alone: what a team has before it
//! takes the toolchain up. It compiles with the settings of this one, so that the crates of others need not be compiled again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::git::git;

const MANIFEST: &str = "[workspace]\nresolver = \"3\"\nmembers = [\n    \"shop\", # sells\n    \"goods\",\n]\n\n\
                        [profile.release]\nopt-level = 0\n\n\
                        [profile.dev]\ndebug = \"line-tables-only\"\n\n\
                        [profile.dev.package.\"*\"]\ndebug = false\n";
const SERVICE: &str = "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                       [dependencies]\ngoods = { path = \"../goods\" }\n";
const LIBRARY: &str = "[package]\nname = \"goods\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";

/// It answers every request with what is on offer, and ends at SIGTERM as a program does that knows nothing of it.
const PROGRAM: &str = r#"
use std::{env, io::{Read, Write}, net::TcpListener, thread};

fn main() {
    match env::args().nth(1).as_deref() {
        Some("describe") => println!("{}", include_str!("describe.json")),
        Some("web") => web(),
        Some("stock") => loop {
            println!("counting {}", goods::OFFER);
            thread::park();
        },
        Some("migrate") => {}
        other => panic!("{other:?}"),
    }
}

fn web() {
    let port = env::var("PORT").unwrap();
    let listener = TcpListener::bind(("0.0.0.0", port.parse().unwrap())).unwrap();
    println!("listening on {port}");
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        thread::spawn(move || {
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nconnection: close\r\nx-release: {}\r\ncontent-length: {}\r\n\r\n{}",
                env::var("RELEASE_ID").unwrap_or_default(), goods::OFFER.len(), goods::OFFER
            );
        });
    }
}
"#;

const DESCRIPTION: &str = r#"{ "schema": 1, "service": "shop",
  "processes": [
    { "name": "web", "args": ["web"], "help": "sells", "port": "PORT", "readiness": "/", "liveness": "/" },
    { "name": "stock", "args": ["stock"], "help": "counts" }
  ],
  "migrate": ["migrate"],
  "variables": [
    { "name": "PORT", "type": "integer", "min": 1, "max": 65535, "required": true, "secret": false, "help": "where it listens" }
  ] }"#;

/// The workspace, in a folder of its own.
pub(crate) struct Shop {
    pub(crate) root: PathBuf,
    pub(crate) home: PathBuf,
    _folder: TempDir,
}

impl Shop {
    /// All of it committed, and nothing of the toolchain there.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("shop ").tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let shop = Self { root: path.join("a workspace"), home: path.join("home"), _folder: folder };
        fs::create_dir_all(&shop.home).unwrap();
        for (path, text) in [
            ("Cargo.toml", MANIFEST),
            ("shop/Cargo.toml", SERVICE),
            ("shop/src/main.rs", PROGRAM),
            ("shop/src/describe.json", DESCRIPTION),
            ("goods/Cargo.toml", LIBRARY),
            ("goods/src/lib.rs", "pub const OFFER: &str = \"apples\";\n"),
            (".gitignore", "target\n"),
        ] {
            shop.write(path, text);
        }
        git(&shop.root).run(&["init", "--quiet", "--initial-branch", "main"]);
        shop.commit("A shop");
        shop
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path: &Path = &self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn commit(&self, message: &str) {
        git(&self.root).run(&["add", "--all"]);
        git(&self.root).run(&["commit", "--quiet", "--message", message]);
    }
}
