//! HTTP, and nothing else: the function URL's form of a request and a response, the operations of the API, problem
//! documents and cursors.

pub(crate) mod cursor;
pub(crate) mod function_url;
pub(crate) mod operation;
pub(crate) mod problem;
pub(crate) mod response;
