//! The rules that the response to any request must follow.

use std::collections::BTreeMap;

use cellstack_core::EventId;
use serde::Deserialize;
use serde_json::Value;

use super::case::{Case, Form};

/// The size of a payload, in bytes, above which its event may be too large.
const LARGE: usize = 150_000;

/// A status and the kind of problem, which is empty without a problem.
pub(super) type Outcome = (u16, String);

/// A response in the form that a function URL expects.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FunctionResponse {
    status_code: u16,
    headers: BTreeMap<String, String>,
    body: String,
    is_base64_encoded: bool,
}

/// Returns the outcome of a response, or what is wrong with it.
pub(super) fn oracle(case: &Case, reply: &[u8]) -> Result<Outcome, String> {
    let response: FunctionResponse = serde_json::from_slice(reply).map_err(|error| format!("no response: {error}"))?;
    let (status, shown) = (response.status_code, response.body.as_str());
    let header = |name: &str| response.headers.get(name).map(String::as_str).unwrap_or_default();
    if !(200..500).contains(&status) || response.is_base64_encoded {
        return Err(format!("status {status}: {shown}"));
    }
    if shown.is_empty() && is_head(&case.payload) {
        return Ok((status, String::new()));
    }
    if !shown.ends_with('\n') {
        return Err(format!("status {status} with a body that is not a line: {shown}"));
    }
    let body: Value = serde_json::from_str(shown)
        .map_err(|error| format!("status {status} with a body that is not JSON ({error}): {shown}"))?;
    // AWS gives each request an id, which some of these forms remove.
    if header("x-request-id").is_empty() && !matches!(case.form, Form::Broken | Form::Sample) {
        return Err(format!("status {status} without x-request-id: {shown}"));
    }
    let expected = if status < 400 { "application/json" } else { "application/problem+json" };
    if header("content-type") != expected {
        return Err(format!("status {status} with content type '{}': {shown}", header("content-type")));
    }
    let problem = match status {
        ..400 => String::new(),
        _ => problem(status, &body).ok_or_else(|| format!("status {status} without a problem document: {shown}"))?,
    };
    if let Some(results) = body.get("results") {
        verdicts(case, results).map_err(|what| format!("{what} in the verdicts of status {status}: {shown}"))?;
    }
    if status == 202 {
        let id = body["id"].as_str().unwrap_or_default();
        if id.parse::<EventId>().is_err() || header("location") != format!("/v1/events/{id}") {
            return Err(format!("status 202 without an id and its location: {shown}"));
        }
    }
    let may_be_refused = status == 409 || (status == 413 && case.payload.len() > LARGE);
    let is_taken = if case.form == Form::Batch { matches!(status, 200 | 207) } else { status == 202 };
    if case.valid && !is_taken && !may_be_refused {
        return Err(format!("status {status} for an event with nothing wrong: {shown}"));
    }
    Ok((status, problem))
}

/// Checks the verdicts on a batch.
fn verdicts(case: &Case, results: &Value) -> Result<(), String> {
    for verdict in results.as_array().ok_or("no list")? {
        let status = verdict["status"].as_u64().and_then(|status| u16::try_from(status).ok()).ok_or("no status")?;
        let (event, document) = (&verdict["event"], &verdict["problem"]);
        let is_whole = match status {
            202 => event["id"].as_str().is_some_and(|id| id.parse::<EventId>().is_ok()) && document.is_null(),
            400..500 => problem(status, document).is_some() && event.is_null(),
            _ => false,
        };
        if !is_whole {
            return Err(format!("an incomplete {status}"));
        }
        // Its neighbours may have its name, and it may name another tenant than the batch's.
        if case.valid && !matches!(status, 202 | 403 | 409) {
            return Err(format!("a {status} for an event with nothing wrong"));
        }
    }
    Ok(())
}

/// Returns whether a payload asks for headers only.
fn is_head(payload: &[u8]) -> bool {
    let event: Value = serde_json::from_slice(payload).unwrap_or_default();
    event["requestContext"]["http"]["method"] == "HEAD"
}

/// Returns the kind of a problem document that is complete.
fn problem(status: u16, body: &Value) -> Option<String> {
    let text = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
    let (Some(kind), Some(_), Some(_), Some(_)) = (text("type"), text("title"), text("detail"), text("instance"))
    else {
        return None;
    };
    let kind = kind.strip_prefix("urn:cellstack:problem:")?;
    (body["status"] == status).then(|| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(valid: bool, status: u16, content_type: &str, body: Value) -> Result<Outcome, String> {
        let case = Case { form: Form::Plain, payload: Vec::new(), valid };
        let id = body["id"].as_str().unwrap_or_default();
        let headers =
            json!({ "content-type": content_type, "x-request-id": "1", "location": format!("/v1/events/{id}") });
        let reply =
            json!({ "statusCode": status, "headers": headers, "body": format!("{body}\n"), "isBase64Encoded": false });
        oracle(&case, reply.to_string().as_bytes())
    }

    #[test]
    fn a_response_is_what_every_response_must_be_or_a_finding() {
        let (plain, problem) = ("application/json", "application/problem+json");
        let document = |status: u16| {
            let kind = "urn:cellstack:problem:invalid-event";
            json!({ "type": kind, "title": "t", "status": status, "detail": "d", "instance": "i" })
        };
        let id = json!({ "id": "01930000-0000-7000-8000-000000000001" });
        assert_eq!(checked(true, 202, plain, id.clone()), Ok((202, String::new())));
        assert_eq!(checked(false, 400, problem, document(400)), Ok((400, "invalid-event".to_owned())));
        for (valid, status, content_type, body, expected) in [
            (false, 500, problem, document(500), "status 500"),
            (false, 101, plain, json!({}), "status 101"),
            (true, 400, problem, document(400), "nothing wrong"),
            (false, 400, plain, document(400), "content type"),
            (false, 400, problem, document(404), "without a problem document"),
            (false, 400, problem, json!({ "status": 400 }), "without a problem document"),
            (false, 202, plain, json!({}), "without an id"),
            (false, 202, plain, json!({ "id": "x" }), "without an id"),
        ] {
            let found = checked(valid, status, content_type, body).unwrap_err();
            assert!(found.contains(expected), "expected '{expected}' in {found}");
        }
        let case = Case { form: Form::Plain, payload: Vec::new(), valid: false };
        assert!(oracle(&case, b"{}").unwrap_err().starts_with("no response"));
        let batch = |valid, verdict: Value| checked(valid, 207, plain, json!({ "results": [verdict] }));
        assert!(batch(false, json!({ "status": 202, "event": id })).is_ok());
        assert!(batch(false, json!({ "status": 400, "problem": document(400) })).is_ok());
        for verdict in [
            json!({ "status": 202 }),
            json!({ "status": 202, "event": id, "problem": document(400) }),
            json!({ "status": 400, "problem": document(404) }),
            json!({ "status": 503, "problem": document(503) }),
            json!("accepted"),
        ] {
            assert!(batch(false, verdict.clone()).unwrap_err().contains("in the verdicts"), "{verdict}");
        }
        let bare =
            json!({ "statusCode": 200, "headers": { "x-request-id": "1" }, "body": "", "isBase64Encoded": false });
        assert!(oracle(&case, bare.to_string().as_bytes()).unwrap_err().contains("not a line"));
        let head = Case { payload: br#"{"requestContext":{"http":{"method":"HEAD"}}}"#.to_vec(), ..case };
        assert_eq!(oracle(&head, bare.to_string().as_bytes()), Ok((200, String::new())));
    }
}
