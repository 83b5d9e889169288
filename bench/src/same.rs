//! Whether two services answer the same. What does not do the same work is not compared.

use chrono::{DateTime, TimeDelta, Utc};
use hyper::header::{CONTENT_TYPE, ETAG, LOCATION};
use serde_json::{Value, json};

use crate::{
    Outcome,
    client::{Address, Answer, Client},
    work::{self, Work},
};

/// Fails unless both answer this request alike. The message says on what they differ.
pub(crate) async fn check(ours: Address, theirs: Address, work: Option<Work>) -> Outcome {
    let mut both = [Client::connect(ours).await?, Client::connect(theirs).await?];
    match work {
        None => check_all(both).await,
        Some(Work::List) => list(&mut both, "").await.map(drop),
        Some(Work::Create) => create(&mut both, &work::body()).await,
    }
}

/// Fails unless both list and create alike, also what is refused.
async fn check_all(mut both: [Client; 2]) -> Outcome {
    // The lists first, while they are the same.
    let page = list(&mut both, "").await?;
    let cursor = page["next_cursor"].as_str().ok_or("the list has one page alone")?;
    list(&mut both, &format!("?limit=100&cursor={cursor}")).await?;
    for query in ["?state=open", "?state=completed&limit=7", "?limit=1&due_before=2024-06-01T00:00:00Z"] {
        list(&mut both, query).await?;
    }
    for query in ["?limit=0", "?limit=101", "?limit=x", "?cursor=x", "?state=x", "?page=2", "?due_from=x"] {
        list(&mut both, query).await?;
    }
    for body in bodies() {
        create(&mut both, &body).await?;
    }
    Ok(())
}

async fn list(both: &mut [Client; 2], query: &str) -> Outcome<Value> {
    let [ours, theirs] = both;
    let path = format!("/api/todos{query}");
    let answers = [ours.get(&path).await?, theirs.get(&path).await?];
    let [ours, theirs] = answers.map(|answer| seen(&answer));
    match difference("", &ours, &theirs) {
        None => Ok(ours["body"].clone()),
        Some(how) => Err(format!("GET {path} is not answered the same: {how}").into()),
    }
}

async fn create(both: &mut [Client; 2], body: &str) -> Outcome {
    let [ours, theirs] = both;
    let answers =
        [ours.post("/api/todos", body.to_owned()).await?, theirs.post("/api/todos", body.to_owned()).await?];
    let [ours, theirs] = answers.map(|answer| created(seen(&answer)));
    match difference("", &ours, &theirs) {
        None => Ok(()),
        Some(how) => Err(format!("POST of {body} is not answered the same: {how}").into()),
    }
}

fn bodies() -> Vec<String> {
    let mut bodies = vec![work::body(), "[]".into(), "{".into()];
    bodies.extend(
        [
            json!({ "title": " \u{a0}Space around it\n " }),
            json!({ "title": "\u{fc}".repeat(200), "notes": null, "due_at": null }),
            json!({ "title": "x", "notes": "", "due_at": "2030-01-31T12:00:00.1234567+02:00" }),
            json!({ "title": "\u{fc}".repeat(201) }),
            json!({ "title": "two\nlines" }),
            json!({ "title": " " }),
            json!({ "title": 1 }),
            json!({ "title": "x", "notes": "x".repeat(10_001) }),
            json!({ "title": "x", "notes": "a\0b", "due_at": "tomorrow" }),
            json!({ "title": "x", "due_at": "2030-01-31" }),
            json!({ "title": "x", "done": true }),
            json!({}),
        ]
        .map(|body| body.to_string()),
    );
    bodies
}

/// What of an answer has to be the same. Problems in any words, but about the same fields.
fn seen(answer: &Answer) -> Value {
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let mut body = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
    if answer.status().is_success() {
        to_moments(&mut body);
    } else {
        let fields = body["errors"].as_array().into_iter().flatten().map(|error| error["field"].clone());
        let mut fields: Vec<_> = fields.map(|field| field.to_string()).collect();
        fields.sort();
        body = json!({ "title": body["title"], "type": body["type"], "fields": fields });
    }
    json!({
        "status": answer.status().as_u16(),
        "type": header(CONTENT_TYPE).map(|value| value.split(';').next().unwrap_or_default()),
        "etag": header(ETAG),
        "location": header(LOCATION),
        "body": body,
    })
}

