//! Images on their way to a registry: the real one of Debian, at a port of this machine.

mod shapes;

use std::{env, fs, process::Command};

use crate::support::{checkout::Checkout, needs, ports, registry::Registry as Server};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::json;
use tempfile::TempDir;
use xtask_contract::{
    Digest, Error, Layout, Repository, Secret,
    image::{Config, Descriptor, Manifest},
    progress::Silent,
    referrers::{PROVENANCE, SBOM},
};
use xtask_kubernetes::registry::{Login, Registry, has, push};
use xtask_run::Pushed;

const NAME: &str = "team/todo-api";
const PASSWORD: &str = "canary-password";

/// A layout with one image of two layers.
struct Images {
    layout: Layout,
    image: Digest,
    _folder: TempDir,
}

impl Images {
    fn new() -> Self {
        Self::of(50_000)
    }

    /// One that is large enough to be sent in many pieces.
    fn large() -> Self {
        Self::of(20_000_000)
    }

    fn of(bytes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path());
        let numbers = (0..).flat_map(|number: u32| number.wrapping_mul(2_654_435_761).to_le_bytes());
        let image = add(&layout, &[&numbers.take(bytes).collect::<Vec<u8>>(), b"a layer"]);
        Self { layout, image, _folder: folder }
    }

    fn push_as(&self, login: Login, repository: &Repository) -> Result<Pushed, Error> {
        let registry = Registry { repository, plain_http: true, login };
        block_on(push(&self.layout, &self.image, &registry, &Silent))
    }

    fn push(&self, server: &Server) -> Pushed {
        self.push_as(Login::Anonymous, &server.repository(NAME)).unwrap()
    }
}

/// An image of these layers.
fn add(layout: &Layout, layers: &[&[u8]]) -> Digest {
    let blob = |kind: &str, content: &[u8]| {
        Descriptor::new(kind, layout.put(content).unwrap(), content.len() as u64)
    };
    let layers: Vec<Descriptor> = layers.iter().map(|layer| blob(Manifest::LAYER, layer)).collect();
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.digest).collect();
    let config = json!({ "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": diff_ids } });
    let config = blob(Config::MEDIA_TYPE, config.to_string().as_bytes());
    // Spaces that no program would write again: the bytes count.
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": Manifest::MEDIA_TYPE, "config": config, "layers": layers });
    let manifest = format!("{manifest:#}\n\n");
    let image = blob(Manifest::MEDIA_TYPE, manifest.as_bytes());
    layout.add(image.clone()).unwrap();
    image.digest
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn user(password: &str) -> Login {
    Login::User { user: "somebody".into(), password: Secret::new(password), from: "the test" }
}

fn is_there(server: &Server, image: &Digest) -> bool {
    let repository = server.repository(NAME);
    block_on(has(&Registry { repository: &repository, plain_http: true, login: Login::Anonymous }, image))
        .unwrap()
}

#[test]
fn the_first_push_sends_all_and_the_second_one_nothing() {
    if !needs::registry() {
        return;
    }
    let (images, server) = (Images::large(), Server::start());
    assert!(!is_there(&server, &images.image));
    let first = images.push(&server);
    assert_eq!((first.sent, first.there), (4, 0), "two layers, a configuration and the manifest");
    assert!(first.bytes >= 20_000_000);
    assert!(is_there(&server, &images.image));

    let sent = || server.asked("\"PUT ") + server.asked("\"POST ") + server.asked("\"PATCH ");
    let before = sent();
    assert_eq!(before, 7, "a beginning and an end for each blob, and the manifest");
    assert_eq!(images.push(&server), Pushed { sent: 0, there: 1, bytes: 0 });
    assert_eq!(sent(), before);
}

#[test]
fn the_registry_has_every_byte_as_it_is_here() {
    if !needs::registry() {
        return;
    }
    let (images, server) = (Images::large(), Server::start());
    images.push(&server);
    let here = |digest: &Digest| fs::read(images.layout.blob_path(digest)).unwrap();
    let manifest = server.manifest(NAME, &images.image.to_string()).unwrap();
    assert_eq!((Digest::of(&manifest), &manifest), (images.image, &here(&images.image)));
    let parts = images.layout.manifest(&images.image).unwrap();
    for blob in parts.layers.iter().chain([&parts.config]) {
        assert!(server.blob(NAME, &blob.digest).unwrap() == here(&blob.digest), "{}", blob.digest);
    }
}

#[test]
fn of_another_image_only_what_is_new_is_sent() {
    if !needs::registry() {
        return;
    }
    let (mut images, server) = (Images::new(), Server::start());
    images.push(&server);
    let large =
        fs::read(images.layout.blob_path(&images.layout.manifest(&images.image).unwrap().layers[0].digest));
    images.image = add(&images.layout, &[&large.unwrap(), b"another layer"]);
    let second = images.push(&server);
    assert_eq!((second.sent, second.there), (3, 1));
    assert!(second.bytes < 10_000);
}

#[test]
fn the_documents_about_an_image_are_found_at_the_registry() {
    if !needs::registry() {
        return;
    }
    let (images, server) = (Images::new(), Server::start());
    let attach = |kind, document: &[u8]| images.layout.attach(&images.image, kind, document).unwrap();
    let sbom = attach(SBOM, b"{\"components\": []}");
    images.push(&server);
    assert_eq!(server.documents(NAME, &images.image).len(), 1);
    // One that comes later joins the first one.
    attach(PROVENANCE, b"{}");
    images.push(&server);
    let listed = server.documents(NAME, &images.image);
    let kinds: Vec<&str> = listed.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, [SBOM, PROVENANCE]);
    let manifest = server.manifest(NAME, &listed[0].1.to_string()).unwrap();
    assert!(String::from_utf8(manifest).unwrap().contains(&images.image.to_string()), "it names its image");
    assert_eq!(server.blob(NAME, &sbom).unwrap(), b"{\"components\": []}");
    assert_eq!(images.push(&server), Pushed { sent: 0, there: 3, bytes: 0 });
}

