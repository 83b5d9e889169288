//! `config edit`, with small programs for an editor.

use std::fs;

use super::{beside_the_deploys, text};
use crate::support::{checkout::Checkout, command::Xtask, terminal::Terminal};

const FILE: &str = "k8s/envs/local.toml";
const EDIT: [&str; 3] = ["config", "edit", "--yes"];
const TO_DEBUG: &str = "sed -i 's/^LOG_LEVEL = .*/LOG_LEVEL = \"debug\" # for now/'";

fn edit(checkout: &Checkout, editor: &str) -> Xtask {
    checkout.xtask(EDIT).env("EDITOR", editor)
}

/// The text that a refused edit has kept.
#[track_caller]
fn kept(checkout: &Checkout, said: &str) -> String {
    let (_, path) = said.split_once("your text is kept in ").unwrap_or_else(|| panic!("{said}"));
    let text = text(checkout, path.trim());
    fs::remove_file(checkout.path(path.trim())).unwrap();
    text
}

#[test]
fn the_edited_text_is_written_as_it_is_after_it_was_shown() {
    let checkout = Checkout::with_image();
    let outcome = edit(&checkout, TO_DEBUG).run().done();
    assert!(text(&checkout, FILE).contains("\nLOG_LEVEL = \"debug\" # for now\n"));
    let diff = "-LOG_LEVEL = \"info\"\n+LOG_LEVEL = \"debug\" # for now\n";
    outcome.says(diff).prints("the change is in k8s/envs/local.toml; the next release of local carries it\n");
    edit(&checkout, "true").run().done().prints("nothing changes: k8s/envs/local.toml says so already\n");
    let left = fs::read_dir(checkout.path(".xtask")).unwrap().map(|entry| entry.unwrap().path());
    let copies: Vec<_> = left.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    assert!(copies.is_empty(), "{copies:?}");
    assert_eq!(beside_the_deploys(&checkout), ["dev.toml", "local.toml", "prod.toml"]);
}

#[test]
fn visual_goes_before_editor_and_one_of_them_must_be_there() {
    let checkout = Checkout::without_source();
    edit(&checkout, "false").env("VISUAL", TO_DEBUG).run().done();
    assert_eq!(checkout.deploy("local").config["LOG_LEVEL"].0, "debug");
    checkout.xtask(EDIT).run().refused("neither VISUAL nor EDITOR");
    edit(&checkout, "false").run().exits(1).says("the editor ended with exit status: 1").prints("");
}

#[test]
fn a_text_that_is_no_deploys_is_refused_and_kept() {
    let checkout = Checkout::with_release();
    let before = text(&checkout, FILE);
    let refused = |editor: &str, why: &str| {
        let outcome = edit(&checkout, editor).run().refused(why);
        assert_eq!(text(&checkout, FILE), before);
        assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
        kept(&checkout, &outcome.stderr)
    };
    let text = refused("sed -i '1i secrets = \"canary\"'", "line 1, column 1: unknown field `secrets`");
    assert_eq!(text, format!("secrets = \"canary\"\n{before}"));
    let clear = "sed -i 's/^PORT/DATABASE_URL = \"postgres:\\/\\/canary\"\\nPORT/'";
    refused(clear, "DATABASE_URL is sealed in k8s/envs/local.secrets.toml");
    checkout.xtask(["config", "unset", "DATABASE_URL"]).run().done();
    refused(clear, "DATABASE_URL is a secret: it must be sealed");
}

#[test]
fn a_file_that_is_no_deploys_can_be_mended() {
    let checkout = Checkout::without_source();
    let good = text(&checkout, FILE);
    fs::write(checkout.path(FILE), format!("{good}\nnonsense\n")).unwrap();
    checkout.xtask(["config"]).run().refused("reading k8s/envs/local.toml");
    edit(&checkout, "sed -i /nonsense/d").run().done();
    checkout.xtask(["config"]).run().done();
}

#[test]
fn what_somebody_else_writes_meanwhile_is_not_overwritten() {
    let checkout = Checkout::without_source();
    let theirs = text(&checkout, FILE) + "# theirs\n";
    let meanwhile = format!("echo '# theirs' >> {FILE}; echo '# mine' >>");
    let outcome = edit(&checkout, &meanwhile).run().refused("the file was changed while you edited it");
    assert_eq!(text(&checkout, FILE), theirs);
    assert!(kept(&checkout, &outcome.stderr).ends_with("# mine\n"));
}

#[test]
fn without_a_terminal_nothing_is_written_unless_told() {
    let checkout = Checkout::without_source();
    let before = text(&checkout, FILE);
    let outcome = checkout.xtask(["config", "edit"]).env("EDITOR", TO_DEBUG).input("y\n").run();
    let outcome = outcome.refused("there is no terminal to answer at").says("answer with --yes");
    assert_eq!(text(&checkout, FILE), before);
    assert!(kept(&checkout, &outcome.stderr).contains("LOG_LEVEL = \"debug\" # for now"));
}

#[test]
fn at_a_terminal_it_asks_and_offers_to_edit_again() {
    let checkout = Checkout::without_source();
    let before = text(&checkout, FILE);
    let start = |editor: &str| {
        let terminal = Terminal::new();
        let child = checkout.xtask(["config", "edit"]).env("EDITOR", editor).start_at(&terminal);
        (terminal, child)
    };
    let (mut terminal, child) = start(TO_DEBUG);
    terminal.shows("Write this to k8s/envs/local.toml? [y/N] ");
    terminal.types("\n");
    let (status, shown) = terminal.sees_end_of(child);
    assert_eq!((status.code(), text(&checkout, FILE)), (Some(3), before));
    assert!(shown.contains("\u{1b}[32m+LOG_LEVEL"), "{shown}");
    kept(&checkout, &shown);

    // The first time it writes nonsense, the second time it takes that out.
    let (mut terminal, child) =
        start("f() { grep -q x= \"$1\" && sed -i 's/^x=/A = 1/' \"$1\" || echo x= >> \"$1\"; }; f");
    terminal.shows("Edit it again? [y/N] ");
    terminal.types("y\n");
    terminal.shows("unknown field");
    terminal.types("n\n");
    let (status, shown) = terminal.sees_end_of(child);
    assert_eq!(status.code(), Some(3), "{shown}");
    assert!(kept(&checkout, &shown).ends_with("A = 1\n"));

    let (mut terminal, child) = start(TO_DEBUG);
    terminal.shows("Write this to k8s/envs/local.toml? [y/N] ");
    terminal.types("y\n");
    let (status, shown) = terminal.sees_end_of(child);
    assert!(status.success(), "{shown}");
    assert_eq!(checkout.deploy("local").config["LOG_LEVEL"].0, "debug");
}
