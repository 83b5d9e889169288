//! One-off processes in the environment of a release.

use std::fs;

use super::taking_over::{release, up};
use crate::support::{checkout::Checkout, processes::Tree, terminal::Terminal};

#[test]
fn a_one_off_process_has_the_environment_of_the_release_that_runs_and_its_exit_code_counts() {
    let checkout = Checkout::with_database();
    checkout
        .xtask(["admin", "--", "check"])
        .run()
        .refused("none of them has run here")
        .says("`cargo xtask run --env local` runs the newest one");
    let run = up(&checkout);
    let id = checkout.ids("local")[0];
    release(&checkout); // which does not run
    let check = checkout.xtask(["admin", "--", "check"]).run().done();
    assert!(check.stdout.contains("\"check\":\"connections\""), "{check:?}");
    assert_eq!(check.stderr, "", "all that there is comes from the process");
    checkout.xtask(["admin", "--", "purge"]).run().exits(2).says("--completed-before");
    let write =
        checkout.xtask(["admin", "--", "shell", "--write"]).input("todos.create(\"By admin\").title\n");
    write.run().done().prints("By admin\n");
    run.stops().done();

    let named = id.to_string();
    checkout
        .xtask(["admin", "--release", &named, "--", "purge"])
        .run()
        .exits(2)
        .says("--completed-before")
        .says("the database of local is down; `cargo xtask services up postgres --env local` starts it");
    checkout.xtask(["admin", "check"]).run().exits(2);
}

#[test]
fn at_a_terminal_a_one_off_process_has_the_terminal() {
    let checkout = Checkout::with_database();
    let run = up(&checkout);
    let mut terminal = Terminal::new();
    let shell = checkout.xtask(["admin", "--", "shell"]).start_at(&terminal);
    terminal.shows("> ");
    terminal.types("6 * 7\r");
    terminal.shows("42");
    terminal.shows("> "); // before, what ends a line that is edited ends nothing
    terminal.types("\u{4}");
    let (status, seen) = terminal.sees_end_of(shell);
    assert!(status.success(), "{seen}");
    run.stops().done();
}

#[test]
fn nothing_on_disk_stands_for_the_program_of_an_image() {
    let checkout = Checkout::released();
    // Where it used to be unpacked to, once for all.
    let image = checkout.releases("local")[0].release.image.digest;
    let cache = checkout.path("target/xtask/roots").join(image.hex());
    fs::create_dir_all(&cache).unwrap();
    fs::copy("/bin/false", cache.join("todo-api")).unwrap();
    let run = up(&checkout);
    let web = Tree::of(run.pid()).find("todo-api web");
    let executed = fs::read_link(format!("/proc/{}/exe", web.as_raw_nonzero())).unwrap();
    assert!(executed.display().to_string().starts_with("/memfd:todo-api"), "{}", executed.display());
    checkout.xtask(["admin", "--", "check"]).run().done();
    run.stops().done();
}
