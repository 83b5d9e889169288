//! What people see of a ledger.

use std::{fs, os::unix::fs::symlink, path::Path};

use serde_json::{Value, json};
use xtask_contract::{Digest, Layout, deploy::Text, image::REVISION};

use super::{RELEASE, run_in, writable};
use crate::support::{checkout::Checkout, command::Xtask, git::git, image::relabel, needs};

/// A checkout with three releases: a first one, one with another config, and a rollback.
fn three() -> Checkout {
    let checkout = Checkout::with_release();
    checkout.configure("local", "LOG_LEVEL", "debug");
    checkout.release("local");
    let first = checkout.ids("local")[0].to_string();
    checkout.xtask(["rollback", &first, "--no-run"]).run().done();
    checkout
}

#[test]
fn the_list_says_what_changed_who_did_it_and_what_runs() {
    let checkout = three().and_database();
    let ids: Vec<String> = checkout.ids("local").iter().map(ToString::to_string).collect();
    let row = |place: usize, changes: Value, running: bool, fate: &str| {
        let verified = &checkout.releases("local")[place];
        json!({
            "id": ids[place], "sequence": place + 1, "digest": verified.digest,
            "image": verified.release.image.digest, "revision": verified.release.image.revision,
            "by": verified.release.by, "changes": changes, "running": running, "fate": fate,
        })
    };
    let list = |args: &[&str]| checkout.xtask(["releases", "--json"]).args(args).run().done().json();
    let changes = json!([format!("rollback to {}", ids[0]), "config: LOG_LEVEL"]);
    let third = |running, fate| row(2, changes.clone(), running, fate);
    let second = row(1, json!(["config: LOG_LEVEL"]), false, "never");
    let first = row(0, json!(["first release"]), false, "never");
    assert_eq!(list(&[]), json!([third(false, "never"), second, first]));
    assert_eq!(list(&["-n", "2"]), json!([third(false, "never"), second]));

    let words = checkout.xtask(["releases", "-n", "1"]).run().done().stdout;
    let words: Vec<&str> = words.split_whitespace().collect();
    assert_eq!((words[0], words[2].trim_end_matches('s')), (ids[2].as_str(), "second"), "{words:?}");
    assert!(words.join(" ").ends_with(&format!("never ran rollback to {}; config: LOG_LEVEL", ids[0])));

    let mut run = checkout.xtask(["run", "--json"]).start();
    run.announces();
    assert_eq!(list(&["-n", "1"]), json!([third(true, "ran")]));
    let words = checkout.xtask(["releases", "-n", "1"]).run().done().stdout;
    assert!(words.starts_with(&format!("* {}", ids[2])), "{words}");
    run.stops().done();
    assert_eq!(list(&["-n", "1"]), json!([third(false, "ran")]));
}

#[test]
fn a_release_is_shown_whole_but_for_its_secrets() {
    let checkout = three();
    let verified = checkout.releases("local").pop().unwrap();
    let release = &verified.release;
    let shown = checkout.xtask(["releases", "show"]).run().done().stdout;
    let port = &release.config["PORT"];
    let expected = format!(
        "release    {id} of local, number 3
made       AGE ago by {by}
digest     {digest}
signed     no
follows    {previous}
rollback   to {first}
image      {image}
revision   {revision}
target     this machine
services   postgres, the deploy's own, by DATABASE_URL
processes  1 web: `web`, port {port}
           0 worker: `worker`
config     BIND_ADDRESS = 127.0.0.1
           DRAIN_DELAY = 0s
           LOG_LEVEL = info
           PORT = {port}
secrets    DATABASE_URL, sealed to {recipient}
",
        id = release.id,
        by = release.by,
        digest = verified.digest,
        previous = release.previous.unwrap().id,
        first = release.rollback_to.unwrap(),
        image = release.image.digest,
        revision = release.image.revision,
        recipient = release.secrets.as_ref().unwrap().recipients[0],
    );
    let age = shown.split_once("made       ").unwrap().1.split_once(" ago").unwrap().0;
    assert_eq!(shown.replacen(age, "AGE", 1), expected);
    let document = checkout.xtask(["releases", "show", "--json"]).run().done().json();
    assert_eq!(document["config"]["LOG_LEVEL"], "info");
    assert_eq!(document["digest"], json!(verified.digest));
}