/// The first place at which the two are not the same, and what is there.
fn difference(place: &str, ours: &Value, theirs: &Value) -> Option<String> {
    let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
    let here = || Some(format!("{place} is {} and {}", short(ours), short(theirs)));
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            a.iter().find_map(|(name, value)| difference(&format!("{place}/{name}"), value, &b[name]))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(index, (a, b))| difference(&format!("{place}/{index}"), a, b))
        }
        _ if ours == theirs => None,
        _ => here(),
    }
}

/// Writes moments in one form of the several that RFC 3339 has.
fn to_moments(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
                *text = moment.to_utc().to_rfc3339();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(to_moments),
        Value::Object(values) => values.values_mut().for_each(to_moments),
        _ => {}
    }
}

/// Replaces what is different in each new todo by whether it is as it has to be.
fn created(mut seen: Value) -> Value {
    let body = &mut seen["body"];
    let Some(id) = body["id"].as_str().map(str::to_owned) else { return seen };
    let version = id.parse().ok().and_then(|id: uuid::Uuid| id.get_version());
    body["id"] = json!(version.map(|version| format!("{version:?}")));
    for name in ["created_at", "updated_at"] {
        let moment = body[name].as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok());
        let new = moment.is_some_and(|moment| (Utc::now() - moment).abs() < TimeDelta::minutes(1));
        body[name] = json!(if new { "now" } else { "another time" });
    }
    let location = seen["location"].as_str().map(|location| location.replace(&id, "ID"));
    seen["location"] = json!(location);
    seen
}

#[cfg(test)]
mod tests {
    use hyper::Response;

    use super::*;

    fn answer(status: u16, body: &Value) -> Value {
        seen(&Response::builder().status(status).body(body.to_string().into()).unwrap())
    }

    #[test]
    fn the_same_moment_is_the_same_in_any_form_and_another_is_not() {
        let moment = |text: &str| answer(200, &json!({ "items": [{ "due_at": text }] }));
        assert_eq!(moment("2030-01-31T12:00:00.100000+00:00"), moment("2030-01-31T12:00:00.1Z"));
        assert_ne!(moment("2030-01-31T12:00:00Z"), moment("2030-01-31T12:00:01Z"));
    }

    #[test]
    fn problems_are_the_same_if_they_are_about_the_same() {
        let problem = |field: &str, detail: &str| {
            answer(422, &json!({ "type": "t", "errors": [{ "field": field, "detail": detail }] }))
        };
        assert_eq!(problem("title", "is missing"), problem("title", "is required"));
        assert_ne!(problem("title", "is missing"), problem("notes", "is missing"));
        assert_ne!(answer(422, &json!({})), answer(400, &json!({})));
    }

    #[test]
    fn the_first_difference_is_named() {
        let differ = |ours: Value, theirs: Value| difference("", &ours, &theirs);
        let items = |title: &str| json!({ "items": [{ "title": "a" }, { "title": title }] });
        assert_eq!(differ(items("b"), items("b")), None);
        assert_eq!(differ(items("b"), items("c")).as_deref(), Some(r#"/items/1/title is "b" and "c""#));
        assert!(differ(json!({ "a": 1 }), json!({ "a": 1, "b": null })).is_some());
        assert!(differ(json!([1]), json!([1, 2])).is_some());
    }

    #[test]
    fn new_todos_differ_in_nothing_but_their_ids_and_times() {
        let todo = |id: &str, at: DateTime<Utc>, title: &str| {
            created(answer(201, &json!({ "id": id, "title": title, "created_at": at, "updated_at": at })))
        };
        let (one, other) = ("0190a5d0-ac96-774b-bcce-b302099a8057", "0190a5d0-ac97-774b-bcce-b302099a8058");
        let now = Utc::now();
        assert_eq!(todo(one, now, "x"), todo(other, now - TimeDelta::seconds(1), "x"));
        assert_ne!(todo(one, now, "x"), todo(other, now, "y"));
        assert_ne!(todo(one, now, "x"), todo(other, now - TimeDelta::days(1), "x"));
        assert_ne!(todo(one, now, "x"), todo("f47ac10b-58cc-4372-a567-0e02b2c3d479", now, "x"));
    }
}
