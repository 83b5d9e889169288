//! When the service or its database is away, people can go on, and nothing is lost.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    browser::{Browser, with_browser},
    database::TestDatabase,
    front::Front,
    process::Service,
    proxy::Proxy,
};

/// What a browser says of requests that cannot be answered.
const UNANSWERED: &[&str] = &["Failed to load resource", "net::ERR_"];

async fn titles(service: &Service) -> Vec<String> {
    let page: Value = service.get("/api/todos").await.json().await.unwrap();
    page["items"].as_array().unwrap().iter().map(|todo| todo["title"].as_str().unwrap().to_owned()).collect()
}

async fn says_that_it_is_away(browser: &Browser, words: &str) {
    browser.until(&format!("document.querySelector('#connection').innerText.includes({words:?})")).await;
}

async fn says_nothing(browser: &Browser) {
    browser.until("document.querySelector('#connection').hidden").await;
}

#[tokio::test]
async fn a_service_that_dies_and_comes_back_gets_everything_once() {
    with_browser(async |browser| {
        let database = TestDatabase::migrated().await;
        let service = Service::ready(&database, &[]).await;
        let port = service.address.port().to_string();
        browser.see(&service).await;
        browser.add("before").await;
        browser.until_saved().await;
        service.signal(Signal::KILL);
        service.exit().await;
        says_that_it_is_away(browser, "cannot be reached").await;

        browser.add("meanwhile").await;
        browser.click("#list li:nth-child(2) .done").await;
        browser.click("#list li:first-child .title").await;
        browser.fill(".editor [name=title]", "edited before it was saved").await;
        browser.click(".editor button[type=submit]").await;
        browser.add("deleted again").await;
        browser.click("#list li:first-child .delete").await;
        browser.until_titles(&["edited before it was saved", "before"]).await;
        says_that_it_is_away(browser, "5 changes are kept").await;
        browser.click("#connection button").await;
        says_that_it_is_away(browser, "5 changes are kept").await;
        browser.fill("#add-title", "half a thou").await;

        let service = Service::ready(&database, &[("PORT", &port)]).await;
        // By script, as the page may have found the service by itself just before, and hidden the button.
        browser.get::<bool>("(document.querySelector('#connection button').click(), true)").await;
        browser.until_saved().await;
        says_nothing(browser).await;
        browser.until_titles(&["edited before it was saved", "before"]).await;
        assert_eq!(titles(&service).await, ["edited before it was saved", "before"]);
        let page: Value = service.get("/api/todos?state=completed").await.json().await.unwrap();
        assert_eq!(page["items"][0]["title"], "before");
        assert_eq!(browser.get::<String>("document.querySelector('#add-title').value").await, "half a thou");

        // And the stream is there again.
        reqwest::Client::new()
            .post(service.url("/api/todos"))
            .json(&json!({"title": "after"}))
            .send()
            .await
            .unwrap();
        browser.until_titles(&["after", "edited before it was saved", "before"]).await;
        browser.has_nothing_to_complain_of(UNANSWERED).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_not_saved_yet_survives_a_reload() {
    with_browser(async |browser| {
        let database = TestDatabase::migrated().await;
        let service = Service::ready(&database, &[]).await;
        browser.see(&service).await;
        browser.command("Network.enable", json!({})).await;
        browser.command("Network.setBlockedURLs", json!({"urls": ["*/api/*"]})).await;
        browser.add("kept").await;
        browser.fill("#add-title", "half a thou").await;
        says_that_it_is_away(browser, "One change is kept").await;
        browser.driver.refresh().await.unwrap();
        browser.until_titles(&["kept"]).await;
        assert_eq!(browser.get::<String>("document.querySelector('#add-title').value").await, "half a thou");
        assert!(titles(&service).await.is_empty());

        browser.command("Network.setBlockedURLs", json!({"urls": []})).await;
        browser.until_saved().await;
        browser.until_titles(&["kept"]).await;
        assert_eq!(titles(&service).await, ["kept"]);
        browser.has_nothing_to_complain_of(UNANSWERED).await;
    })
    .await;
}

#[tokio::test]
async fn a_service_that_hangs_is_waited_for() {
    with_browser(async |browser| {
        let database = TestDatabase::migrated().await;
        let service = Service::ready(&database, &[]).await;
        browser.see(&service).await;
        browser.add("a").await;
        browser.until_saved().await;
        service.signal(Signal::STOP);
        browser.click("#list .done").await;
        says_that_it_is_away(browser, "cannot be reached").await;
        service.signal(Signal::CONT);
        browser.until_saved().await;
        says_nothing(browser).await;
        let page: Value = service.get("/api/todos?state=completed").await.json().await.unwrap();
        assert_eq!(page["items"][0]["title"], "a");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_is_told_from_a_service_that_is() {
    with_browser(async |browser| {
        let database = TestDatabase::migrated().await;
        let proxy = Proxy::to(&database.config()).await;
        let variables = [("DATABASE_ACQUIRE_TIMEOUT", "300ms"), ("DATABASE_STATEMENT_TIMEOUT", "300ms")];
        let service = Service::start(&proxy.url(&database.config()), &variables).await;
        browser.see(&service).await;
        proxy.swallow(true);
        browser.add("a").await;
        says_that_it_is_away(browser, "cannot be read or saved right now").await;
        browser.until_titles(&["a"]).await;
        proxy.swallow(false);
        browser.until_saved().await;
        says_nothing(browser).await;
        browser.until_titles(&["a"]).await;
        assert_eq!(titles(&service).await, ["a"]);
        browser.has_nothing_to_complain_of(UNANSWERED).await;
    })
    .await;
}

#[tokio::test]
async fn a_rollout_goes_unnoticed() {
    with_browser(async |browser| {
        let database = TestDatabase::migrated().await;
        let old = Service::ready(&database, &[("DRAIN_DELAY", "1s")]).await;
        let front = Front::to(old.address).await;
        browser.driver.goto(format!("http://{}/", front.address)).await.unwrap();
        browser.add("a").await;
        browser.until_saved().await;
        browser
            .get::<bool>(
                "(window.alarms = 0, new MutationObserver(() => { \
                 if (!document.querySelector('#connection').hidden) window.alarms++; }) \
                 .observe(document.querySelector('#connection'), { attributes: true }), true)",
            )
            .await;
        let new = Service::ready(&database, &[]).await;
        front.switch(new.address);
        old.signal(Signal::TERM);
        browser.add("b").await;
        old.exit().await;
        browser.add("c").await;
        browser.until_saved().await;
        new.logged(|line| line["path"] == "/api/events").await;
        reqwest::Client::new().post(new.url("/api/todos")).json(&json!({"title": "d"})).send().await.unwrap();
        browser.until_titles(&["d", "c", "b", "a"]).await;
        assert_eq!(titles(&new).await, ["d", "c", "b", "a"]);
        assert_eq!(browser.get::<u32>("window.alarms").await, 0);
        browser.has_nothing_to_complain_of(UNANSWERED).await;
    })
    .await;
}