#[test]
fn what_differs_between_two_releases_is_shown_part_by_part() {
    let checkout = three();
    let [first, second, third] = &checkout.ids("local")[..] else { panic!("there are three") };
    let diff = checkout.xtask(["releases", "diff"]).run().done().stdout;
    let expected = format!(
        "local/{second} -> local/{third}
config:
  - LOG_LEVEL = debug
  + LOG_LEVEL = info
secrets:
  DATABASE_URL: same
"
    );
    assert_eq!(diff, expected);
    let same = checkout.xtask(["releases", "diff", &first.to_string(), &third.to_string()]).run().done();
    assert!(same.stdout.contains("  DATABASE_URL: same\n"), "{}", same.stdout);

    checkout.seal("local", "DATABASE_URL", "postgres://u:another@127.0.0.1/d");
    checkout.release("local");
    let diff = checkout.xtask(["releases", "diff", "--json"]).run().done().json();
    assert_eq!((&diff["secrets"], &diff["image"]), (&json!({ "DATABASE_URL": "changed" }), &Value::Null));
}

#[test]
fn the_commits_between_two_images_and_their_objects_are_shown() {
    let checkout = Checkout::built();
    checkout.release("dev");
    // Another image of another commit, without a compiler run: the record of the same one, under a new revision.
    fs::write(checkout.path("todo-api/note"), "a change to an input").unwrap();
    checkout.commit_all("A change to an input");
    let head = git(&checkout.root).run(&["rev-parse", "HEAD"]);
    let built = checkout.releases("dev")[0].release.image.revision.clone();
    checkout.edit_record(&built, &head);
    relabel(&checkout, |labels| labels[REVISION] = head.as_str().into());
    checkout.edit_deploy("dev", |deploy| {
        deploy.scale.insert("web".into(), 3);
        deploy.config.insert("PORT".into(), Text("8081".into()));
    });
    checkout.release("dev");

    let diff = checkout.xtask(["releases", "diff", "--env", "dev"]).run().done().stdout;
    for part in [
        "commits:\n",
        "A change to an input\n",
        "  - web: 2 of `web`, port 8080\n  + web: 3 of `web`, port 8081\n",
        "objects (with ID for both releases' IDs):\n--- dev/",
        "containerPort: 8081\n",
    ] {
        assert!(diff.contains(part), "{part:?} is not in {diff}");
    }
    assert!(!diff.contains('\u{1b}'), "colours are for terminals");
    // The port, the config's name that comes of its content, and no line that differs by the IDs alone.
    let objects = diff.split_once("\n+++ ").unwrap().1;
    let changed: Vec<&str> = objects.lines().filter(|line| line.starts_with(['+', '-'])).collect();
    assert!(
        changed.iter().all(|line| {
            ["808", "todo-api-config-", "todo-api@sha256:"].iter().any(|part| line.contains(part))
        }),
        "the IDs hide the rest: {diff}"
    );
    let removed = changed.iter().filter(|line| line.starts_with('-')).count();
    assert_eq!(2 * removed, changed.len(), "{diff}");
}

#[test]
fn a_bundle_is_verified_with_nothing_else_at_hand() {
    let checkout = three();
    let second = checkout.ids("local")[1].to_string();
    let exported =
        checkout.xtask(["releases", "export", &second, "--output", "b.tar", "--json"]).run().done();
    let elsewhere = checkout.around().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(checkout.path("b.tar"), elsewhere.join("b.tar")).unwrap();
    let verify = || Xtask::at(&elsewhere, &checkout.home).args(["releases", "verify", "--offline", "b.tar"]);
    let report = verify().args(["--json"]).run().done().json();
    assert_eq!((&report["releases"], &report["head"]["id"]), (&json!(2), &json!(second)));
    assert_eq!(report["head"]["digest"].as_str().unwrap(), exported.text("digest"));
    let documents = ["application/vnd.cyclonedx+json", "application/vnd.in-toto+json"];
    assert_eq!(report["documents"], json!(documents));
    verify().run().done();

    let list = run_in(&elsewhere, &["tar", "-tf", "b.tar"]);
    assert!(list.starts_with("oci-layout\nindex.json\nmanifest.json\nreferrers.json\nblobs/"), "{list}");

    let bundle = elsewhere.join("b.tar");
    let whole = fs::read(&bundle).unwrap();
    let unpacked = elsewhere.join("unpacked");
    fs::create_dir(&unpacked).unwrap();
    run_in(&unpacked, &["tar", "-xf", "../b.tar"]);
    writable(&unpacked);
    let files = run_in(&unpacked, &["find", ".", "-type", "f", "-size", "+0"]);
    for file in files.lines() {
        let path = unpacked.join(file);
        let content = fs::read(&path).unwrap();
        let mut altered = content.clone();
        altered[content.len() / 2] ^= 1;
        fs::write(&path, altered).unwrap();
        pack(&unpacked);
        verify().run().exits(3).prints("");
        fs::write(&path, content).unwrap();
    }
    pack(&unpacked);
    verify().run().done();
    fs::write(&bundle, &whole[..whole.len() / 2]).unwrap();
    verify().run().exits(3).prints("").says("reading the bundle b.tar");
    fs::write(&bundle, &whole).unwrap();
    verify().run().done();
}

