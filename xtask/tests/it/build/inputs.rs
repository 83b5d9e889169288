//! What is built again when what has changed: whatever cargo reads, and nothing else.

use crate::support::{command::Outcome, git::git, tiny::Tiny};

#[track_caller]
fn is_of(built: &Outcome, revision: &str) {
    assert_eq!((built.json()["dirty"].clone(), built.text("revision")), (false.into(), revision.to_owned()));
}

#[test]
fn a_crate_by_path_is_an_input_and_so_is_what_it_depends_on_from_now_on() {
    let tiny = Tiny::new();
    let first = tiny.build(&[]).done();
    is_of(&first, &tiny.head());

    tiny.write("README.md", "still nothing\n");
    tiny.commit("Nothing that the compiler reads");
    let unchanged = tiny.build(&[]).done();
    assert_eq!(
        (unchanged.json()["reused"].clone(), unchanged.text("digest")),
        (true.into(), first.text("digest"))
    );

    tiny.write("library/src/lib.rs", "pub fn text() { panic!(\"of another library\") }\n");
    tiny.build(&[]).refused("changed: library/src/lib.rs");
    let revision = tiny.commit("The library alone");
    let second = tiny.build(&[]).done();
    is_of(&second, &revision);
    assert_ne!(second.text("digest"), first.text("digest"));

    // A package that nobody depended on becomes an input with the manifest that names it.
    tiny.write("deeper/Cargo.toml", "[package]\nname = 'deeper'\nversion = '0.1.0'\nedition = '2024'\n");
    tiny.write("deeper/src/lib.rs", "");
    tiny.write(
        "library/Cargo.toml",
        "[package]\nname = 'library'\nversion = '0.1.0'\nedition = '2024'\n[dependencies]\ndeeper.path = '../deeper'\n",
    );
    tiny.write(
        "Cargo.lock",
        "version = 4\n\n[[package]]\nname = \"deeper\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"library\"\n\
         version = \"0.1.0\"\ndependencies = [\n \"deeper\",\n]\n\n[[package]]\nname = \"tiny\"\n\
         version = \"0.1.0\"\ndependencies = [\n \"library\",\n]\n",
    );
    tiny.commit("The library needs another one");
    tiny.build(&[]).done();
    tiny.write("deeper/src/lib.rs", "pub fn new() {}\n");
    let revision = tiny.commit("The other one alone");
    is_of(&tiny.build(&[]).done(), &revision);
}

#[test]
fn a_file_that_is_read_outside_of_all_packages_is_an_input_here_and_in_a_clean_clone() {
    let tiny = Tiny::new();
    tiny.write("library/src/lib.rs", "pub fn text() { panic!(include_str!(\"../../texts/greeting\")) }\n");
    tiny.write("texts/greeting", "Hello");
    tiny.write("texts/another", "Not read");
    tiny.commit("A text");
    let first = tiny.build(&[]).done();

    tiny.write("texts/another", "Still not read");
    tiny.commit("Nothing that the compiler reads");
    assert_eq!(tiny.build(&[]).done().json()["reused"], true);

    tiny.write("texts/greeting", "Bye");
    tiny.build(&[]).refused("changed: texts/greeting");
    let revision = tiny.commit("The text alone");
    let second = tiny.build(&[]).done();
    is_of(&second, &revision);
    assert_ne!(second.text("digest"), first.text("digest"));
    assert_eq!(tiny.build(&["--verify"]).done().text("digest"), second.text("digest"));

    // What was read once is asked for as long as it is read.
    tiny.write("library/src/lib.rs", "pub fn text() { panic!(\"of a library\") }\n");
    tiny.commit("The text is read no more");
    tiny.build(&[]).done();
    tiny.write("texts/greeting", "Not read any more");
    assert_eq!(tiny.build(&[]).done().json()["reused"], true);
}

#[test]
fn what_no_commit_has_is_refused_once_the_compiler_has_read_it() {
    let tiny = Tiny::new();
    let include = |path: &str| format!("pub fn text() {{ panic!(include_str!({path:?})) }}\n");
    tiny.write(".gitignore", "/target/\ngenerated\n");
    tiny.write("library/src/generated", "Hello");
    tiny.write("library/src/lib.rs", &include("generated"));
    tiny.commit("What it includes is ignored");
    tiny.build(&[]).refused("new: library/src/generated").says("`git status` does not show all of them");
    let dirty = tiny.build(&["--allow-dirty"]).done();
    assert_eq!(dirty.json()["dirty"], true);
    tiny.write("library/src/generated", "Bye");
    assert_ne!(tiny.build(&["--allow-dirty"]).done().text("digest"), dirty.text("digest"));

    std::fs::write(tiny.around().join("outside"), "Hello").unwrap();
    tiny.write("library/src/lib.rs", &include("../../../outside"));
    tiny.commit("What it includes is outside of the repository");
    tiny.build(&["--allow-dirty"]).refused("which no commit of this repository has").says("outside");
}

#[test]
fn a_clone_with_other_line_ends_gives_the_same_image() {
    let tiny = Tiny::new();
    let built = tiny.build(&[]).done();
    let clone = tiny.root.with_file_name("a clone");
    git(&tiny.root).run(&["clone", "--quiet", "-c", "core.autocrlf=true", ".", clone.to_str().unwrap()]);
    let there = tiny.xtask_in(&clone, &["build", "--json"]).run().done();
    assert_eq!((there.text("digest"), there.json()["dirty"].clone()), (built.text("digest"), false.into()));
}
