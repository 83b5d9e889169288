//! The page in the dark, on a phone, and for eyes that need contrast.

use serde::Deserialize;
use serde_json::json;

use super::{
    browser::{Browser, with_page},
    contrast::Colour,
};

/// A piece of text, its colour, and the colours behind it, the nearest first.
#[derive(Deserialize)]
struct Piece {
    text: String,
    colour: String,
    behind: Vec<String>,
}

const TEXTS: &str = "(() => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.textContent.trim();
        const element = walker.currentNode.parentElement;
        if (!text || !element.checkVisibility({ opacityProperty: true }) || element.closest('.unseen')) continue;
        const behind = [];
        for (let it = element; it; it = it.parentElement) behind.push(getComputedStyle(it).backgroundColor);
        found.push({ text, colour: getComputedStyle(element).color, behind });
    }
    const field = document.querySelector('#add-title');
    const form = getComputedStyle(document.querySelector('#add')).backgroundColor;
    for (const part of [undefined, '::placeholder'])
        found.push({ text: `the field ${part}`, colour: getComputedStyle(field, part).color, behind: [form] });
    return found;
})()";

async fn look(browser: &Browser, width: u32, scheme: &str) {
    let size = json!({"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": width < 500});
    browser.command("Emulation.setDeviceMetricsOverride", size).await;
    let features = json!({"features": [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]});
    browser.command("Emulation.setEmulatedMedia", features).await;
    browser.until(&format!("matchMedia('(prefers-color-scheme: {scheme})').matches")).await;
    browser.until("matchMedia('(prefers-reduced-motion: reduce)').matches").await;
}

async fn fill(browser: &Browser) {
    browser.fill("#add-title", "overdue").await;
    browser.click("#add-when").await;
    let late = "document.querySelector('#add [name=date]').value = '2001-01-01'";
    browser.get::<String>(late).await;
    browser.click("#add button[type=submit]").await;
    browser.add("done").await;
    browser.click("#list li:first-child .done").await;
    browser.add(&"long".repeat(50)).await;
    browser.add("deleted").await;
    browser.click("#list li:first-child .delete").await;
    browser.add("edited").await;
    browser.until_saved().await;
    browser.click("#list li:first-child .title").await;
    browser.click("#add button[type=submit]").await;
    browser.until("!document.querySelector('#add-problem').hidden").await;
}

#[tokio::test]
async fn all_text_stands_out_in_light_and_in_dark() {
    with_page(async |browser, _| {
        fill(browser).await;
        browser.get::<bool>("document.querySelector('#connection').hidden = false").await;
        let mut papers = Vec::new();
        for scheme in ["light", "dark"] {
            look(browser, 1000, scheme).await;
            let texts: Vec<Piece> = browser.get(TEXTS).await;
            assert!(texts.len() > 20, "{}", texts.len());
            for Piece { text, colour, behind } in texts {
                let paper = behind.iter().rev().fold(Colour::parse("rgb(255, 255, 255)"), |below, above| {
                    Colour::parse(above).over(below)
                });
                let contrast = Colour::parse(&colour).over(paper).contrast(paper);
                assert!(contrast >= 4.5, "{scheme}: {contrast:.2} of {text:?}: {colour} on {paper:?}");
            }
            papers.push(browser.get::<String>("getComputedStyle(document.body).backgroundColor").await);
        }
        assert_ne!(papers[0], papers[1]);
    })
    .await;
}

#[tokio::test]
async fn no_tab_moves_when_another_one_is_chosen() {
    with_page(async |browser, _| {
        let places = "[...document.querySelectorAll('nav a')].map((it) => it.getBoundingClientRect().x)";
        let before: Vec<f64> = browser.get(places).await;
        assert_eq!(before.len(), 4);
        for tab in ["open", "done", "overdue"] {
            browser.click(&format!("nav a[href='#{tab}']")).await;
            browser.until(&format!("document.querySelector('nav [aria-current]').hash === '#{tab}'")).await;
            assert_eq!(browser.get::<Vec<f64>>(places).await, before, "{tab}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_documentation_is_dark_where_the_system_is() {
    with_page(async |browser, service| {
        browser.driver.goto(service.url("/api/docs")).await.unwrap();
        browser.until("document.querySelector('.opblock-summary-path')").await;
        for (scheme, is_dark) in [("dark", true), ("light", false)] {
            look(browser, 1000, scheme).await;
            browser
                .until(&format!("document.documentElement.classList.contains('dark-mode') === {is_dark}"))
                .await;
            let colour =
                |of: &str, part: &str| format!("getComputedStyle(document.querySelector('{of}')).{part}");
            let text = Colour::parse(&browser.get::<String>(&colour(".opblock-summary-path", "color")).await);
            let paper = Colour::parse(&browser.get::<String>(&colour("html", "backgroundColor")).await);
            let paper = paper.over(Colour::parse("rgb(255, 255, 255)"));
            let black = Colour::parse("rgb(0, 0, 0)");
            assert_eq!(paper.contrast(black) < 3.0, is_dark, "{scheme}: {paper:?}");
            assert!(text.contrast(paper) >= 4.5, "{scheme}: {text:?} on {paper:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_wider_than_the_screen_and_everything_can_be_hit() {
    with_page(async |browser, _| {
        fill(browser).await;
        browser.get::<bool>("document.querySelector('#connection').hidden = false").await;
        for width in [320, 360, 768, 1280] {
            look(browser, width, "light").await;
            browser.until(&format!("innerWidth === {width}")).await;
            let wide: u32 = browser.get("document.documentElement.scrollWidth").await;
            assert!(wide <= width, "{wide} on {width}");
            let small: Vec<String> = browser
                .get(
                    "[...document.querySelectorAll('button, input, nav a')].filter((it) => it.checkVisibility()) \
                     .filter((it) => { const { width, height } = it.getBoundingClientRect(); \
                     return width < 24 || height < 24; }).map((it) => it.outerHTML)",
                )
                .await;
            assert!(small.is_empty(), "{small:#?}");
        }
    })
    .await;
}
