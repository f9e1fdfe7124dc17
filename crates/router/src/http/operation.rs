//! Which call a request makes: method, path and query, nothing else.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use cellstack_core::limits::{LIST_DEFAULT, LIST_MAX, TOTALS_DEFAULT, TOTALS_MAX};
use cellstack_core::{EventId, EventStatus, TenantId};
use lambda_http::http::Method;

use crate::cell::Filter;
use crate::http::cursor::Cursor;
use crate::http::problem::{Kind, Problem};

/// A call of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    PostEvent,
    ListEvents(Listing),
    GetEvent(EventId),
    Totals(TotalsPage),
    Route,
    Health,
}

/// What a listing asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) filter: Filter,
    pub(crate) limit: u8,
    pub(crate) cursor: Option<Cursor>,
}

/// Which totals are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TotalsPage {
    pub(crate) limit: u16,
    pub(crate) cursor: Option<Cursor>,
}

impl Operation {
    pub(crate) fn of(method: &Method, path: &str, query: &Query<'_>) -> Result<Self, Problem> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let get = |call: Self| {
            if method == Method::GET { Ok(call) } else { Err(Problem::method_not_allowed("GET, HEAD")) }
        };
        match segments.as_slice() {
            ["v1", "events"] if method == Method::POST => Ok(Self::PostEvent),
            ["v1", "events"] if method == Method::GET => query.listing().map(Self::ListEvents),
            ["v1", "events"] => Err(Problem::method_not_allowed("GET, HEAD, POST")),
            ["v1", "events", _] if method != Method::GET => Err(Problem::method_not_allowed("GET, HEAD")),
            ["v1", "events", id] => {
                id.parse().map(Self::GetEvent).map_err(|error| Problem::new(Kind::UnknownEvent, format!("{error}.")))
            }
            ["v1", "totals"] if method == Method::GET => query.totals().map(Self::Totals),
            ["v1", "totals"] => Err(Problem::method_not_allowed("GET, HEAD")),
            ["v1", "route"] => get(Self::Route),
            ["health"] => get(Self::Health),
            _ => Err(Problem::new(
                Kind::UnknownPath,
                "The paths are POST and GET /v1/events, GET /v1/events/{id}, GET /v1/totals, GET /v1/route and GET \
                 /health.",
            )),
        }
    }
}

/// A query string, decoded.
#[derive(Debug, Default)]
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).collect())
    }

    /// The tenant that a request without a body names.
    pub(crate) fn tenant(&self) -> Result<Option<TenantId>, Problem> {
        let mut found = None;
        for (name, value) in self.0.iter().filter(|(name, _)| is_tenant(name)) {
            let tenant: TenantId = value
                .parse()
                .map_err(|error| Problem::new(Kind::MissingTenant, format!("Query parameter {name}: {error}.")))?;
            if found.as_ref().is_some_and(|first| *first != tenant) {
                return Err(Problem::new(Kind::TenantMismatch, "The query names two tenants. Name one."));
            }
            found = Some(tenant);
        }
        Ok(found)
    }

    fn listing(&self) -> Result<Listing, Problem> {
        let mut listing = Listing { filter: Filter::default(), limit: LIST_DEFAULT, cursor: None };
        self.read("type, status, limit and cursor", |name, value| {
            match name {
                "type" => {
                    let event_type =
                        value.parse().map_err(|error| invalid(format!("Query parameter type: {error}.")))?;
                    listing.filter.event_type = Some(event_type);
                }
                "status" => listing.filter.status = Some(status(value)?),
                "limit" => listing.limit = limit(value, LIST_MAX)?,
                "cursor" => listing.cursor = Some(cursor(value)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(listing)
    }

    fn totals(&self) -> Result<TotalsPage, Problem> {
        let mut page = TotalsPage { limit: TOTALS_DEFAULT, cursor: None };
        self.read("limit and cursor", |name, value| {
            match name {
                "limit" => page.limit = limit(value, TOTALS_MAX)?,
                "cursor" => page.cursor = Some(cursor(value)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(page)
    }

    /// Hands each parameter to `take`, which says whether it knows it; `known` names those that it does.
    fn read(&self, known: &str, mut take: impl FnMut(&str, &str) -> Result<bool, Problem>) -> Result<(), Problem> {
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in self.0.iter().filter(|(name, _)| !is_tenant(name)) {
            if seen.contains(&&**name) {
                return Err(invalid(format!("Query parameter {} is given twice.", shorten(name))));
            }
            seen.push(name);
            if !take(name, value)? {
                return Err(invalid(format!("Query parameter {} is unknown; there are {known}.", shorten(name))));
            }
        }
        Ok(())
    }
}

fn is_tenant(name: &str) -> bool {
    matches!(name, "tenantid" | "tenant_id")
}

fn status(text: &str) -> Result<EventStatus, Problem> {
    let all =
        [EventStatus::Accepted, EventStatus::Held, EventStatus::Processed, EventStatus::Failed, EventStatus::Carried];
    all.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
        let names = all.map(EventStatus::as_str).join(", ");
        invalid(format!("Query parameter status must be one of {names}; found '{}'.", shorten(text)))
    })
}

fn limit<N: FromStr + PartialOrd + From<u8> + Display>(text: &str, most: N) -> Result<N, Problem> {
    // `parse` takes a sign, too.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = text.parse().ok().filter(|limit: &N| digits && *limit >= N::from(1) && *limit <= most);
    limit.ok_or_else(|| {
        invalid(format!("Query parameter limit must be a number from 1 to {most}; found '{}'.", shorten(text)))
    })
}

fn cursor(text: &str) -> Result<Cursor, Problem> {
    Cursor::decode(text)
        .ok_or_else(|| invalid("Query parameter cursor must be the cursor of the page before; found another text."))
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::InvalidRequest, detail)
}

/// The beginning of a caller's text on one line.
fn shorten(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: Method, path: &str) -> Result<Operation, Problem> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Operation::of(&method, path, &Query::parse(query))
    }

    #[test]
    fn a_call_is_its_path_and_its_method() {
        assert_eq!(call(Method::POST, "/v1/events"), Ok(Operation::PostEvent));
        let id = "01930000-0000-7000-8000-000000000001";
        assert_eq!(call(Method::GET, &format!("/v1/events/{id}")), Ok(Operation::GetEvent(id.parse().unwrap())));
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
            Ok(Operation::ListEvents(listing)) => Ok(listing),
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

    #[test]
    fn totals_are_told_how_many_to_show() {
        let totals = |query: &str| match call(Method::GET, &format!("/v1/totals{query}")) {
            Ok(Operation::Totals(page)) => Ok(page),
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
}
