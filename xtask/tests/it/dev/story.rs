//! A day of writing: what is good is served, and what is not leaves the last good build serving and is named.

use std::{
    fs,
    process::{Command, Stdio},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    checkout::Checkout,
    dev::{Dev, edit, page},
    http, needs,
    postgres::ask,
};

const PAGE: &str = "todo-api/src/page/index.html";
const CODE: &str = "todo-api/src/page.rs";
const CONFIG: &str = "k8s/envs/local.toml";

#[test]
fn what_is_saved_is_served_and_what_cannot_be_is_named() {
    let checkout = Checkout::released().and_database();
    let released = checkout.ids("local");
    let (mut dev, _) = Dev::called(&checkout, checkout.xtask(["dev", "--json-events", "--debugger"]));
    let debuggable = dev.comes_to("debuggable");
    let mut story = Story { port: checkout.port(), checkout, dev };
    story.everything_says_what_it_is();
    story.a_breakpoint_in_a_handler_is_hit(&debuggable["configurations"][0]);
    assert_eq!(story.checkout.ids("local"), released, "nothing is released");
    story.a_change_of_the_page_is_served();
    story.what_does_not_compile_is_named_and_comes_to_nothing();
    story.what_panics_at_its_start_is_named();
    story.a_file_that_is_older_than_the_build_is_taken_up();
    story.it_is_alone();
    story.config_is_applied_without_a_compile();
    story.a_new_migration_runs_and_one_that_ran_already_is_not_to_be_edited();
    story.a_release_takes_over();
    story.dev.ends();
}

struct Story {
    checkout: Checkout,
    dev: Dev,
    port: u16,
}

