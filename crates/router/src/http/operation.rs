//! The operation that a request asks for, by its method, path and query alone.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use cellstack_core::limits::{LIST_DEFAULT, LIST_MAX, TOTALS_DEFAULT, TOTALS_MAX, WAIT_MAX};
use cellstack_core::text::excerpt;
use cellstack_core::{EventId, EventStatus, TenantId};
use lambda_http::http::Method;

use crate::cell::Filter;
use crate::http::cursor::Cursor;
use crate::http::problem::{Kind, Problem};

/// An operation of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    PostEvent,
    ListEvents(Listing),
    /// An event, and the longest time to wait until it is done.
    GetEvent(EventId, Duration),
    Totals(TotalsPage),
    Route,
    Health,
}

/// The filter, limit and cursor of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) filter: Filter,
    pub(crate) limit: u8,
    pub(crate) cursor: Option<Cursor>,
}

/// The limit and cursor of a page of totals.
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
                let id = id.parse().map_err(|error| Problem::new(Kind::UnknownEvent, format!("{error}.")))?;
                query.wait().map(|wait| Self::GetEvent(id, wait))
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

    /// Reads the tenant that a request without a body names.
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
        self.read("there are type, status, limit and cursor", |name, value| {
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
        self.read("there are limit and cursor", |name, value| {
            match name {
                "limit" => page.limit = limit(value, TOTALS_MAX)?,
                "cursor" => page.cursor = Some(cursor(value)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(page)
    }

    fn wait(&self) -> Result<Duration, Problem> {
        let mut wait = Duration::ZERO;
        self.read("there is wait", |name, value| {
            if name == "wait" {
                wait = seconds(value)?;
            }
            Ok(name == "wait")
        })?;
        Ok(wait)
    }

    /// Hands each parameter to `take`, which returns whether it knows the parameter. `known` lists the known ones.
    fn read(&self, known: &str, mut take: impl FnMut(&str, &str) -> Result<bool, Problem>) -> Result<(), Problem> {
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in self.0.iter().filter(|(name, _)| !is_tenant(name)) {
            if seen.contains(&&**name) {
                return Err(invalid(format!("Query parameter {} is given twice.", excerpt(name))));
            }
            seen.push(name);
            if !take(name, value)? {
                return Err(invalid(format!("Query parameter {} is unknown; {known}.", excerpt(name))));
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
        invalid(format!("Query parameter status must be one of {names}; found '{}'.", excerpt(text)))
    })
}

fn limit<N: FromStr + PartialOrd + From<u8> + Display>(text: &str, most: N) -> Result<N, Problem> {
    // `parse` accepts a sign, too.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = text.parse().ok().filter(|limit: &N| digits && *limit >= N::from(1) && *limit <= most);
    limit.ok_or_else(|| {
        invalid(format!("Query parameter limit must be a number from 1 to {most}; found '{}'.", excerpt(text)))
    })
}

fn seconds(text: &str) -> Result<Duration, Problem> {
    // `parse` accepts a sign, too.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|seconds| digits && *seconds <= WAIT_MAX);
    seconds.map(|seconds: u8| Duration::from_secs(seconds.into())).ok_or_else(|| {
        invalid(format!(
            "Query parameter wait must be a number of whole seconds from 0 to {WAIT_MAX}; found '{}'.",
            excerpt(text)
        ))
    })
}

fn cursor(text: &str) -> Result<Cursor, Problem> {
    Cursor::decode(text)
        .ok_or_else(|| invalid("Query parameter cursor must be the cursor of the page before; found another text."))
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::InvalidRequest, detail)
}

#[cfg(test)]
mod tests;
