//! A container registry of a test's own: Debian's `docker-registry` at a free port of this machine.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;
use tempfile::TempDir;
use xtask_contract::{Digest, Repository};

use super::{PATIENCE, ports};

/// A registry that runs as long as this lives.
pub(crate) struct Registry {
    /// Its host and port, as in an image's name.
    pub(crate) host: String,
    folder: TempDir,
    process: Child,
    authorization: Option<String>,
}

impl Registry {
    /// One that everybody may use, at this address of this machine: a cluster's nodes need one that they reach.
    #[track_caller]
    pub(crate) fn start_at(address: &str) -> Self {
        Self::start_with(address, None)
    }

    /// One that everybody may use.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::start_at("127.0.0.1")
    }

    /// One that only this user may use.
    #[track_caller]
    pub(crate) fn start_for(user: &str, password: &str) -> Self {
        Self::start_with("127.0.0.1", Some((user, password)))
    }

    fn start_with(address: &str, user: Option<(&str, &str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = format!("{address}:{}", ports::free());
        let config = folder.path().join("config.yml");
        fs::write(&config, configuration(folder.path(), &host, user)).unwrap();
        let log = |name: &str| File::create(folder.path().join(name)).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log("access.log"))
            .stderr(log("registry.log"))
            .spawn()
            .unwrap();
        let authorization = user.map(|(user, password)| basic(user, password));
        let mut registry = Self { host, folder, process, authorization };
        registry.answers();
        registry
    }

    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "it tells nobody when it listens")]
    fn answers(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(&self.host).is_err() {
            let log = || fs::read_to_string(self.folder.path().join("registry.log")).unwrap();
            assert!(self.process.try_wait().unwrap().is_none(), "the registry ended: {}", log());
            assert!(Instant::now() < deadline, "the registry does not answer: {}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The same registry at the same address of another network, as of a container: each has a 127.0.0.1 of its own.
    pub(crate) fn also_in(&self, network: &str) -> Elsewhere {
        let process = Command::new("nsenter")
            .arg(format!("--net={network}"))
            .args(["docker-registry", "serve"])
            .arg(self.folder.path().join("config.yml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Elsewhere(process)
    }

    /// A repository of it.
    pub(crate) fn repository(&self, name: &str) -> Repository {
        format!("{}/{name}", self.host).parse().unwrap()
    }

    /// How often it was asked for something: lines of its access log such as `PUT /v2/`.
    pub(crate) fn asked(&self, what: &str) -> usize {
        let log = fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        log.lines().filter(|line| line.contains(what)).count()
    }

    /// A manifest as it gives it out, or its status if that is not 200.
    pub(crate) fn manifest(&self, name: &str, reference: &str) -> Result<Vec<u8>, u16> {
        self.get(&format!("/v2/{name}/manifests/{reference}"))
    }

    /// A blob as it gives it out, or its status if that is not 200.
    pub(crate) fn blob(&self, name: &str, digest: &Digest) -> Result<Vec<u8>, u16> {
        self.get(&format!("/v2/{name}/blobs/{digest}"))
    }

    /// The documents about an image that it lists, by their types.
    pub(crate) fn documents(&self, name: &str, image: &Digest) -> Vec<(String, Digest)> {
        let list = self.manifest(name, &image.to_string().replace(':', "-")).unwrap();
        let list: Value = serde_json::from_slice(&list).unwrap();
        let entry = |entry: &Value| {
            (
                entry["artifactType"].as_str().unwrap().to_owned(),
                entry["digest"].as_str().unwrap().parse().unwrap(),
            )
        };
        list["manifests"].as_array().unwrap().iter().map(entry).collect()
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, u16> {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
        let authorization =
            self.authorization.as_ref().map_or_else(String::new, |line| format!("{line}\r\n"));
        let host = &self.host;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\nAccept: {accept}\r\n{authorization}\r\n")
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
        if status == 200 { Ok(answer.split_off(end + 4)) } else { Err(status) }
    }
}

/// A registry in another network, as long as this lives.
pub(crate) struct Elsewhere(Child);

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configuration(folder: &Path, host: &str, user: Option<(&str, &str)>) -> String {
    let storage = folder.join("storage");
    let mut text = format!(
        "version: 0.1\nlog:\n  accesslog:\n    disabled: false\nstorage:\n  filesystem:\n    rootdirectory: {}\n\
         http:\n  addr: {host}\n",
        storage.display()
    );
    if let Some((user, password)) = user {
        let output = Command::new("htpasswd").args(["-nbB", user, password]).output().unwrap();
        let users = folder.join("users");
        fs::write(&users, output.stdout).unwrap();
        text.push_str("auth:\n  htpasswd:\n    realm: test\n    path: ");
        text.push_str(&users.display().to_string());
        text.push('\n');
    }
    text
}

/// The header with which a user logs in.
fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}
