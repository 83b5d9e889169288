//! Somebody sits at the terminal. The service is one of another workspace, of the standard library alone, which opens its
//! port by itself.

use crate::support::{command::Xtask, http::Connection, ports, shop::Shop, terminal::Terminal};

#[test]
fn the_last_line_shows_the_status_and_keys_are_obeyed() {
    let shop = Shop::new();
    Xtask::at(&shop.root, &shop.home).args(["init"]).run().done();
    let port = ports::free();
    Xtask::at(&shop.root, &shop.home).args(["config", "set", &format!("PORT={port}")]).run().done();
    // Of its own: cargo lets nobody else into a target folder while it compiles there.
    let target = shop.root.join("target");
    let mut terminal = Terminal::new();
    let dev = Xtask::at(&shop.root, &shop.home)
        .args(["dev", "--test"])
        .env("TERM", "xterm")
        .env("CARGO_TARGET_DIR", &target)
        .start_at(&terminal);
    terminal.shows(&format!("at http://localhost:{port}"));
    terminal.shows("the tests pass");
    terminal.shows("[r o l c q]");
    assert!(!terminal.echoes());
    assert_eq!(answer(port), "apples");

    shop.write("goods/src/lib.rs", "pub const OFFER: &str = pears;\n");
    terminal.shows("cannot find value");
    terminal.shows("the last good build serves on");
    terminal.shows("failed: goods/src/lib.rs:1");
    assert_eq!(answer(port), "apples");

    shop.write("goods/src/lib.rs", "pub const OFFER: &str = \"pears\";\n");
    terminal.shows("nothing answered on port");
    terminal.shows("goods/src/lib.rs: served in");
    assert_eq!(answer(port), "pears");
    let program = shop.read("shop/src/main.rs");
    shop.write(
        "shop/src/main.rs",
        &format!("{program}\n#[test]\nfn sells_apples() {{ assert_eq!(goods::OFFER, \"apples\"); }}\n"),
    );
    terminal.shows("sells_apples");
    terminal.shows("the tests fail");
    terminal.shows("serving, TESTS FAIL");

    terminal.types("l");
    terminal.shows("errors and warnings alone are shown");
    terminal.types("r");
    terminal.shows("served in");
    terminal.types("q");
    let (status, _) = terminal.sees_end_of(dev);
    assert!(status.success(), "{status}");
}

fn answer(port: u16) -> String {
    Connection::open(port).unwrap().request("GET /", "", false).unwrap().body
}
