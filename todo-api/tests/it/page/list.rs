//! What people do with the list.

use serde_json::{Value, json};
use thirtyfour::Key;

use super::{
    browser::{Browser, with_page},
    process::Service,
};

/// What the service has, newest first.
async fn kept(service: &Service) -> Vec<Value> {
    let page: Value = service.get("/api/todos").await.json().await.unwrap();
    page["items"].as_array().unwrap().clone()
}

async fn set_date(browser: &Browser, selector: &str, value: &str) {
    // The order in which a date is typed depends on the machine's language.
    let script = format!(
        "(() => {{ const field = document.querySelector('{selector}'); field.value = '{value}'; \
         field.dispatchEvent(new Event('input', {{ bubbles: true }})); return true; }})()"
    );
    browser.get::<bool>(&script).await;
}

#[tokio::test]
async fn todos_are_added_completed_and_edited() {
    with_page(async |browser, service| {
        assert_eq!(
            browser.get::<String>("document.querySelector('#empty').innerText").await,
            "Nothing to do yet."
        );
        browser.add("Buy milk").await;
        browser.add("  <b>Read</b> & sleep ").await;
        browser.until_titles(&["<b>Read</b> & sleep", "Buy milk"]).await;
        assert!(browser.get::<bool>("document.activeElement.id === 'add-title'").await);

        browser.click("#list li:nth-child(2) .done").await;
        browser.until("document.querySelector('#summary').textContent === '1 open'").await;
        browser.click("#list li:first-child .title").await;
        browser.fill(".editor [name=title]", "Read").await;
        browser.click(".editor button[type=submit]").await;
        browser.until_titles(&["Read", "Buy milk"]).await;
        browser.until_saved().await;
        let todos = kept(service).await;
        assert_eq!((&todos[0]["title"], &todos[1]["title"]), (&"Read".into(), &"Buy milk".into()));
        assert!(todos[0]["completed_at"].is_null() && todos[1]["completed_at"].is_string());

        browser.driver.refresh().await.unwrap();
        browser.until_titles(&["Read", "Buy milk"]).await;
        assert!(browser.get::<bool>("document.querySelector('#list li:nth-child(2) .done').checked").await);
    })
    .await;
}

