//! The played API server answers as a real one: the same calls to both, and whatever the played one says, a real one
//! says, too. (It says more: defaults, for instance.)
//!
//! What a real cluster said is recorded in `likeness.json`; the chapter `likeness` of `cluster` asks one again, and
//! records it anew if `UPDATE=1`.

mod calls;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::{Value, json};

use crate::support::{
    api_server::{ApiServer, Fate},
    call::Call,
};

const RECORDED: &str = include_str!("likeness.json");

#[test]
fn it_answers_as_a_real_one_did() {
    let recorded: Vec<Value> = serde_json::from_str(RECORDED).unwrap();
    assert_like(&played(), &recorded);
}

/// What the played server says to all calls, one after the other.
pub(crate) fn played() -> Vec<Value> {
    let server = ApiServer::start();
    server.decides(|call| if call.watches() { Fate::Ends } else { Fate::Passes });
    asked(&format!("127.0.0.1:{}", server.port))
}

/// What a server says to all calls, without what is another one each time.
pub(crate) fn asked(address: &str) -> Vec<Value> {
    let mut versions = BTreeMap::new();
    calls::all().into_iter().map(|call| ask(address, call, &mut versions)).collect()
}

#[track_caller]
pub(crate) fn assert_like(played: &[Value], real: &[Value]) {
    let pairs = played.iter().zip(real);
    let found = pairs.filter_map(|(played, real)| {
        let place = unlike(played, real, "")?;
        let (is, wanted) = (played.pointer(&place), real.pointer(&place));
        Some(format!("{}\n  {place} is {is:?} and not {wanted:?}", played["call"]))
    });
    let found: Vec<String> = found.collect();
    assert!(found.is_empty() && played.len() == real.len(), "{}", found.join("\n"));
}

/// Where one says something that the other does not.
fn unlike(played: &Value, real: &Value, at: &str) -> Option<String> {
    match (played, real) {
        (Value::Object(played), Value::Object(_)) => {
            played.iter().find_map(|(name, part)| unlike(part, &real[name], &format!("{at}/{name}")))
        }
        (Value::Array(played), Value::Array(real)) if played.len() == real.len() => {
            let mut pairs = played.iter().zip(real).enumerate();
            pairs.find_map(|(place, (played, real))| unlike(played, real, &format!("{at}/{place}")))
        }
        (Value::Array(played), Value::Null) if played.is_empty() => None,
        _ => (played != real).then(|| at.to_owned()),
    }
}

fn ask(address: &str, mut call: Call, versions: &mut BTreeMap<String, String>) -> Value {
    let place = call.path.split('?').next().unwrap_or_default().to_owned();
    let told = format!("{call} {}", call.document());
    let last = versions.get(&place).cloned().unwrap_or_default();
    call.path = call.path.replace(calls::LAST, &last);
    call.body = String::from_utf8(call.body).unwrap().replace(calls::LAST, &last).into_bytes();
    let (code, answers) = exchange(address, &call);
    if let Some(version) = answers.first().and_then(|answer| answer["metadata"]["resourceVersion"].as_str()) {
        let name = answers[0]["metadata"]["name"].as_str().filter(|_| call.method == "POST");
        let made = name.map_or_else(|| place.clone(), |name| format!("{place}/{name}"));
        versions.insert(made, version.to_owned());
    }
    let answers: Vec<Value> = answers.into_iter().map(lasting).collect();
    json!({ "call": told, "code": code, "answers": answers })
}

/// The code and the documents of an answer.
fn exchange(address: &str, call: &Call) -> (u16, Vec<Value>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&call.to_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked { joined(body) } else { body.to_owned() };
    let documents = serde_json::Deserializer::from_str(&body).into_iter::<Value>();
    (code, documents.map_while(Result::ok).filter(Value::is_object).collect())
}

/// A body without the lengths of its chunks.
fn joined(mut chunks: &str) -> String {
    let mut body = String::new();
    while let Some((length, rest)) = chunks.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        body.push_str(&rest[..length]);
        chunks = rest[length..].trim_start_matches("\r\n");
    }
    body
}

/// A document without what is another one each time, and without words that are for people alone.
fn lasting(mut document: Value) -> Value {
    if document["kind"] == "Status" {
        document["message"] = Value::Null;
        document["details"]["kind"] = Value::Null;
        if document["reason"] == "Invalid" {
            document["details"]["causes"] = Value::Null;
        }
    }
    // How it stands is up to controllers.
    if document["kind"] == "Deployment" {
        document["status"] = Value::Null;
    }
    strip(&mut document);
    document
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(parts) => {
            const EACH: [&str; 4] = ["uid", "resourceVersion", "creationTimestamp", "time"];
            parts.retain(|name, value| !EACH.contains(&name.as_str()) && !value.is_null());
            parts.values_mut().for_each(strip);
            if let Some(Value::Array(entries)) = parts.get_mut("managedFields") {
                entries.retain(|entry| !is_up_to_the_cluster(entry));
                entries.sort_by_key(|entry| entry["manager"].to_string());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Controllers own fields when they get to it, and older clusters do not note who has scaled.
fn is_up_to_the_cluster(entry: &Value) -> bool {
    entry["manager"] == "kube-controller-manager" || !entry["subresource"].is_null()
}