/// Packs a bundle again, as the `tar` command does it.
fn pack(unpacked: &Path) {
    let find = "find blobs releases -type f | sort";
    let lists = "oci-layout index.json manifest.json referrers.json";
    run_in(unpacked, &["sh", "-c", &format!("tar -cf ../b.tar --format=ustar {lists} $({find})")]);
}

#[test]
fn other_tools_find_the_image_in_a_bundle_that_was_verified() {
    let checkout = Checkout::released();
    checkout.xtask(["releases", "export", "--output", "b.tar"]).run().done();
    let release = checkout.releases("local").remove(0).release;
    if needs::skopeo() {
        let raw = run_in(&checkout.root, &["skopeo", "inspect", "--raw", "oci-archive:b.tar"]);
        assert_eq!(Digest::of(raw), release.image.digest);
        let copy = ["skopeo", "copy", "--insecure-policy", "--quiet", "docker-archive:b.tar", "oci:loaded"];
        run_in(&checkout.root, &copy);
        let layers = |image: &str| {
            let layers = run_in(&checkout.root, &["skopeo", "inspect", "--config", image]);
            serde_json::from_str::<Value>(&layers).unwrap()["rootfs"].clone()
        };
        assert_eq!(layers("oci:loaded"), layers("oci-archive:b.tar"));
    }
    if needs::docker() {
        let loaded = run_in(&checkout.root, &["docker", "load", "--quiet", "--input", "b.tar"]);
        let name = format!("xtask.local/todo-api:local-{}", release.id.as_name());
        assert_eq!(loaded.trim(), format!("Loaded image: {name}"));
        let id = run_in(&checkout.root, &["docker", "image", "inspect", "--format", "{{.Id}}", &name]);
        run_in(&checkout.root, &["docker", "image", "rm", "--no-prune", &name]);
        let layout = Layout::at(checkout.repo().images());
        let config = layout.manifest(&release.image.digest).unwrap().config.digest;
        let known = [config, release.image.digest].map(|digest| digest.to_string());
        assert!(known.contains(&id.trim().to_owned()), "{id}");
    }
}

