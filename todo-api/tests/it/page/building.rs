//! The page while the service is written: `cargo xtask dev` starts one build after the other on the same socket.

use std::{fs, net::TcpListener};

use rustix::process::Signal;

use super::{browser::with_browser, database::TestDatabase, process::Service};

#[tokio::test]
async fn another_build_has_the_page_loaded_anew_and_one_that_failed_is_named() {
    with_browser(async |browser| {
        let database = TestDatabase::migrated().await;
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let notice = folder.path().join("notice");
        let start = |build: &str| {
            let variables =
                [("RELEASE_ID", build), ("DEV_NOTICE", notice.to_str().unwrap()), ("DRAIN_DELAY", "0s")];
            Service::start_on(&socket, &database.url(), &variables)
        };
        let first = start("dev-1");
        first.until_ok("/readyz").await;
        browser.see(&first).await;
        browser.get::<String>("(window.loaded = 'once')").await;

        // The same build again is none to load the page for.
        let same = start("dev-1");
        same.logged(|line| line["message"] == "listening").await;
        first.signal(Signal::TERM);
        browser.add("a").await;
        browser.until_titles(&["a"]).await;
        assert_eq!(browser.get::<String>("window.loaded").await, "once");

        fs::write(&notice, "src/a.rs:7: mismatched types").unwrap();
        browser
            .until("document.querySelector('.build')?.textContent.endsWith('src/a.rs:7: mismatched types')")
            .await;
        fs::write(&notice, "").unwrap();
        browser.until("document.querySelector('.build') === null").await;

        let second = start("dev-2");
        second.logged(|line| line["message"] == "listening").await;
        same.signal(Signal::TERM);
        browser.until("window.loaded === undefined").await;
        browser.until_titles(&["a"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_release_says_nothing_of_builds() {
    let database = TestDatabase::migrated().await;
    let service =
        Service::ready(&database, &[("RELEASE_ID", "2011-04-06-20:32:17"), ("DEV_NOTICE", "/etc/passwd")])
            .await;
    let mut stream = service.get("/api/events").await;
    let mut heard = String::new();
    while !heard.contains("resync") {
        heard += &String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap());
    }
    service.signal(Signal::TERM);
    while let Ok(Some(chunk)) = stream.chunk().await {
        heard += &String::from_utf8_lossy(&chunk);
    }
    assert!(!heard.contains("event: build") && !heard.contains("root"), "{heard}");
}
