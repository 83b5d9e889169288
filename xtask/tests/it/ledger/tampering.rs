//! Whatever is done to a ledger, `run` and `verify` refuse it, each thing in its own words, and the deploy stays as
//! it is.

use std::{fs, path::Path};

use xtask_contract::{Layout, Ledger, Release, ReleaseId, deploy::Text, ledger::Verified, release::Link};

use super::{RELEASE, names, state::State, writable};
use crate::support::{
    checkout::{Checkout, name},
    forge::forge,
    template::copy,
};

/// A checkout of which the second of three releases has run.
struct Deploy {
    checkout: Checkout,
    releases: Vec<Verified>,
}

impl Deploy {
    fn of_three() -> Self {
        let checkout = Checkout::with_image().and_database();
        for level in ["info", "debug", "warn"] {
            checkout.configure("local", "LOG_LEVEL", level);
            checkout.release("local");
        }
        let releases = checkout.releases("local");
        let deploy = Self { checkout, releases };
        deploy.runs(1);
        deploy
    }

    /// Runs a release and stops it.
    fn runs(&self, place: usize) {
        let mut run = self.checkout.xtask(["run", &self.id(place).to_string(), "--json"]).start();
        run.announces();
        run.stops().done();
    }

    fn id(&self, place: usize) -> ReleaseId {
        self.releases[place].release.id
    }

    fn ledger(&self) -> Ledger {
        Ledger::of(&self.checkout.repo(), &name("local"))
    }

    /// A release like another one, forged.
    fn forge(&self, like: usize, change: impl FnOnce(&mut Release)) -> Link {
        let mut release = self.releases[like].release.clone();
        change(&mut release);
        forge(&self.ledger(), &release, None)
    }

    /// Tampers with the ledger, sees that it is refused in these words and that the deploy is as it was, and restores
    /// the ledger.
    #[track_caller]
    fn refuses(&self, words: &str, tamper: impl FnOnce(&Self)) {
        let state = State::save(&self.checkout);
        let ledger = self.ledger();
        writable(ledger.folder());
        let before = self.deploy_state();
        tamper(self);
        self.checkout.xtask(["run"]).run().refused(words);
        self.checkout.xtask(["releases", "verify", "--env", "local"]).run().refused(words);
        assert_eq!(self.deploy_state(), before, "the deploy was touched: {words}");
        state.restore();
        drop(state);
        self.checkout.xtask(["releases", "verify", "--env", "local"]).run().done();
    }

    /// What the deploy knows and what it has.
    fn deploy_state(&self) -> (String, Vec<String>) {
        let folder = self.checkout.path(".xtask/local");
        (fs::read_to_string(folder.join("witness.toml")).unwrap(), names(&folder))
    }
}

#[test]
fn each_tampering_is_refused_in_its_own_words_and_changes_nothing() {
    let deploy = Deploy::of_three();
    let folder = |place: usize| deploy.ledger().folder_of(deploy.id(place));
    let first = deploy.releases[0].link();
    let last = deploy.releases[2].link();

    deploy.refuses("release.toml was edited", |_| {
        let path = folder(1).join("release.toml");
        let mut text = fs::read(&path).unwrap();
        let middle = text.len() / 2;
        text[middle] ^= 1;
        fs::write(path, text).unwrap();
    });
    deploy.refuses("which was deleted", |_| fs::remove_dir_all(folder(1)).unwrap());
    deploy.refuses("it says that it is the first", |_| {
        deploy.forge(0, |release| release.id = later(last.id, 100));
    });
    deploy.refuses("one of them was inserted", |_| {
        deploy.forge(1, |release| (release.id, release.previous) = (later(last.id, 100), Some(first)));
    });
    deploy.refuses("its manifest is that of", |_| {
        fs::rename(folder(1), folder(0).with_file_name("swap")).unwrap();
        fs::rename(folder(2), folder(1)).unwrap();
        fs::rename(folder(0).with_file_name("swap"), folder(2)).unwrap();
    });
    deploy.refuses("time went back", |_| {
        let early = later(first.id, -100);
        deploy.forge(2, |release| {
            (release.id, release.sequence, release.previous) = (early, 4, Some(last));
        });
    });
    deploy.refuses("its end was cut off", |_| {
        fs::remove_dir_all(folder(2)).unwrap();
        fs::remove_dir_all(folder(1)).unwrap();
    });
    deploy.refuses("it was made anew", |_| {
        let mut previous = None;
        for place in 0..3 {
            previous = Some(deploy.forge(place, |release| {
                release.by = "somebody else".into();
                release.previous = previous;
            }));
        }
    });
}

