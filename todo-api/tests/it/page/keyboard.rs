//! The page without a pointer, and what screen readers are told.

use thirtyfour::Key;

use super::browser::{Browser, with_page};

async fn said(browser: &Browser, text: &str) {
    browser.until(&format!("document.querySelector('#said').textContent.trim() === {text:?}")).await;
}

async fn is_focused(browser: &Browser, condition: &str) {
    browser.until(&format!("((it) => {condition})(document.activeElement)")).await;
}

#[tokio::test]
async fn everything_can_be_done_with_the_keyboard() {
    with_page(async |browser, _| {
        browser.press(Key::Tab + "").await;
        is_focused(browser, "it.className === 'skip'").await;
        browser.press(Key::Tab + "").await;
        is_focused(browser, "it.id === 'add-title'").await;
        for title in ["a", "b", "c"] {
            browser.press(title).await;
            browser.press(Key::Enter + "").await;
            said(browser, &format!("Added: {title}")).await;
        }
        browser.until_titles(&["c", "b", "a"]).await;

        // Past the two buttons of the form and the four filters.
        for _ in 0..7 {
            browser.press(Key::Tab + "").await;
        }
        is_focused(browser, "it.matches('#list li:first-child .done')").await;
        browser.press(" ").await;
        said(browser, "Done: c").await;
        browser.press(Key::Down + "").await;
        is_focused(browser, "it.matches('#list li:nth-child(2) .done')").await;
        browser.press(Key::Tab + "").await;
        is_focused(browser, "it.textContent === 'b'").await;

        browser.press(Key::Enter + "").await;
        is_focused(browser, "it.name === 'title' && it.value === 'b'").await;
        browser.press("never").await;
        browser.press(Key::Escape + "").await;
        is_focused(browser, "it.textContent === 'b'").await;
        browser.press(Key::Enter + "").await;
        browser.press("better").await;
        browser.press(Key::Enter + "").await;
        said(browser, "Saved.").await;
        is_focused(browser, "it.textContent === 'better'").await;

        browser.press(Key::Delete + "").await;
        said(browser, "Deleted: better. Control Z brings it back.").await;
        is_focused(browser, "it.textContent === 'a'").await;
        browser.press(Key::Delete + "").await;
        is_focused(browser, "it.textContent === 'c'").await;
        browser.press(Key::Delete + "").await;
        is_focused(browser, "it.id === 'add-title'").await;
        for title in ["c", "a", "better"] {
            browser.press(Key::Control + "z").await;
            said(browser, &format!("Back again: {title}")).await;
            is_focused(browser, &format!("it.textContent === '{title}'")).await;
        }
        browser.until_titles(&["c", "better", "a"]).await;
        browser.until_saved().await;
    })
    .await;
}

#[tokio::test]
async fn every_control_has_a_name_and_every_part_its_place() {
    with_page(async |browser, _| {
        browser.add("a").await;
        browser.add("b").await;
        browser.click("#add-when").await;
        browser.click("#list li:first-child .title").await;
        browser.click("#list li:nth-child(2) .delete").await;
        browser.until_saved().await;
        browser.add("c").await;

        let tree = browser.command("Accessibility.getFullAXTree", serde_json::json!({})).await;
        let nodes: Vec<(&str, &str)> = tree["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|node| node["ignored"] != true)
            .map(|node| {
                (node["role"]["value"].as_str().unwrap_or(""), node["name"]["value"].as_str().unwrap_or(""))
            })
            .collect();
        let controls = ["button", "link", "textbox", "checkbox", "spinbutton", "Date", "InputTime", "region", "group"];
        for (role, name) in &nodes {
            assert!(!controls.contains(role) || !name.is_empty(), "a {role} without a name in {nodes:#?}");
        }
        for wanted in [
            ("banner", ""),
            ("main", ""),
            ("contentinfo", ""),
            ("navigation", "Show"),
            ("heading", "To do"),
            ("textbox", "What is to be done?"),
            ("textbox", "Title"),
            ("checkbox", "c"),
            ("button", "c"),
            ("button", "Delete: c"),
            ("button", "Due date"),
            ("button", "Undo"),
        ] {
            assert!(nodes.contains(&wanted), "no {wanted:?} in {nodes:#?}");
        }
        let twice: Vec<String> = browser
            .get("[...document.querySelectorAll('[id]')].map(({ id }) => id).filter((id, at, all) => all.indexOf(id) < at)")
            .await;
        assert!(twice.is_empty(), "{twice:?}");
        browser.click(".editor .cancel").await;
    })
    .await;
}
