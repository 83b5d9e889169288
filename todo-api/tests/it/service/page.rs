//! How the page is served.

use reqwest::Client;

use super::{database::TestDatabase, process::Service};

/// The addresses of the page's files, as its own text names them.
async fn files(service: &Service) -> Vec<String> {
    let page = service.get("/").await.text().await.unwrap();
    let mut files: Vec<String> =
        page.split('"').filter(|text| text.starts_with("/page/")).map(str::to_owned).collect();
    let main = service.get("/page/main.js").await.text().await.unwrap();
    files.extend(main.split('"').filter_map(|text| Some(format!("/page/{}", text.strip_prefix("./")?))));
    assert!(files.len() > 8, "{files:?}");
    files
}

#[tokio::test]
async fn the_page_loads_its_own_files_and_nothing_else() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let answer = service.get("/").await;
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    for directive in ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(directive), "{policy}");
    }
    for loose in ["unsafe", "http", "data:", "blob:", "*"] {
        assert!(!policy.contains(loose), "{policy}");
    }
    let page = answer.text().await.unwrap();
    assert!(!page.contains("://") && !page.contains(" style=") && !page.contains("<style"), "{page}");
    assert!(page.contains("href=\"/api/docs\""), "{page}");
    for path in files(&service).await {
        let file = service.get(&path).await;
        assert_eq!(file.status(), 200, "{path}");
        let kind = file.headers()["content-type"].to_str().unwrap();
        let ending = path.rsplit('.').next().unwrap();
        let expected = [("js", "text/javascript"), ("css", "text/css"), ("svg", "image/svg+xml")];
        assert!(expected.iter().any(|(end, it)| *end == ending && kind.starts_with(it)), "{path}: {kind}");
        assert_eq!(file.headers()["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    for path in ["/", "/page/main.js"] {
        let url = service.url(path);
        let first = service.get(path).await;
        assert_eq!(first.headers()["cache-control"], "no-cache");
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        for (condition, status) in [
            (tag.clone(), 304),
            (format!("W/{tag}"), 304),
            (format!("\"other\", {tag}"), 304),
            ("*".into(), 304),
            ("\"other\"".into(), 200),
        ] {
            let again = Client::new().get(&url).header("if-none-match", &condition).send().await.unwrap();
            assert_eq!(again.status(), status, "{path} {condition}");
            assert_eq!(again.headers()["etag"], tag, "{path} {condition}");
            let sent = again.bytes().await.unwrap();
            assert_eq!(sent.is_empty(), status == 304, "{path} {condition}");
        }
    }
}

#[tokio::test]
async fn answers_of_the_api_may_load_nothing() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    for path in ["/api/todos", "/livez", "/nothing", "/page/", "/page/nothing.js"] {
        let policy = &service.get(path).await.headers()["content-security-policy"].clone();
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'", "{path}");
    }
}
