//! Two who change one todo at the same time: nobody's change is lost without a word, and nothing that was typed.

use serde_json::{Value, json};

use super::{
    browser::{Browser, with_page},
    process::Service,
};

/// What the page sends waits until the test lets it go.
const HOLD_WRITES: &str = "(() => {
    const ask = window.fetch;
    window.held = 0;
    const mayGo = new Promise((go) => { window.letGo = go; });
    window.fetch = async (path, how) => {
        if (how.method !== 'GET') { window.held++; await mayGo; }
        return ask(path, how);
    };
    return true;
})()";

/// A todo that is on the page, as others reach it.
struct Shared<'a> {
    browser: &'a Browser,
    url: String,
}

impl<'a> Shared<'a> {
    async fn add(browser: &'a Browser, service: &Service) -> Self {
        browser.add("a").await;
        browser.until_saved().await;
        let page: Value = service.get("/api/todos").await.json().await.unwrap();
        Self {
            browser,
            url: service.url(&format!("/api/todos/{}", page["items"][0]["id"].as_str().unwrap())),
        }
    }

    /// Others change it while what was done here is on its way.
    async fn meanwhile(&self, patch: Value) {
        self.browser.until("window.held === 1").await;
        let changed = reqwest::Client::new().patch(&self.url).json(&patch).send().await.unwrap();
        assert_eq!(changed.status(), 200);
        self.browser.get::<bool>("(window.letGo(), true)").await;
    }

    async fn edit(&self, title: &str) {
        self.browser.click("#list .title").await;
        self.browser.fill(".editor [name=title]", title).await;
    }

    async fn save(&self) {
        self.browser.click(".editor button[type=submit]").await;
    }

    async fn kept(&self) -> Value {
        self.browser.until_saved().await;
        reqwest::get(&self.url).await.unwrap().json().await.unwrap()
    }

    /// Both versions are on the screen.
    async fn both_are_seen(&self, mine: &str, theirs: &str) {
        let shown = format!(
            "document.querySelector('.theirs:not([hidden])')?.textContent.includes('“{theirs}”') && \
             document.querySelector('.editor [name=title]').value === '{mine}'"
        );
        self.browser.until(&shown).await;
    }
}

#[tokio::test]
async fn of_two_edits_at_once_both_are_shown_and_one_is_chosen() {
    for (button, chosen) in [("[type=submit]", "mine"), (".take", "theirs")] {
        with_page(async |browser, service| {
            let todo = Shared::add(browser, service).await;
            browser.get::<bool>(HOLD_WRITES).await;
            todo.edit("mine").await;
            todo.save().await;
            todo.meanwhile(json!({"title": "theirs"})).await;
            todo.both_are_seen("mine", "theirs").await;
            assert_eq!(todo.kept().await["title"], "theirs");
            browser.click(&format!(".editor {button}")).await;
            browser.until_titles(&[chosen]).await;
            assert_eq!(todo.kept().await["title"], chosen);
        })
        .await;
    }
}

#[tokio::test]
async fn what_others_change_while_one_types_is_shown_beside_it() {
    with_page(async |browser, service| {
        let todo = Shared::add(browser, service).await;
        todo.edit("mine").await;
        let theirs = json!({"title": "theirs", "due_at": "9001-02-03T12:00:00Z"});
        reqwest::Client::new().patch(&todo.url).json(&theirs).send().await.unwrap();
        todo.both_are_seen("mine", "theirs").await;
        // What was not touched follows.
        browser.until("document.querySelector('.editor [name=date]').value === '9001-02-03'").await;
        // It is there after a reload as well.
        browser.driver.refresh().await.unwrap();
        browser.until("document.querySelector('.editor [name=title]')?.value === 'mine'").await;
        todo.save().await;
        browser.until_titles(&["mine"]).await;
        let kept = todo.kept().await;
        assert_eq!((&kept["title"], &kept["due_at"]), (&"mine".into(), &theirs["due_at"]));
    })
    .await;
}

#[tokio::test]
async fn changes_of_different_things_go_together() {
    with_page(async |browser, service| {
        let todo = Shared::add(browser, service).await;
        browser.get::<bool>(HOLD_WRITES).await;
        todo.edit("mine").await;
        todo.save().await;
        todo.meanwhile(json!({"completed_at": "2020-01-01T00:00:00Z"})).await;
        let kept = todo.kept().await;
        assert_eq!((&kept["title"], &kept["completed_at"]), (&"mine".into(), &"2020-01-01T00:00:00Z".into()));
        assert!(browser.get::<bool>("!document.querySelector('.editor')").await);
    })
    .await;
}

#[tokio::test]
async fn what_others_changed_is_not_deleted_unseen() {
    with_page(async |browser, service| {
        let todo = Shared::add(browser, service).await;
        browser.get::<bool>(HOLD_WRITES).await;
        browser.click("#list .delete").await;
        todo.meanwhile(json!({"title": "theirs"})).await;
        browser.until_titles(&["theirs"]).await;
        browser.until("document.querySelector('#said').textContent.includes('changed elsewhere')").await;
        assert_eq!(todo.kept().await["title"], "theirs");
        assert!(browser.get::<bool>("document.querySelector('#undo').hidden").await, "nothing was done");
    })
    .await;
}

#[tokio::test]
async fn what_others_made_of_an_edit_is_not_undone_unseen() {
    with_page(async |browser, service| {
        let todo = Shared::add(browser, service).await;
        todo.edit("mine").await;
        todo.save().await;
        browser.until_saved().await;
        browser.get::<bool>(HOLD_WRITES).await;
        browser.click("#undo-last").await;
        todo.meanwhile(json!({"title": "theirs"})).await;
        browser.until_titles(&["theirs"]).await;
        browser.until("document.querySelector('#said').textContent.includes('changed elsewhere')").await;
        assert_eq!(todo.kept().await["title"], "theirs");
    })
    .await;
}
