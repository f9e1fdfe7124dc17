//! Which call a request makes: path and method, nothing else.

use cellstack_core::EventId;
use lambda_http::http::Method;

use crate::problem::{Kind, Problem};

/// A call of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    PostEvent,
    GetEvent(EventId),
    Totals,
    Route,
    Health,
}

impl Call {
    pub(crate) fn of(method: &Method, path: &str) -> Result<Self, Problem> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let get = |call: Self| {
            if method == Method::GET { Ok(call) } else { Err(Problem::method_not_allowed("GET")) }
        };
        match segments.as_slice() {
            ["v1", "events"] if method == Method::POST => Ok(Self::PostEvent),
            ["v1", "events"] => Err(Problem::method_not_allowed("POST")),
            ["v1", "events", _] if method != Method::GET => Err(Problem::method_not_allowed("GET")),
            ["v1", "events", id] => {
                id.parse().map(Self::GetEvent).map_err(|error| Problem::new(Kind::UnknownEvent, format!("{error}.")))
            }
            ["v1", "totals"] => get(Self::Totals),
            ["v1", "route"] => get(Self::Route),
            ["health"] => get(Self::Health),
            _ => Err(Problem::new(
                Kind::UnknownPath,
                "The paths are POST /v1/events, GET /v1/events/{id}, GET /v1/totals, GET /v1/route and GET /health.",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_its_path_and_its_method() {
        assert_eq!(Call::of(&Method::POST, "/v1/events"), Ok(Call::PostEvent));
        let id = "01930000-0000-7000-8000-000000000001";
        let get = Call::of(&Method::GET, &format!("/v1/events/{id}"));
        assert_eq!(get, Ok(Call::GetEvent(id.parse().unwrap())));
        let kind = |method: Method, path| Call::of(&method, path).unwrap_err().kind;
        assert_eq!(kind(Method::DELETE, "/v1/events"), Kind::MethodNotAllowed);
        assert_eq!(kind(Method::POST, "/v1/events/x"), Kind::MethodNotAllowed);
        assert_eq!(kind(Method::GET, "/v1/events/x"), Kind::UnknownEvent);
        assert_eq!(kind(Method::POST, "/health"), Kind::MethodNotAllowed);
        for path in ["", "/", "/v1", "/v1/events/", "/v1/events/a/b", "//v1/events", "/V1/events"] {
            let kind = kind(Method::GET, path);
            assert!(matches!(kind, Kind::UnknownPath | Kind::UnknownEvent), "{path}: {kind:?}");
        }
    }
}