#[tokio::test]
async fn an_empty_title_is_neither_added_nor_saved() {
    with_page(async |browser, service| {
        browser.click("#add button[type=submit]").await;
        browser.until("!document.querySelector('#add-problem').hidden").await;
        browser.add("a").await;
        browser.until("document.querySelector('#add-problem').hidden").await;
        browser.until_saved().await;
        browser.click("#list .title").await;
        browser.fill(".editor [name=title]", "  ").await;
        browser.click(".editor button[type=submit]").await;
        browser.until("!document.querySelector('.editor .problem').hidden").await;
        browser.click(".editor .cancel").await;
        browser.until_titles(&["a"]).await;
        assert_eq!(kept(service).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_the_api_takes_can_be_edited_and_stays_where_it_is_not() {
    with_page(async |browser, service| {
        let save = async || browser.click(".editor button[type=submit]").await;
        // A title that JavaScript would trim, a date that few would choose, and characters of two units.
        let body = json!({
            "title": format!("\u{feff}{}\u{feff}", "\u{1f600}".repeat(198)),
            "due_at": "0900-06-01T12:00:00Z",
            "notes": "\u{1f600}".repeat(10_000),
        });
        reqwest::Client::new().post(service.url("/api/todos")).json(&body).send().await.unwrap();
        browser.until("document.querySelector('#list .title')").await;
        browser.click("#list .title").await;
        let end = "(() => { const notes = document.querySelector('.editor [name=notes]'); notes.focus(); \
                   notes.setSelectionRange(20000, 20000); return true; })()";
        browser.get::<bool>(end).await;
        browser.press(Key::Backspace).await;
        save().await;
        browser.until("!document.querySelector('.editor')").await;
        browser.until_saved().await;
        let kept = kept(service).await.pop().unwrap();
        assert_eq!((&kept["title"], &kept["due_at"]), (&body["title"], &body["due_at"]));
        assert!(kept["notes"] == "\u{1f600}".repeat(9_999));

        browser.click("#list .title").await;
        for (name, most) in [("title", 200), ("notes", 10_000)] {
            let field = format!("document.querySelector('.editor [name={name}]')");
            let fill = |count| format!("Boolean({field}.value = 'u'.repeat({count}))");
            browser.get::<bool>(&fill(most + 1)).await;
            save().await;
            browser.until(&format!("{field}.matches('[aria-invalid]:focus')")).await;
            let told: String = browser.get("document.querySelector('.editor .problem').textContent").await;
            assert!(told.contains(&format!("most {most} characters")), "{told}");
            browser.get::<bool>(&fill(most)).await;
        }
        save().await;
        browser.until_titles(&[&"u".repeat(200)]).await;
        browser.until_saved().await;

        browser.add(&"u".repeat(201)).await;
        browser.until("document.querySelector('#add-problem').textContent.includes('200')").await;
        browser.add(&format!("\u{85}{}\u{a0}", "v".repeat(200))).await;
        browser.until_titles(&[&"v".repeat(200), &"u".repeat(200)]).await;
    })
    .await;
}

#[tokio::test]
async fn due_dates_are_set_changed_and_removed() {
    with_page(async |browser, service| {
        browser.fill("#add-title", "a").await;
        browser.click("#add-when").await;
        set_date(browser, "#add [name=date]", "2001-02-03").await;
        browser.click("#add button[type=submit]").await;
        browser.until("document.querySelector('#list time').textContent.startsWith('Overdue')").await;
        browser.until_saved().await;
        // A day without a time ends with its last second, wherever the browser is.
        let local = "new Date(document.querySelector('#list time').dateTime).toTimeString().slice(0, 8)";
        assert_eq!(browser.get::<String>(local).await, "23:59:59");

        browser.click("#list .title").await;
        assert_eq!(
            browser.get::<String>("document.querySelector('.editor [name=date]').value").await,
            "2001-02-03"
        );
        set_date(browser, ".editor [name=date]", "9001-02-03").await;
        set_date(browser, ".editor [name=time]", "14:30").await;
        browser.click(".editor button[type=submit]").await;
        browser.until("document.querySelector('#list time').textContent.startsWith('Due')").await;
        assert_eq!(browser.get::<String>(local).await, "14:30:00");

        browser.click("#list .title").await;
        set_date(browser, ".editor [name=date]", "").await;
        browser.click(".editor button[type=submit]").await;
        browser.until("document.querySelector('#list time').textContent === ''").await;
        browser.until_saved().await;
        assert!(kept(service).await[0]["due_at"].is_null());
    })
    .await;
}

#[tokio::test]
async fn filters_show_their_part_and_are_addresses() {
    with_page(async |browser, service| {
        for (title, due) in [("late", "2001-01-01T00:00:00Z"), ("later", "9001-01-01T00:00:00Z")] {
            let body = json!({"title": title, "due_at": due});
            reqwest::Client::new().post(service.url("/api/todos")).json(&body).send().await.unwrap();
        }
        browser.until_titles(&["later", "late"]).await;
        browser.click("#list li:first-child .done").await;
        for (filter, titles) in [
            ("open", &["late"][..]),
            ("done", &["later"]),
            ("overdue", &["late"]),
            ("all", &["later", "late"]),
        ] {
            browser.click(&format!("nav a[href='#{filter}']")).await;
            browser.until_titles(titles).await;
            assert_eq!(
                browser.get::<String>("document.querySelector('nav [aria-current]').hash").await,
                format!("#{filter}")
            );
        }
        browser.driver.back().await.unwrap();
        browser.until_titles(&["late"]).await;
        browser.driver.refresh().await.unwrap();
        browser.until_titles(&["late"]).await;
        // What no longer belongs there leaves.
        browser.click("#list .done").await;
        browser.until("!document.querySelector('#empty').hidden").await;
    })
    .await;
}

#[tokio::test]
async fn a_deletion_is_undone() {
    with_page(async |browser, service| {
        for title in ["a", "b", "c"] {
            browser.add(title).await;
        }
        browser.until_saved().await;
        let before = kept(service).await;
        for row in [2, 1] {
            browser.click(&format!("#list li:nth-child({row}) .delete")).await;
        }
        browser.until_titles(&["a"]).await;
        browser.until_saved().await;
        assert_eq!(kept(service).await.len(), 1);

        browser.click("#undo-last").await;
        browser.until_titles(&["c", "a"]).await;
        assert!(browser.get::<bool>("document.activeElement.textContent === 'c'").await);
        browser.press(thirtyfour::Key::Control + "z").await;
        browser.until_titles(&["c", "b", "a"]).await;
        browser.until_saved().await;
        let ids = |todos: &[Value]| todos.iter().map(|todo| todo["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&kept(service).await), ids(&before));
    })
    .await;
}

#[tokio::test]
async fn completions_and_edits_are_undone_as_the_page_says() {
    with_page(async |browser, service| {
        let offers = async |words: &str| {
            browser
                .until(&format!("document.querySelector('#undo:not([hidden]) p').textContent === {words:?}"))
                .await;
        };
        browser.add("a").await;
        browser.click("#list .done").await;
        offers("Done: “a”").await;
        browser.click("#list .title").await;
        browser.fill(".editor [name=title]", "b").await;
        set_date(browser, ".editor [name=date]", "9001-02-03").await;
        browser.click(".editor button[type=submit]").await;
        offers("Changed “b”").await;
        browser.click("#list .done").await;
        offers("Open again: “b”").await;
        browser.until_saved().await;

        let state = async || {
            browser.until_saved().await;
            let todo = kept(service).await.remove(0);
            (
                todo["title"].as_str().unwrap().to_owned(),
                todo["due_at"].is_string(),
                todo["completed_at"].is_string(),
            )
        };
        assert_eq!(state().await, ("b".into(), true, false));
        browser.click("#undo-last").await;
        browser.until("document.querySelector('#list .done').checked").await;
        assert_eq!(state().await, ("b".into(), true, true));
        browser.press(thirtyfour::Key::Control + "z").await;
        browser.until_titles(&["a"]).await;
        assert_eq!(state().await, ("a".into(), false, true));
        browser.press(thirtyfour::Key::Control + "z").await;
        browser.until("!document.querySelector('#list .done').checked").await;
        assert_eq!(state().await, ("a".into(), false, false));
        assert!(browser.get::<bool>("document.querySelector('#undo').hidden").await);
    })
    .await;
}

#[tokio::test]
async fn a_long_list_comes_in_parts() {
    with_page(async |browser, service| {
        let client = reqwest::Client::new();
        for number in 0..130 {
            let body = json!({"title": format!("{number}")});
            client.post(service.url("/api/todos")).json(&body).send().await.unwrap();
        }
        browser.driver.refresh().await.unwrap();
        browser.until("document.querySelectorAll('#list li').length === 100").await;
        browser.click("#more").await;
        browser.until("document.querySelectorAll('#list li').length === 130").await;
        browser.until("document.querySelector('#more').hidden").await;
        assert_eq!(
            browser.get::<String>("document.querySelector('#list li:last-child .title').textContent").await,
            "0"
        );
    })
    .await;
}

#[tokio::test]
async fn notes_are_shown_and_edited() {
    with_page(async |browser, service| {
        let body = json!({"title": "a", "notes": "first\r\nsecond <b>"});
        reqwest::Client::new().post(service.url("/api/todos")).json(&body).send().await.unwrap();
        browser
            .until("document.querySelector('#list .notes')?.textContent === 'first\\r\\nsecond <b>'")
            .await;
        let (shown, typed) =
            ("document.querySelector('#list .notes')", "document.querySelector('.editor [name=notes]')");

        // What is not touched is not changed, other ends of lines included.
        browser.click("#list .title").await;
        assert_eq!(browser.get::<String>(&format!("{typed}.value")).await, "first\nsecond <b>");
        browser.fill(".editor [name=title]", "b").await;
        browser.click(".editor button[type=submit]").await;
        browser.until_saved().await;
        assert_eq!(
            (&kept(service).await[0]["title"], &kept(service).await[0]["notes"]),
            (&"b".into(), &"first\r\nsecond <b>".into())
        );

        browser.click("#list .title").await;
        browser.fill(".editor [name=notes]", "third\nfourth").await;
        browser.click(".editor button[type=submit]").await;
        browser.until(&format!("{shown}.textContent === 'third\\nfourth'")).await;
        browser.until_saved().await;
        assert_eq!(kept(service).await[0]["notes"], "third\nfourth");
        browser.click("#undo-last").await;
        browser.until(&format!("{shown}.textContent === 'first\\r\\nsecond <b>'")).await;

        browser.click("#list .title").await;
        browser.fill(".editor [name=notes]", "").await;
        browser.click(".editor button[type=submit]").await;
        browser.until(&format!("!{shown}.checkVisibility()")).await;
        browser.until_saved().await;
        assert!(kept(service).await[0]["notes"].is_null());
    })
    .await;
}
