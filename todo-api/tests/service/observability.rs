//! What the service says about what it does.

use reqwest::Client;
use uuid::Uuid;

use super::{database::TestDatabase, process::Service};

#[tokio::test]
async fn a_good_request_id_is_taken_over_and_a_bad_one_replaced() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    let longest = "x".repeat(128);
    for (given, kept) in
        [("abc-123", true), (&longest, true), (&"x".repeat(129), false), ("a b", false), ("", false)]
    {
        let request = Client::new().get(service.url("/livez")).header("x-request-id", given);
        let response = request.send().await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap();
        assert_eq!(id == given, kept, "{given:?}");
        assert!(kept || Uuid::parse_str(id).unwrap().get_version_num() == 7, "{id}");
    }
}

#[tokio::test]
async fn each_request_is_one_line_of_json() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[("LOG_LEVEL", "info")]).await;
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let requests = [
        ("/livez", "probe-1", ""),
        ("/readyz", "probe-2", ""),
        (&format!("/api/todos/{id}"), "one", "/api/todos/{id}"),
        ("/secret-address?token=canary", "two", "unmatched"),
    ];
    for (path, request_id, _) in requests {
        Client::new().get(service.url(path)).header("x-request-id", request_id).send().await.unwrap();
    }
    for (_, request_id, path) in &requests[2..] {
        let line = service.logged(|line| line["request_id"] == *request_id).await;
        assert_eq!(
            (&line["level"], &line["method"], &line["path"]),
            (&"INFO".into(), &"GET".into(), &(*path).into())
        );
        assert_eq!(line["status"], 404);
        assert!(line["duration_ms"].is_number());
    }
    let log = service.log();
    assert_eq!(log.len(), 3, "{log:#?}");
    assert!(log.iter().all(|line| !line.contains("canary") && !line.contains('\u{1b}')), "{log:#?}");
}
