use super::*;

fn call(method: Method, path: &str) -> Result<Call, Problem> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Call::of(&method, path, &Query::parse(query))
}

#[test]
fn a_call_is_its_path_and_its_method() {
    assert_eq!(call(Method::POST, "/v1/events"), Ok(Call::PostEvent));
    let id = "01930000-0000-7000-8000-000000000001";
    assert_eq!(call(Method::GET, &format!("/v1/events/{id}")), Ok(Call::GetEvent(id.parse().unwrap(), Duration::ZERO)));
    let kind = |method: Method, path| call(method, path).unwrap_err().kind;
    assert_eq!(kind(Method::DELETE, "/v1/events"), Kind::MethodNotAllowed);
    assert_eq!(kind(Method::POST, "/v1/events/x"), Kind::MethodNotAllowed);
    assert_eq!(kind(Method::GET, "/v1/events/x"), Kind::UnknownEvent);
    assert_eq!(kind(Method::POST, "/health"), Kind::MethodNotAllowed);
    for path in ["", "/", "/v1", "/v1/events/", "/v1/events/a/b", "//v1/events", "/V1/events"] {
        let kind = kind(Method::GET, path);
        assert!(matches!(kind, Kind::UnknownPath | Kind::UnknownEvent), "{path}: {kind:?}");
    }
}

#[test]
fn a_listing_is_told_what_to_list() {
    let listing = |query: &str| match call(Method::GET, &format!("/v1/events{query}")) {
        Ok(Call::ListEvents(listing)) => Ok(listing),
        Ok(other) => panic!("{other:?}"),
        Err(problem) => Err(problem.kind),
    };
    let plain = listing("").unwrap();
    assert_eq!(plain, Listing { filter: Filter::default(), limit: 25, cursor: None });
    assert_eq!(listing("?tenantid=acme"), Ok(plain));
    let full = listing("?type=order.placed&status=failed&limit=100").unwrap();
    assert_eq!(full.filter.event_type.unwrap().as_str(), "order.placed");
    assert_eq!(full.filter.status, Some(EventStatus::Failed));
    assert_eq!(full.limit, 100);
    for bad in [
        "?limit=0",
        "?limit=101",
        "?limit=+5",
        "?limit=",
        "?limit=ten",
        "?status=lost",
        "?status=",
        "?type=",
        "?type=a%20b",
        "?cursor=",
        "?cursor=zzz",
        "?limit=1&limit=1",
        "?page=2",
        "?Limit=2",
    ] {
        assert_eq!(listing(bad), Err(Kind::InvalidRequest), "{bad}");
    }
}

fn detail(problem: Problem) -> String {
    let response = problem.into_response("r-1");
    let document: serde_json::Value = serde_json::from_slice(response.body().as_ref()).unwrap();
    document["detail"].as_str().unwrap().to_owned()
}

#[test]
fn a_wait_is_told_in_whole_seconds() {
    let wait = |query: &str| match call(Method::GET, &format!("/v1/events/01930000-0000-7000-8000-000000000001{query}"))
    {
        Ok(Call::GetEvent(_, wait)) => Ok(wait),
        Ok(other) => panic!("{other:?}"),
        Err(problem) => Err((problem.kind, detail(problem))),
    };
    for (query, seconds) in [("", 0), ("?wait=0", 0), ("?wait=5", 5), ("?tenantid=acme&wait=05", 5)] {
        assert_eq!(wait(query), Ok(Duration::from_secs(seconds)), "{query}");
    }
    let expected = "Query parameter wait must be a number of whole seconds from 0 to 5; found";
    for (query, detail) in [
        ("?wait=-1", format!("{expected} '-1'.")),
        ("?wait=+1", format!("{expected} ' 1'.")),
        ("?wait=%2B1", format!("{expected} '+1'.")),
        ("?wait=abc", format!("{expected} 'abc'.")),
        ("?wait=", format!("{expected} ''.")),
        ("?wait=6", format!("{expected} '6'.")),
        ("?wait=1.5", format!("{expected} '1.5'.")),
        ("?wait=99999999999", format!("{expected} '99999999999'.")),
        ("?wait=5&wait=5", "Query parameter wait is given twice.".to_owned()),
        ("?Wait=5", "Query parameter Wait is unknown; there is wait.".to_owned()),
    ] {
        assert_eq!(wait(query), Err((Kind::InvalidRequest, detail)), "{query}");
    }
}

#[test]
fn totals_are_told_how_many_to_show() {
    let totals = |query: &str| match call(Method::GET, &format!("/v1/totals{query}")) {
        Ok(Call::Totals(page)) => Ok(page),
        Ok(other) => panic!("{other:?}"),
        Err(problem) => Err(problem.kind),
    };
    assert_eq!(totals("?tenantid=acme"), Ok(TotalsPage { limit: 100, cursor: None }));
    assert_eq!(totals("?limit=1000"), Ok(TotalsPage { limit: 1_000, cursor: None }));
    for bad in ["?limit=1001", "?limit=0", "?limit=99999999", "?type=a", "?cursor=zzz", "?limit=1&limit=1"] {
        assert_eq!(totals(bad), Err(Kind::InvalidRequest), "{bad}");
    }
}

#[test]
fn a_query_names_one_tenant() {
    let tenant = |query: &'static str| Query::parse(query).tenant().map_err(|problem| problem.kind);
    assert_eq!(tenant("a=b"), Ok(None));
    assert_eq!(tenant("tenantid=a%40b.c"), Ok(Some("a@b.c".parse().unwrap())));
    assert_eq!(tenant("tenantid=a&tenant_id=a"), Ok(Some("a".parse().unwrap())));
    assert_eq!(tenant("tenantid=a&tenant_id=b"), Err(Kind::TenantMismatch));
    assert_eq!(tenant("tenantid=a%20b"), Err(Kind::MissingTenant));
}