impl Story {
    fn everything_says_what_it_is(&self) {
        let (_, release) = page(self.port, "/readyz");
        assert!(release.starts_with("dev-"), "{release}");
        let status = self.checkout.xtask(["status"]).run().done();
        assert!(status.stdout.starts_with("local runs a quick build of the work tree"), "{status:?}");
        assert!(status.stdout.contains(&format!("at http://localhost:{}\n", self.port)), "{status:?}");
        let logs = self.checkout.xtask(["logs", "--json", "--process", "web"]).run().done();
        assert!(logs.stdout.contains(&format!(r#""release":"{release}""#)), "{logs:?}");
        http::add(self.port, "Kept over all builds");
    }

    /// By its file and line, as the editor shows them.
    fn a_breakpoint_in_a_handler_is_hit(&self, configuration: &Value) {
        if !needs::gdb() {
            return;
        }
        let text = fs::read_to_string(self.checkout.path(CODE)).unwrap();
        // The first line of what is in it.
        let line = 2 + text.lines().position(|line| line.starts_with("fn answer(")).unwrap();
        let root = configuration["sourceMap"]["/source"].as_str().unwrap();
        let mut gdb = Command::new("gdb")
            .args(["--batch", "--nx", "-ex", &format!("set substitute-path /source \"{root}\"")])
            .args(["-ex", &format!("break {CODE}:{line}"), "-ex", "continue", "-ex", "list"])
            .args(["-p", &configuration["pid"].to_string(), configuration["program"].as_str().unwrap()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while gdb.try_wait().unwrap().is_none() {
            page(self.port, "/");
        }
        let said = String::from_utf8_lossy(&gdb.wait_with_output().unwrap().stdout).into_owned();
        assert!(said.contains("hit Breakpoint 1") && said.contains(&format!("{CODE}:{line}")), "{said}");
        assert!(said.contains("fn answer("), "the source is found: {said}");
    }

    /// Also after the loop was stopped and went on, as a laptop's shell or a debugger does with it.
    fn a_change_of_the_page_is_served(&mut self) {
        for signal in [Signal::STOP, Signal::CONT] {
            self.dev.loop_.signal(signal);
        }
        edit(&self.checkout, PAGE, "<title>", "<title>First ");
        let served = self.dev.comes_to("serving");
        assert_eq!(served["changed"], json!([PAGE]));
        let (body, release) = self.page();
        assert!(body.contains("<title>First ") && served["mark"] == json!(release), "{served}");
    }

    fn what_does_not_compile_is_named_and_comes_to_nothing(&mut self) {
        let before = self.page();
        edit(&self.checkout, CODE, "const HTML: &str", "const HTML: u8");
        let failed = self.dev.comes_to("failed");
        let headline = failed["headline"].as_str().unwrap().to_owned();
        assert!(
            headline.starts_with(&format!("{CODE}:")) && headline.contains("mismatched types"),
            "{failed}"
        );
        assert!(failed["text"].as_str().unwrap().contains("error[E0308]"), "{failed}");
        assert_eq!(fs::read_to_string(self.checkout.path(".xtask/local/notice")).unwrap(), headline);
        assert_eq!(self.page(), before);
        edit(&self.checkout, CODE, "const HTML: u8", "const HTML: &str");
        let served = self.dev.comes_to("serving");
        assert_eq!(served["mark"], json!(before.1), "the same again is the same");
        assert_eq!(fs::read_to_string(self.checkout.path(".xtask/local/notice")).unwrap(), "");
    }

    fn what_panics_at_its_start_is_named(&mut self) {
        let (good, bad) =
            ("    FILES.iter().zip(", "    assert!(std::env::args().count() < 2);\n    FILES.iter().zip(");
        edit(&self.checkout, CODE, good, bad);
        let failed = self.dev.comes_to("failed");
        assert!(failed["headline"].as_str().unwrap().starts_with("starting web.1: ended with"), "{failed}");
        self.page();
        edit(&self.checkout, CODE, bad, good);
        self.dev.comes_to("serving");
    }

    /// As it comes out of an archive, or after the clock was set back.
    fn a_file_that_is_older_than_the_build_is_taken_up(&mut self) {
        let path = self.checkout.path(PAGE);
        let text = fs::read_to_string(&path).unwrap().replace("<title>First ", "<title>Second ");
        let aside = self.checkout.path("aside.html");
        fs::write(&aside, text).unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_hours(24);
        fs::File::options().append(true).open(&aside).unwrap().set_modified(long_ago).unwrap();
        fs::rename(aside, path).unwrap();
        self.dev.comes_to("serving");
        assert!(self.page().0.contains("<title>Second "));
    }

    fn config_is_applied_without_a_compile(&mut self) {
        edit(&self.checkout, CONFIG, "LOG_LEVEL = \"info\"", "LOG_LEVEL = \"loud\"");
        let failed = self.dev.comes_to("failed");
        assert!(failed["headline"].as_str().unwrap().contains("LOG_LEVEL must be one of"), "{failed}");
        edit(&self.checkout, CONFIG, "LOG_LEVEL = \"loud\"", "LOG_LEVEL = \"debug\"");
        let served = self.dev.comes_to("serving");
        assert_eq!(
            (&served["changed"][0], &served["took"]["compile"]),
            (&json!(CONFIG), &json!(0)),
            "{served}"
        );
        self.checkout.xtask(["config", "set", "MAX_REQUESTS=77"]).run().done();
        let served = self.dev.comes_to("serving");
        assert_eq!(served["took"]["compile"], json!(0), "{served}");
    }

    fn a_new_migration_runs_and_one_that_ran_already_is_not_to_be_edited(&mut self) {
        let path = "todo-api/migrations/0099_notes.sql";
        fs::write(self.checkout.path(path), "CREATE TABLE notes (note text);\n").unwrap();
        self.dev.comes_to("serving");
        let url = self.checkout.secret("local", "DATABASE_URL");
        ask(url.expose(), "SELECT note FROM notes").unwrap();
        edit(&self.checkout, path, "note text", "note text NOT NULL");
        let failed = self.dev.comes_to("failed");
        assert!(failed["text"].as_str().unwrap().contains("99 was applied from another text"), "{failed}");
        assert!(failed["text"].as_str().unwrap().contains("take that back and write a new one"), "{failed}");
        edit(&self.checkout, path, "note text NOT NULL", "note text");
        self.dev.comes_to("serving");
    }

    /// What is refused takes nothing from the one that runs, which has the image at hand for what comes next.
    fn it_is_alone(&self) {
        self.checkout.xtask(["dev"]).run().refused("another one runs already");
        let why = "its rules allow no build of what is not committed";
        self.checkout.xtask(["dev", "--env", "prod"]).run().refused(why);
    }

    /// It is the supervisor that takes it over, with the sockets that the quick build had.
    fn a_release_takes_over(&mut self) {
        self.checkout.xtask(["run"]).run().done();
        let release = self.checkout.ids("local").pop().unwrap().to_string();
        let taken_over = self.dev.comes_to("taken_over");
        assert_eq!(taken_over["release"], json!(release));
        let (body, serving) = self.page();
        assert!(!body.contains("<title>Second ") && serving == release, "{serving}");
        assert!(http::get(self.port, "/api/todos").to_string().contains("Kept over all builds"));
        edit(&self.checkout, PAGE, "<title>Second ", "<title>Third ");
        let status = self.checkout.xtask(["status"]).run().done();
        assert!(status.stdout.contains(&format!("local runs release {release}")), "{status:?}");
    }

    fn page(&self) -> (String, String) {
        let (body, _) = page(self.port, "/");
        (body, page(self.port, "/readyz").1)
    }
}