#[test]
fn only_who_has_the_password_is_let_in() {
    if !needs::registry() {
        return;
    }
    let (images, server) = (Images::new(), Server::start_for("somebody", PASSWORD));
    let repository = server.repository(NAME);
    let refused = |login| images.push_as(login, &repository).unwrap_err().to_string();
    let told = refused(user("canary-wrong"));
    assert!(told.contains("does not let in the user somebody from the test"), "{told}");
    assert!(told.contains(&format!("docker login {}", server.host)) && !told.contains("canary"), "{told}");
    assert!(refused(Login::Anonymous).contains("lets in nobody who does not log in"));
    assert_eq!(images.push_as(user(PASSWORD), &repository).unwrap().sent, 4);
    assert!(server.manifest(NAME, &images.image.to_string()).is_ok());
}

#[test]
fn the_environment_or_dockers_config_file_says_who_asks() {
    if !needs::registry() {
        return;
    }
    let server = Server::start_for("somebody", PASSWORD);
    let push_with = |variables: &[(&str, &str)]| push_in(&server.repository(NAME).to_string(), variables);
    let folder = tempfile::tempdir().unwrap();
    let auth = BASE64_STANDARD.encode(format!("somebody:{PASSWORD}"));
    let config = json!({ "auths": { &server.host: { "auth": auth } } });
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let docker = ("DOCKER_CONFIG", folder.path().to_str().unwrap());
    let (user, password) = (("XTASK_REGISTRY_USER", "somebody"), ("XTASK_REGISTRY_PASSWORD", PASSWORD));

    let (done, told) = push_with(&[]);
    assert!(!done && told.contains("lets in nobody who does not log in"), "{told}");
    let (done, told) = push_with(&[docker, user, ("XTASK_REGISTRY_PASSWORD", "canary-wrong")]);
    assert!(!done && told.contains("from the environment") && !told.contains("canary"), "{told}");
    let (done, told) = push_with(&[docker, user]);
    assert!(!done && told.contains("only one of XTASK_REGISTRY_USER and XTASK_REGISTRY_PASSWORD"), "{told}");
    for variables in [&[docker][..], &[user, password]] {
        let (done, told) = push_with(variables);
        assert!(done, "{told}");
    }
}

/// Pushes in an environment with these variables, and tells whether it was done, and what was said.
fn push_in(repository: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut test = Command::new(env::current_exe().unwrap());
    test.args(["--ignored", "--exact", &format!("{module}::pushes_as_its_environment_says")]);
    for name in ["XTASK_REGISTRY_USER", "XTASK_REGISTRY_PASSWORD", "DOCKER_CONFIG"] {
        test.env_remove(name);
    }
    for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"]
    {
        test.env_remove(name);
    }
    let home = tempfile::tempdir().unwrap();
    test.env("HOME", home.path()).env("REPOSITORY", repository);
    let output = test.envs(variables.iter().copied()).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("running 1 test"), "{told}");
    (output.status.success(), told)
}

#[test]
#[ignore = "another test calls it, with an environment of its own"]
fn pushes_as_its_environment_says() {
    let (images, repository) = (Images::new(), env::var("REPOSITORY").unwrap().parse().unwrap());
    let pushed = Registry::of(&repository, true)
        .and_then(|registry| block_on(push(&images.layout, &images.image, &registry, &Silent)));
    if let Err(error) = pushed {
        panic!("{error}");
    }
}

#[test]
fn a_registry_that_is_down_is_named_with_what_to_do() {
    let images = Images::new();
    let host = format!("127.0.0.1:{}", ports::free());
    let repository = format!("{host}/{NAME}").parse().unwrap();
    let told = images.push_as(Login::Anonymous, &repository).unwrap_err().to_string();
    assert!(told.contains(&format!("{host} cannot be reached")) && told.contains("does it run"), "{told}");
}

#[test]
fn nothing_goes_over_the_open_network_without_tls() {
    let images = Images::new();
    let repository = "registry.acme.com/todo-api".parse().unwrap();
    let error = images.push_as(user(PASSWORD), &repository).unwrap_err();
    assert_eq!(error.kind, xtask_contract::ErrorKind::Refused);
    assert!(error.to_string().contains("with TLS only"), "{error}");
}

#[test]
fn the_command_brings_the_newest_build_with_its_documents_and_a_second_time_sends_nothing() {
    if !needs::registry() {
        return;
    }
    let (server, checkout) = (Server::start(), Checkout::with_image());
    let repository = server.repository(NAME).to_string();
    let push = || checkout.xtask(["push", &repository, "--plain-http"]).run();
    let reference = push().done().stdout;
    let (place, digest) = reference.split_whitespace().next().unwrap().split_once('@').unwrap();
    assert_eq!(place, repository);
    let digest: Digest = digest.parse().unwrap();
    assert!(server.manifest(NAME, &digest.to_string()).is_ok());
    let kinds: Vec<String> = server.documents(NAME, &digest).into_iter().map(|(kind, _)| kind).collect();
    assert!(kinds.contains(&SBOM.to_owned()) && kinds.contains(&PROVENANCE.to_owned()), "{kinds:?}");
    assert_eq!(push().done().stdout, format!("{repository}@{digest} — was there already\n"));
    let (first, _) = repository.split_once('/').unwrap();
    checkout.xtask(["push", first, "--plain-http"]).run().exits(2);
}
