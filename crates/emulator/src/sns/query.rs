//! The query protocol: form parameters in, XML out.

use std::collections::HashMap;
use std::fmt::Write;

use bytes::Bytes;

use crate::error::ApiError;
use crate::resource::Resource;
use crate::sqs::{AttributeValue, Attributes};

/// The parameters of a request (`Action`, `TopicArn`, `MessageAttributes.entry.1.Name`, ...).
pub(crate) struct Params(HashMap<String, String>);

impl Params {
    pub(crate) fn parse(body: &Bytes) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| {
            ApiError::sender(
                "InvalidParameter",
                format!("Invalid parameter: {name} Reason: no value for required parameter"),
            )
        })
    }

    /// Returns whether any value is about a resource.
    pub(crate) fn mention(&self, resource: &Resource) -> bool {
        self.0.values().any(|value| resource.is_in(value))
    }

    /// Returns a map parameter: `<prefix>.entry.N.key` and `.value`.
    pub(super) fn map(&self, prefix: &str) -> HashMap<String, String> {
        (1..)
            .map_while(|n| {
                let key = self.get(&format!("{prefix}.entry.{n}.key"))?;
                let value = self.get(&format!("{prefix}.entry.{n}.value")).unwrap_or_default();
                Some((key.to_string(), value.to_string()))
            })
            .collect()
    }

    /// Returns the message attributes under `prefix` (empty, or that of a batch entry with its dot).
    pub(super) fn message_attributes(&self, prefix: &str) -> Attributes {
        (1..)
            .map_while(|n| {
                let at = format!("{prefix}MessageAttributes.entry.{n}.");
                let name = self.get(&format!("{at}Name"))?;
                let value = |member: &str| self.get(&format!("{at}Value.{member}")).map(str::to_string);
                let attribute = AttributeValue {
                    data_type: value("DataType").unwrap_or_default(),
                    string: value("StringValue"),
                    binary: value("BinaryValue"),
                };
                Some((name.to_string(), attribute))
            })
            .collect()
    }
}

/// A builder of responses.
pub(super) struct Xml(String);

impl Xml {
    pub(super) fn new() -> Self {
        Self(String::new())
    }

    pub(super) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        let _ = write!(self.0, "<{name}>");
        escape(&mut self.0, value);
        let _ = write!(self.0, "</{name}>");
        self
    }

    pub(super) fn nest(&mut self, name: &str, inside: impl FnOnce(&mut Xml)) -> &mut Self {
        let _ = write!(self.0, "<{name}>");
        inside(self);
        let _ = write!(self.0, "</{name}>");
        self
    }

    /// Returns the whole response to `action`.
    pub(super) fn response(self, action: &str, request_id: &str) -> String {
        let Self(result) = self;
        format!(
            r#"<{action}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><{action}Result>{result}</{action}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"#
        )
    }
}

/// Returns an error response.
pub(crate) fn error_xml(error: &ApiError, request_id: &str) -> String {
    let mut xml = Xml::new();
    let kind = if error.is_sender_fault() { "Sender" } else { "Receiver" };
    xml.nest("Error", |xml| {
        xml.text("Type", kind).text("Code", &error.code).text("Message", &error.message);
    });
    xml.text("RequestId", request_id);
    format!(r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">{}</ErrorResponse>"#, xml.0)
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            c => out.push(c),
        }
    }
}
