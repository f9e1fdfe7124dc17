use cellstack_core::SystemClock;
use lambda_http::http::{HeaderName, HeaderValue};

use super::*;

pub(super) type Headers<'a> = [(&'static str, &'a str)];

pub(super) fn take(headers: &Headers<'_>, body: impl AsRef<[u8]>) -> Result<Ingested, Problem> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    read(&map, body.as_ref(), &SystemClock::new())
}

fn refused(headers: &Headers<'_>, body: impl AsRef<[u8]>) -> (Kind, String) {
    let problem = take(headers, body).unwrap_err();
    let detail = String::from_utf8(problem.clone().into_response("r").into_body().to_vec()).unwrap();
    (problem.kind, detail)
}

pub(super) const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json; charset=utf-8");

#[test]
fn plain_keeps_data_as_it_came() {
    let ingest =
        take(&[], r#"{"type":"order.placed","data": {"amount": 42.10,"x":[1, 2]} ,"tenantid":"acme"}"#).unwrap();
    assert_eq!(ingest.event.event_type.as_str(), "order.placed");
    assert_eq!(ingest.event.data.as_deref(), Some(r#"{"amount": 42.10,"x":[1, 2]}"#));
    assert_eq!(ingest.event.context, None);
    assert_eq!(ingest.claimed.unwrap().as_str(), "acme");
    // The content type of `curl -d`.
    assert!(take(&[("content-type", "application/x-www-form-urlencoded")], r#"{"type":"t"}"#).is_ok());
}

#[test]
fn structured_and_binary_give_the_same_event() {
    let structured = take(
        &[STRUCTURED],
        r#"{"specversion":"1.0","id":"o-1","source":"/shop","type":"order.placed","subject":"é",
            "time":"2026-01-01T00:00:00+01:00","tenantid":"acme","data":{"amount":1}}"#,
    )
    .unwrap();
    let binary = take(
        &[
            ("content-type", "application/json"),
            ("ce-specversion", "1.0"),
            ("ce-id", "o-1"),
            ("ce-source", "/shop"),
            ("ce-type", "order.placed"),
            ("ce-subject", "%C3%A9"),
            ("ce-time", "2026-01-01T00:00:00+01:00"),
            ("ce-tenantid", "acme"),
        ],
        r#"{"amount":1}"#,
    )
    .unwrap();
    assert_eq!(structured.event, binary.event);
    assert_eq!(structured.claimed, binary.claimed);
    let whole = |number: &str| {
        let event = format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","ext":{number}}}"#);
        take(&[STRUCTURED], event).unwrap().event.context
    };
    assert_eq!(whole("-17.0"), whole("-17"));
    let context: serde_json::Value = serde_json::from_str(structured.event.context.as_deref().unwrap()).unwrap();
    assert_eq!(context["originid"], "o-1");
    assert_eq!(context["subject"], "é");
}

/// C5: HTTP binding 1.0.2, section 3.1.1.
#[test]
fn the_content_type_of_a_binary_event_is_that_of_its_data() {
    const BINARY: [(&str, &str); 4] = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "s"), ("ce-type", "t")];
    let context = |headers: &Headers<'_>, body: &str| -> serde_json::Value {
        let event = take(headers, body).unwrap().event;
        serde_json::from_str(event.context.as_deref().unwrap()).unwrap()
    };
    let binary = |content_type: Option<&'static str>| {
        let headers: Vec<_> = BINARY.into_iter().chain(content_type.map(|value| ("content-type", value))).collect();
        context(&headers, "{}")["datacontenttype"].clone()
    };
    assert_eq!(binary(Some("application/vnd.shop+json; v=1")), "application/vnd.shop+json; v=1");
    let structured = |member: &str| {
        let event = format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t"{member},"data":{{}}}}"#);
        context(&[STRUCTURED], &event)["datacontenttype"].clone()
    };
    // Each spelling of JSON's default type becomes the default.
    for found in [
        binary(None),
        binary(Some("application/json")),
        binary(Some("Application/JSON; charset=UTF-8")),
        structured(""),
        structured(r#","datacontenttype":null"#),
        structured(r#","datacontenttype":"application/json;charset=\"utf-8\"""#),
    ] {
        assert_eq!(found, "application/json");
    }
    assert_eq!(structured(r#","datacontenttype":"application/json; v=1""#), "application/json; v=1");

    let twice: Vec<_> = BINARY.into_iter().chain([("ce-datacontenttype", "application/json")]).collect();
    let (kind, detail) = refused(&twice, "{}");
    assert_eq!(kind, Kind::InvalidEvent);
    assert!(detail.contains("Header ce-datacontenttype"), "{detail}");
}

/// C5: HTTP binding 1.0.2, section 3.1.3.2.
#[test]
fn a_header_is_unquoted_and_then_decoded_once() {
    let subject = |value: &str| {
        let headers =
            [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "s"), ("ce-type", "t"), ("ce-subject", value)];
        let context = take(&headers, "{}").ok()?.event.context?;
        let context: serde_json::Value = serde_json::from_str(&context).unwrap();
        context["subject"].as_str().map(ToOwned::to_owned)
    };
    for (value, expected) in [
        ("Euro%20%E2%82%AC%20%f0%9f%98%80", "Euro € 😀"),
        (r#""Euro %E2%82%AC""#, "Euro €"),
        (r#""a \"quoted\" \\ b""#, r#"a "quoted" \ b"#),
        (r#"a "b c" d"#, "a b c d"),
        (r"a\b", r"a\b"),
        ("%2541", "%41"),
        (r#""%22""#, "\""),
        ("plain text", "plain text"),
    ] {
        assert_eq!(subject(value).as_deref(), Some(expected), "{value}");
    }
    for bad in [r#""open"#, r#""a\"#, r#"a""#, "%C0%A0", r#""%C3""#, "\"\""] {
        assert_eq!(subject(bad), None, "{bad}");
    }
}

/// C10: two ids, and both survive.
#[test]
fn a_cloudevent_keeps_its_own_id_under_an_idempotency_key() {
    let origin = |key: Option<&str>, id: &str| {
        let event = format!(r#"{{"specversion":"1.0","id":"{id}","source":"/shop","type":"t"}}"#);
        let mut headers = vec![STRUCTURED];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let event = take(&headers, event).unwrap().event;
        let context: serde_json::Value = serde_json::from_str(event.context.as_deref().unwrap()).unwrap();
        (event.id.to_string(), context["originid"].as_str().map(ToOwned::to_owned))
    };
    let (v7, other) = ("01930000-0000-7000-8000-000000000001", "01930000-0000-7000-8000-000000000002");
    assert_eq!(origin(None, v7), (v7.to_owned(), None));
    assert_eq!(origin(None, "o-1").1.as_deref(), Some("o-1"));
    assert_eq!(origin(Some("key"), "o-1").1.as_deref(), Some("o-1"));
    assert_eq!(origin(Some("key"), v7).1.as_deref(), Some(v7));
    assert_eq!(origin(Some(other), v7), (other.to_owned(), Some(v7.to_owned())));
    assert_eq!(origin(Some(v7), v7), (v7.to_owned(), None));
}

#[test]
fn an_event_goes_by_the_name_its_caller_gave() {
    let v7 = "01930000-0000-7000-8000-000000000001";
    let body = r#"{"type":"t"}"#;
    assert_eq!(take(&[("idempotency-key", v7)], body).unwrap().event.id.to_string(), v7);
    let id = |key| take(&[("idempotency-key", key)], body).unwrap().event.id;
    assert_eq!(id("order-1"), id("\"order-1\""));
    assert_ne!(id("order-1"), id("order-2"));
    assert_ne!(take(&[], body).unwrap().event.id, take(&[], body).unwrap().event.id);
    for bad in ["", "\"\"", "é", "a\tb", &"x".repeat(256)] {
        assert_eq!(refused(&[("idempotency-key", bad)], body).0, Kind::InvalidRequest, "{bad}");
    }
}

#[test]
fn bad_input_is_told_what_was_expected() {
    let cases: &[(&Headers<'_>, &[u8], &str)] = &[
        (&[], b"", "The body is empty; expected a JSON object"),
        (&[], b"  \n", "The body is empty"),
        (&[], b"{not json", "must be one JSON object"),
        (&[], b"[1]", "expected a JSON object"),
        (&[], b"{\"type\":\"t\"} trailing", "trailing"),
        (&[], b"{\"type\":\"\xff\"}", "must be UTF-8; byte 9 is not"),
        (&[], b"{\"data\":{}}", "Member type is missing"),
        (&[], b"{\"type\":1}", "Member type must be a string; found 1"),
        (&[], b"{\"type\":\"a b\"}", "Member type: an event type must be 1 to 128"),
        (&[], b"{\"type\":\"a\",\"type\":\"b\"}", "`type` is given twice"),
        (&[], b"{\"type\":\"a\",\"amount\":1}", "Member amount is unknown"),
        (&[STRUCTURED], b"{\"specversion\":\"1.0\"}", "Attribute id is missing"),
        (
            &[STRUCTURED],
            b"{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}",
            "specversion must be 1.0",
        ),
        (&[STRUCTURED], b"{\"cell\":\"x\"}", "Attribute cell is set by Cellstack"),
        (&[STRUCTURED], b"{\"Bad_Name\":\"x\"}", "not a CloudEvents name"),
        (&[STRUCTURED], b"{\"data_base64\":\"eA==\"}", "data_base64 is not taken"),
        (&[STRUCTURED], b"{\"ext\":{}}", "Attribute ext must be a string"),
        (&[STRUCTURED], b"{\"ext\":2147483648}", "Attribute ext must be an integer of 32 bits; found 2147483648"),
        (&[STRUCTURED], b"{\"ext\":1.5}", "Attribute ext must be an integer"),
        (&[STRUCTURED], b"{\"ext\":\"a\\u0000\"}", "Attribute ext must be without control characters"),
        (&[STRUCTURED], b"{\"ext\":\"\\ud800\"}", "must be a string"),
        (
            &[STRUCTURED],
            b"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"subject\":\"\"}",
            "subject must be a string and not empty",
        ),
        (
            &[STRUCTURED],
            b"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"time\":\"noon\"}",
            "time must be RFC 3339",
        ),
        (&[("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "s"), ("ce-type", "t")], b"{", "data must be JSON"),
        (&[("ce-id", "1")], b"{\"type\":\"t\"}", "Attribute specversion is missing"),
        (&[("ce-data", "1")], b"{}", "No attribute may be called data"),
        (&[("ce-subject", "\u{e9}")], b"", "Header ce-subject must be UTF-8, percent-encoded"),
        (&[("ce-subject", "%C3")], b"", "Header ce-subject must be UTF-8, percent-encoded"),
        (&[("ce-subject", "100%")], b"", "Header ce-subject must be UTF-8, percent-encoded"),
        (&[("ce-subject", "%+1")], b"", "Header ce-subject must be UTF-8, percent-encoded"),
        (&[("ce-subject", "a%00")], b"", "Attribute subject must be without control characters"),
        (&[("ce-tenantid", "a"), ("ce-tenantid", "a")], b"", "Header ce-tenantid is given twice"),
        (&[("ce-id", "a"), ("ce-id", "a")], b"", "Attribute id is given twice"),
    ];
    for (headers, body, expected) in cases {
        let (kind, detail) = refused(headers, body);
        assert_eq!(kind, Kind::InvalidEvent, "{detail}");
        assert!(detail.replace("\\\"", "\"").contains(expected), "expected '{expected}' in {detail}");
    }
    assert_eq!(refused(&[], br#"{"type":"t","tenantid":"a b"}"#).0, Kind::MissingTenant);
    assert_eq!(refused(&[], br#"{"type":"t","tenantid":"a","tenant_id":"b"}"#).0, Kind::TenantMismatch);
    for media in ["image/png", "application/cloudevents+avro"] {
        assert_eq!(refused(&[("content-type", media)], "{}").0, Kind::UnsupportedMediaType);
    }
}

#[test]
fn a_batch_is_read_event_by_event() {
    let batch = |headers: &Headers<'_>, body: &str| {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        assert!(is_batch(&map));
        read_batch(&map, body.as_bytes(), &SystemClock::new())
    };
    const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+json; charset=utf-8");
    let event = |id: usize| format!(r#"{{"specversion":"1.0","id":"{id}","source":"/shop","type":"t","data":{id}}}"#);
    let read = batch(&[BATCH], &format!(r#"[{}, {{"id":"1"}}, 7, {}]"#, event(1), event(2))).unwrap();
    let read: Vec<_> = read.into_iter().map(|event| event.map_err(|problem| problem.kind)).collect();
    let alone = |id| take(&[STRUCTURED], event(id)).unwrap().event;
    assert_eq!(read.len(), 4);
    assert_eq!((&read[0].as_ref().unwrap().event, &read[3].as_ref().unwrap().event), (&alone(1), &alone(2)));
    assert_eq!([&read[1], &read[2]].map(|event| *event.as_ref().unwrap_err()), [Kind::InvalidEvent; 2]);
    assert!(read[0].as_ref().unwrap().named);
    assert_eq!(batch(&[BATCH], " [] ").unwrap().len(), 0);

    // As deep as a single event, and no deeper.
    let deep = |levels: usize| {
        let data = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        format!(r#"[{{"specversion":"1.0","id":"1","source":"s","type":"t","data":{data}}}]"#)
    };
    assert!(batch(&[BATCH], &deep(63)).unwrap()[0].is_ok());
    let kind = |headers: &Headers<'_>, body: &str| batch(headers, body).unwrap_err().kind;
    assert_eq!(kind(&[BATCH], &deep(64)), Kind::InvalidEvent);
    let many = |events: usize| format!("[{}]", vec![event(1); events].join(","));
    assert_eq!(batch(&[BATCH], &many(100)).unwrap().len(), 100);
    assert_eq!(kind(&[BATCH], &many(101)), Kind::TooLarge);
    for body in ["", "{}", "[", "[1,]", &event(1)] {
        assert_eq!(kind(&[BATCH], body), Kind::InvalidEvent, "{body}");
    }
    assert_eq!(kind(&[BATCH, ("idempotency-key", "k")], "[]"), Kind::InvalidRequest);
    assert_eq!(kind(&[("content-type", "application/cloudevents-batch+avro")], "[]"), Kind::UnsupportedMediaType);
    assert_eq!(kind(&[BATCH], &"x".repeat(MAX_BODY + 1)), Kind::TooLarge);
}

#[test]
fn a_body_over_the_cap_is_refused_and_one_at_the_cap_is_not() {
    let body = |len: usize| {
        let frame = r#"{"type":"t","data":""}"#.len();
        format!(r#"{{"type":"t","data":"{}"}}"#, "x".repeat(len - frame))
    };
    let tenant: TenantId = "acme".parse().unwrap();
    let largest = take(&[], body(MAX_BODY)).unwrap();
    assert_eq!(check_size(&tenant, &largest.event), Ok(()));
    assert_eq!(refused(&[], body(MAX_BODY + 1)).0, Kind::TooLarge);
    // Each U+FFFF doubles when it is escaped for the queue: small enough to send, too large to publish.
    let grown = take(&[], format!(r#"{{"type":"t","data":"{}"}}"#, "\u{ffff}".repeat(60_000))).unwrap();
    assert_eq!(check_size(&tenant, &grown.event).unwrap_err().kind, Kind::TooLarge);
}
