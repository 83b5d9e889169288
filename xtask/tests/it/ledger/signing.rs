//! Signed releases, with keys that the `openssl` command makes and checks.

use std::{fs, path::PathBuf};

use super::{RELEASE, names, run_in, writable};
use crate::support::{
    checkout::{Checkout, name},
    forge::forge,
    needs,
};

/// A checkout whose deploy wants its releases signed, and two keys, of which the first is its signer's.
struct Signed {
    checkout: Checkout,
    keys: [PathBuf; 2],
}

impl Signed {
    fn new() -> Self {
        let checkout = Checkout::with_image();
        let keys = ["one.pem", "two.pem"].map(|name| checkout.around().join(name));
        for key in &keys {
            let path = key.display().to_string();
            run_in(checkout.around(), &["openssl", "genpkey", "-algorithm", "ed25519", "-out", &path]);
        }
        let signed = Self { checkout, keys };
        let public = signed.public(0);
        signed.checkout.edit_deploy("local", |deploy| deploy.policy.signers = vec![public.parse().unwrap()]);
        signed
    }

    fn pem(&self, key: usize) -> String {
        fs::read_to_string(&self.keys[key]).unwrap()
    }

    fn public(&self, key: usize) -> String {
        let path = self.keys[key].display().to_string();
        run_in(self.checkout.around(), &["openssl", "pkey", "-in", &path, "-pubout"])
    }

    fn release(&self, key: usize) {
        self.checkout.xtask(RELEASE).env("XTASK_SIGNING_KEY", self.pem(key)).run().done();
    }

    /// `run` and `verify` refuse the ledger in these words.
    #[track_caller]
    fn refuses(&self, words: &str) {
        self.checkout.xtask(["run"]).run().refused(words);
        self.checkout.xtask(["releases", "verify", "--env", "local"]).run().refused(words);
        assert!(!self.checkout.path(".xtask/local").exists(), "something was started");
    }
}

#[test]
fn a_release_is_signed_so_that_openssl_can_check_it() {
    if !needs::openssl() {
        return;
    }
    let signed = Signed::new();
    signed.release(0);
    let folder = signed.checkout.newest("local");
    let public = signed.checkout.around().join("public.pem");
    fs::write(&public, signed.public(0)).unwrap();
    let public = public.display().to_string();
    let verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", &public, "-rawin"];
    let files = ["-in", "SHA256SUMS", "-sigfile", "SHA256SUMS.sig"];
    assert!(run_in(&folder, &[&verify[..], &files].concat()).contains("Verified Successfully"));

    let verified = signed.checkout.xtask(["releases", "verify", "--env", "local", "--json"]).run().done();
    let by = &verified.json()[0]["head"]["signer"];
    assert!(signed.public(0).contains(by.as_str().unwrap()), "{by}");
}

#[test]
fn without_the_key_of_a_signer_nothing_is_released() {
    if !needs::openssl() {
        return;
    }
    let signed = Signed::new();
    signed.checkout.xtask(RELEASE).run().refused("its policy asks for it, but there is no key");
    let file = |place: usize| signed.keys[place].as_os_str().to_owned();
    let refused = signed.checkout.xtask(RELEASE).env("XTASK_SIGNING_KEY_FILE", file(1)).run();
    let refused = refused.refused("the key at hand is none of its signers'");
    let public = signed.public(1).lines().nth(1).unwrap().to_owned();
    refused.says(&public);
    let refused = signed.checkout.xtask(RELEASE).env("XTASK_SIGNING_KEY", "canary").run();
    let refused = refused.refused("holds no Ed25519 key in PKCS#8 PEM");
    assert!(!refused.stderr.contains("canary"));
    assert!(signed.checkout.ids("local").is_empty());
    signed.checkout.xtask(RELEASE).env("XTASK_SIGNING_KEY_FILE", file(0)).run().done();
}

#[test]
fn what_is_unsigned_or_signed_by_somebody_else_does_not_run() {
    if !needs::openssl() {
        return;
    }
    let signed = Signed::new();
    signed.release(0);
    let folder = signed.checkout.newest("local");
    writable(&folder);
    let signature = folder.join("SHA256SUMS.sig");
    let good = fs::read(&signature).unwrap();
    fs::remove_file(&signature).unwrap();
    signed.refuses("it is not signed, which the deploy's policy asks for");

    let mut altered = good.clone();
    altered[20] ^= 1;
    for wrong in [altered, Vec::new(), [good.clone(), vec![0]].concat()] {
        fs::write(&signature, wrong).unwrap();
        signed.refuses("its signature is of none of the deploy's signers");
    }
    // Another signer's release, although its signature is a good one.
    let two = signed.public(1);
    fs::write(&signature, &good).unwrap();
    signed.checkout.edit_deploy("local", |deploy| deploy.policy.signers = vec![two.parse().unwrap()]);
    signed.refuses("its signature is of none of the deploy's signers");
    let (one, two) = (signed.public(0), signed.public(1));
    signed.checkout.edit_deploy("local", |deploy| {
        deploy.policy.signers = vec![two.parse().unwrap(), one.parse().unwrap()];
    });
    signed.checkout.xtask(["releases", "verify", "--env", "local"]).run().done();
}

#[test]
fn a_ledger_forged_as_a_whole_is_refused_even_if_it_never_ran() {
    if !needs::openssl() {
        return;
    }
    let signed = Signed::new();
    signed.release(0);
    signed.release(0);
    let ledger = xtask_contract::Ledger::of(&signed.checkout.repo(), &name("local"));
    let releases = signed.checkout.releases("local");
    writable(ledger.folder());
    let mut previous = None;
    for verified in &releases {
        let mut release = verified.release.clone();
        (release.by, release.previous) = ("somebody else".into(), previous);
        previous = Some(forge(&ledger, &release, None));
    }
    signed.refuses("it is not signed");
}

#[test]
fn no_verb_puts_a_signers_name_to_what_was_forged() {
    if !needs::openssl() {
        return;
    }
    let signed = Signed::new();
    signed.release(0);
    let ledger = xtask_contract::Ledger::of(&signed.checkout.repo(), &name("local"));
    let first = signed.checkout.releases("local").remove(0);
    writable(ledger.folder());
    let mut last = first.link();
    for (sequence, level) in [(2, "trace"), (3, "info")] {
        let mut release = first.release.clone();
        release.id = xtask_contract::ReleaseId::at(last.id.time() + chrono::TimeDelta::seconds(1));
        (release.sequence, release.previous) = (sequence, Some(last));
        release.config.insert("LOG_LEVEL".into(), level.into());
        last = forge(&ledger, &release, None);
    }
    let before = names(ledger.folder());
    for verb in [
        &["rollback", "--no-run"][..],
        &["rollback", &first.release.id.to_string(), "--no-run"],
        &RELEASE,
        &["up"],
        &["run"],
        &["run", &first.release.id.to_string()],
        &["scale", "web=2"],
        &["admin", "--release", &first.release.id.to_string(), "--", "check"],
    ] {
        let call = signed.checkout.xtask([]).args(verb).env("XTASK_SIGNING_KEY", signed.pem(0));
        call.run().refused("it is not signed, which the deploy's policy asks for");
    }
    assert_eq!(names(ledger.folder()), before);
    signed.checkout.xtask(["releases", "set-aside"]).args([names(ledger.folder())[1].clone()]).run().done();
    signed.release(0);
    signed.checkout.xtask(["releases", "verify", "--env", "local"]).run().done();
}