#[test]
fn nothing_that_is_not_a_plain_file_is_read_as_a_release() {
    let checkout = Checkout::released();
    let folder = checkout.newest("local");
    writable(&folder);
    let path = folder.join("release.toml");
    let content = fs::read(&path).unwrap();
    let refused = |words: &str| {
        for verb in
            [&["run"][..], &["releases", "verify", "--env", "local"], &RELEASE, &["releases", "export"]]
        {
            checkout.xtask([]).args(verb).run().refused(words);
        }
        fs::remove_file(&path).unwrap();
    };
    fs::remove_file(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    refused("release.toml: it is a link, not a plain file");
    run_in(&folder, &["mkfifo", "release.toml"]);
    refused("release.toml: it is a named pipe, not a plain file");
    fs::File::create(&path).unwrap().set_len(20 << 30).unwrap();
    refused("release.toml: it has 21474836480 bytes");
    fs::write(&path, content).unwrap();
    checkout.xtask(["releases", "verify", "--env", "local"]).run().done();
}

#[test]
fn what_is_not_there_is_named() {
    let checkout = Checkout::with_image();
    checkout.xtask(["releases", "show"]).run().refused("there is none yet");
    checkout.xtask(["releases", "export"]).run().refused("there is none yet");
    checkout
        .xtask(["releases", "show", "--env", "nowhere"])
        .run()
        .refused("there is no k8s/envs/nowhere.toml");
    checkout.xtask(["releases", "diff", "local/2011-04-06-20:32:17"]).run().exits(2);
    checkout.xtask(["releases", "show", "2011-04-06-20:32:17"]).run().refused("there is no such release");
    checkout.xtask(["releases", "verify", "--offline", "nothing.tar"]).run().exits(1).says("nothing.tar");
    assert_eq!(checkout.xtask(["releases"]).run().done().stdout, "local has no releases yet\n");
    // A template that nobody has filled in yet is nothing to complain of.
    let verified = checkout.xtask(["releases", "verify"]).run().done();
    assert_eq!(verified.stdout, "dev: no releases yet\nlocal: no releases yet\nprod: no releases yet\n");
    assert!(
        !verified.stderr.contains("prod has run") && !verified.stderr.contains("context"),
        "{}",
        verified.stderr
    );
}

#[test]
fn a_file_too_many_keeps_nobody_from_looking_and_from_anything_else_until_it_is_taken_out() {
    let checkout = three();
    let (folder, id) = (checkout.newest("local"), *checkout.ids("local").last().unwrap());
    writable(&folder);
    fs::write(folder.join("notes.txt"), "").unwrap();
    for args in [&["releases"][..], &["releases", "show"], &["releases", "diff"], &["logs"]] {
        let looked = checkout.xtask([]).args(args).run().done();
        let warning = "warning: verifying the release";
        assert_eq!(looked.stderr.matches(warning).count(), 1, "{args:?}: {}", looked.stderr);
        assert!(looked.stderr.contains("notes.txt was added to it"), "{}", looked.stderr);
    }
    checkout.xtask(["status"]).run().exits(3);
    checkout.xtask(["scale"]).run().done().prints("web=1 worker=0\n");
    let way_out = format!("`chmod u+w releases/local/{id} && rm -r releases/local/{id}/notes.txt`");
    for args in [&["run"][..], &["up"], &["scale", "web=2"], &["rollback", "--yes"], &RELEASE] {
        checkout.xtask([]).args(args).run().exits(3).says(&way_out);
    }
    run_in(&checkout.root, &["sh", "-c", way_out.trim_matches('`')]);
    checkout.xtask(["releases", "verify", "--env", "local"]).run().done();

    // One that cannot be read at all is told of, and the others are shown.
    fs::write(folder.join("release.toml"), "x").unwrap();
    let list = checkout.xtask(["releases"]).run().done().says("warning: ");
    assert_eq!(list.stdout.lines().count(), 2, "{}", list.stdout);
    checkout.xtask(["status"]).run().exits(3);
    checkout.xtask(["run"]).run().exits(3).says("release.toml was edited");
}

#[test]
fn what_is_wrong_with_a_ledger_is_told_before_anything_has_run() {
    let checkout = Checkout::with_release();
    let folder = checkout.path("releases/local").join(checkout.ids("local")[0].to_string());
    writable(&folder);
    fs::write(folder.join("notes.txt"), "").unwrap();
    let status = checkout.xtask(["status"]).run().exits(3).stdout;
    assert!(status.starts_with("local runs nothing\n"), "{status}");
    assert!(status.contains("notes.txt was added to it"), "{status}");
    assert!(status.contains("next: take that out"), "{status}");

    fs::write(folder.join("release.toml"), "no manifest").unwrap();
    let status = checkout.xtask(["status"]).run().exits(3).stdout;
    assert!(status.contains("release.toml was edited"), "{status}");
    let list = checkout.xtask(["releases"]).run().done();
    assert_eq!(list.stdout, "none of the newest releases of local can be read\n");
}

#[test]
fn of_a_very_long_line_in_a_release_the_beginning_is_shown() {
    let checkout = Checkout::with_release();
    let folder = checkout.path("releases/local").join(checkout.ids("local")[0].to_string());
    writable(&folder);
    let manifest = fs::read_to_string(folder.join("release.toml")).unwrap();
    let long = "x".repeat(1 << 20);
    let by = manifest.replacen("\nby = \"", &format!("\nby = \"{long}"), 1);
    assert_ne!(by, manifest);
    for (content, command) in
        [(by, "releases"), (long, "releases"), (manifest + &"x".repeat(1 << 20), "status")]
    {
        fs::write(folder.join("release.toml"), content).unwrap();
        let shown = checkout.xtask([command]).run();
        assert!(shown.stdout.len() + shown.stderr.len() < 10_000, "{command}");
    }
}