#[test]
fn an_image_that_was_altered_is_refused_and_changes_nothing() {
    let deploy = Deploy::of_three();
    let layout = Layout::at(deploy.checkout.repo().images());
    let image = deploy.releases[2].release.image.digest;
    let manifest = layout.manifest(&image).unwrap();
    for blob in manifest.layers.iter().map(|layer| layer.digest).chain([manifest.config.digest, image]) {
        let path = layout.blob_path(&blob);
        let whole = fs::read(&path).unwrap();
        let mut altered = whole.clone();
        altered[whole.len() / 2] ^= 1;
        // The blob may be shared with other checkouts: it is replaced, not written to.
        replace(&path, &altered);
        let words = format!("reading the image blob {blob}: its content is not what its digest says");
        let before = deploy.deploy_state();
        deploy.checkout.xtask(["run"]).run().refused("its content is not what its digest says");
        let verify = deploy.checkout.xtask(["releases", "verify", "--env", "local"]).run();
        verify.exits(3).prints("").says(&format!("reading the image blob {blob}"));
        assert_eq!(deploy.deploy_state(), before, "{words}");
        replace(&path, &whole);
    }
    deploy.runs(2);
}

#[test]
fn what_is_older_than_what_ran_is_refused_but_a_rollback_to_it_runs() {
    let deploy = Deploy::of_three();
    let first = deploy.id(0).to_string();
    let before = deploy.deploy_state();
    let refused = deploy.checkout.xtask(["run", &first]).run().refused("it is older than");
    refused.says(&format!("cargo xtask rollback --env local {first}"));
    assert_eq!(deploy.deploy_state(), before);

    deploy.checkout.xtask(["rollback", &first, "--no-run"]).run().done();
    let mut run = deploy.checkout.xtask(["run", "--json"]).start();
    let ran = run.announces()["release"].clone();
    run.stops().done();
    let newest = deploy.checkout.releases("local").pop().unwrap().release;
    assert_eq!((ran, newest.rollback_to), (newest.id.to_string().into(), Some(deploy.id(0))));
}

#[test]
fn a_release_that_was_not_made_by_this_deploy_is_refused() {
    let checkout = Checkout::with_release();
    let (from, to) = (checkout.newest("local"), checkout.path("releases/dev"));
    fs::create_dir(&to).unwrap();
    copy(&from, &to);
    let moved = from.file_name().unwrap().to_str().unwrap();
    let refused = checkout.xtask(["run", moved, "--env", "dev"]).run();
    refused.refused(&format!("its manifest is that of {moved} of local"));
}

#[test]
fn every_file_of_a_release_is_proved() {
    let checkout = Checkout::with_image();
    for env in ["local", "dev"] {
        checkout.release(env);
        let folder = checkout.newest(env);
        for file in names(&folder) {
            // An altered list cannot be told from an altered file; but it is refused as well.
            let about = if file == "SHA256SUMS" { "" } else { &file };
            let path = folder.join(&file);
            let altered = |alter: &dyn Fn(&Path)| refuses_after(&checkout, env, &path, alter, about);
            altered(&|path| fs::write(path, [fs::read(path).unwrap(), b"\n".to_vec()].concat()).unwrap());
            altered(&|path| fs::write(path, "").unwrap());
            altered(&|path| fs::remove_file(path).unwrap());
        }
        let more = folder.join("more.yaml");
        refuses_after(&checkout, env, &more, &|path| fs::write(path, "").unwrap(), "more.yaml");
    }
    let state = checkout.path(".xtask");
    assert_eq!(names(&state), ["identity", "locks"], "something was started, or left behind");
}

#[test]
fn a_config_that_the_ledger_hides_from_its_checksums_is_found_by_the_next_release() {
    let checkout = Checkout::with_release();
    let ledger = Ledger::of(&checkout.repo(), &name("local"));
    let first = checkout.releases("local").remove(0);
    checkout.release("local");
    writable(ledger.folder());
    let mut altered = first.release.clone();
    altered.config.insert("LOG_LEVEL".into(), Text("debug".into()).0);
    forge(&ledger, &altered, None);
    assert_ne!(ledger.load(first.release.id).unwrap().digest, first.digest);
    checkout.xtask(["run"]).run().refused("it follows");
    checkout.xtask(RELEASE).run().refused("it follows");
}

fn later(id: ReleaseId, seconds: i64) -> ReleaseId {
    ReleaseId::at(id.time() + chrono::TimeDelta::seconds(seconds))
}

/// Puts another file into a file's place.
fn replace(path: &Path, content: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, content).unwrap();
}

/// Alters a file of the newest release, sees that `run` refuses it and says this, and undoes it.
#[track_caller]
fn refuses_after(checkout: &Checkout, env: &str, path: &Path, alter: &dyn Fn(&Path), words: &str) {
    let folder = path.parent().unwrap();
    writable(folder);
    let original = fs::read(path).ok();
    alter(path);
    checkout.xtask(["run", "--env", env]).run().refused("verifying the release").says(words);
    match original {
        Some(content) => fs::write(path, content).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
}
