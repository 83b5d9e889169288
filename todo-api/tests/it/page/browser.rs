//! A headless Chromium of its own for each test.

use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    process::Stdio,
    time::Instant,
};

use futures_util::FutureExt;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::{
    By, ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel, TypingData, WebDriver,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::{
    database::TestDatabase,
    process::{PATIENCE, Service, choose_tls},
};
use crate::support::needs::missing;

const ARGUMENTS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

pub(crate) struct Browser {
    pub(crate) driver: WebDriver,
    // Both go when this is dropped, in this order.
    _program: Child,
    _profile: TempDir,
}

/// Starts chromedriver, and says at which port. It takes a free one for one version of IP and then the same for the
/// other, where it may be taken: then it ends, and another one is started.
async fn chromedriver() -> (Child, u16) {
    for _ in 0..10 {
        let mut command = Command::new("chromedriver");
        let mut program = command.arg("--port=0").stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, port)) = line.split_once("successfully on port ") {
                // Goes on reading, so that the program can go on writing.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return (program, port.trim_end_matches('.').parse().unwrap());
            }
        }
    }
    panic!("chromedriver should say its port");
}

/// Runs a test in a browser that shows the page of a service on a database of its own.
pub(crate) async fn with_page(test: impl AsyncFnOnce(&Browser, &Service)) {
    with_browser(async |browser| {
        let database = TestDatabase::migrated().await;
        let service = Service::ready(&database, &[]).await;
        browser.see(&service).await;
        test(browser, &service).await;
        browser.has_nothing_to_complain_of(&[]).await;
    })
    .await;
}

/// Runs a test in a browser, which is closed however the test ends.
pub(crate) async fn with_browser(test: impl AsyncFnOnce(&Browser)) {
    let Some(browser) = Browser::open().await else { return };
    let result = AssertUnwindSafe(test(&browser)).catch_unwind().await;
    let _ = browser.driver.clone().quit().await;
    if let Err(panic) = result {
        resume_unwind(panic);
    }
}

impl Browser {
    /// Nothing if this machine has none, and need not have one.
    async fn open() -> Option<Self> {
        if !has("chromium").await || !has("chromedriver").await {
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let (program, port) = chromedriver().await;

        let mut wanted = DesiredCapabilities::chrome();
        for argument in ARGUMENTS {
            wanted.add_arg(argument).unwrap();
        }
        wanted.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
        choose_tls();
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await.unwrap();
        Some(Self { driver, _program: program, _profile: profile })
    }

    /// Shows the page, and waits until it has the list.
    pub(crate) async fn see(&self, service: &Service) {
        self.driver.goto(service.url("/")).await.unwrap();
        self.until("document.querySelector('#list').ariaBusy === 'false'").await;
    }

    /// What a script's expression is.
    pub(crate) async fn get<T: DeserializeOwned>(&self, expression: &str) -> T {
        let answer = self.driver.execute(format!("return {expression}"), vec![]).await;
        answer.unwrap_or_else(|error| panic!("{error}: {expression}")).convert().unwrap()
    }

    /// Waits until a script's expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        let since = Instant::now();
        while !self.get::<bool>(&format!("Boolean({expression})")).await {
            if since.elapsed() > PATIENCE {
                let page: String = self.get("document.body.innerText").await;
                panic!("not in time: {expression}; the page says:\n{page}");
            }
        }
    }

    /// Waits until the list shows these titles, in this order.
    pub(crate) async fn until_titles(&self, titles: &[&str]) {
        let shown = "[...document.querySelectorAll('#list .title')].map((title) => title.textContent)";
        self.until(&format!("JSON.stringify({shown}) === {}", json!(json!(titles).to_string()))).await;
    }

    /// Waits until nothing is left to be sent.
    pub(crate) async fn until_saved(&self) {
        self.until("Object.keys(localStorage).every((name) => !name.startsWith('todo:write:'))").await;
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.driver.find(By::Css(selector)).await.unwrap();
        element.click().await.unwrap_or_else(|error| panic!("{error}: {selector}"));
    }

    /// Empties a field and types into it.
    pub(crate) async fn fill(&self, selector: &str, text: impl Into<TypingData>) {
        let element = self.driver.find(By::Css(selector)).await.unwrap();
        element.clear().await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    /// Types to whatever has the focus.
    pub(crate) async fn press(&self, keys: impl Into<TypingData>) {
        self.driver.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    pub(crate) async fn add(&self, title: &str) {
        self.fill("#add-title", title).await;
        self.click("#add button[type=submit]").await;
    }

    /// Tells the browser's own tools something.
    pub(crate) async fn command(&self, name: &str, parameters: Value) -> Value {
        self.driver.cdp().send_raw(name, parameters).await.unwrap()
    }

    /// No error was logged, be it of a script, of the policy or of a request, but what is expected.
    pub(crate) async fn has_nothing_to_complain_of(&self, expected: &[&str]) {
        let log = self.driver.browser_log().await.unwrap();
        let complaints: Vec<_> = log
            .into_iter()
            .filter(|entry| !matches!(entry.level.as_str(), "INFO" | "DEBUG" | "FINE"))
            .map(|entry| entry.message)
            .filter(|message| !is_of_what_others_did(message))
            .filter(|message| !expected.iter().any(|expected| message.contains(expected)))
            .collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

/// Whether a todo was removed or changed while the page looked at it: the browser logs the answer, whatever the page
/// makes of it.
fn is_of_what_others_did(message: &str) -> bool {
    let refusals = ["404 (Not Found)", "412 (Precondition Failed)"];
    message.contains("/api/todos/") && refusals.iter().any(|refusal| message.contains(refusal))
}

async fn has(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = asked.await.is_ok_and(|status| status.success());
    if !there {
        missing(&format!("the `{program}` command"));
    }
    there
}
