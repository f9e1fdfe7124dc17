//! Errors as the services return them.

use std::borrow::Cow;

/// An error of an AWS service: status, code, message.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// Returns an error that is the caller's mistake.
    pub(crate) fn sender(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalFailure", message)
    }

    /// Returns the `SenderFault` of a failed batch entry.
    pub(crate) fn is_sender_fault(&self) -> bool {
        self.status < 500
    }
}
