//! The checks that a message passes before a queue takes it.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>

use super::message::{Attributes, Send, size};
use super::queue::Queue;
use crate::error::ApiError;

impl Queue {
    /// Checks a message by itself, before it is looked at together with others.
    pub(super) fn check(&self, send: &Send) -> Result<(), ApiError> {
        if send.body.is_empty() {
            return Err(ApiError::sender("MissingParameter", "The request must contain the parameter MessageBody."));
        }
        let limit = self.attributes.maximum_message_size;
        if size(&send.body, &send.attributes) > limit {
            return Err(ApiError::sender(
                "InvalidParameterValue",
                format!("One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."),
            ));
        }
        check_content(&send.body)?;
        check_attributes(&send.attributes)?;
        let invalid = |message: &str| Err(ApiError::sender("InvalidParameterValue", message));
        if send.delay_seconds.is_some_and(|d| d > 900) {
            return invalid(
                "Value for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
            );
        }
        if self.attributes.fifo {
            if send.delay_seconds.is_some_and(|d| d > 0) {
                return invalid(
                    "Value for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.",
                );
            }
            if send.group.as_deref().is_none_or(str::is_empty) {
                return Err(ApiError::sender(
                    "MissingParameter",
                    "The request must contain the parameter MessageGroupId.",
                ));
            }
            if send.deduplication.is_none() && !self.attributes.content_based_deduplication {
                return invalid(
                    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
                );
            }
        } else if send.deduplication.is_some() {
            return invalid("The request include parameter that is not valid for this queue type");
        }
        Ok(())
    }
}

/// Checks the characters of a body, or of an attribute's string.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_MessageAttributeValue.html>
fn check_content(body: &str) -> Result<(), ApiError> {
    let allowed =
        |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    // Every byte below 0x20 is suspicious, and the two non-characters begin with 0xEF: the usual body takes the fast
    // path.
    let suspicious = body.bytes().any(|b| b < 0x20 || b == 0xEF);
    if suspicious && !body.chars().all(allowed) {
        return Err(ApiError::sender(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        ));
    }
    Ok(())
}

/// Checks the names, types and number of message attributes.
fn check_attributes(attributes: &Attributes) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::sender("InvalidParameterValue", message));
    if attributes.len() > 10 {
        return invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [10].",
            attributes.len()
        ));
    }
    for (name, value) in attributes {
        let base = value.data_type.split('.').next().unwrap_or_default();
        let filled = match base {
            "String" | "Number" => value.string.as_ref().is_some_and(|s| !s.is_empty()),
            "Binary" => value.binary.as_ref().is_some_and(|s| !s.is_empty()),
            _ => {
                return invalid(format!(
                    "The type of message (user) attribute '{name}' is invalid. You must use only the following supported \
                     type prefixes: Binary, Number, String."
                ));
            }
        };
        if !filled {
            return invalid(format!(
                "The message (user) attribute '{name}' must contain a non-empty message attribute value."
            ));
        }
        check_content(value.string.as_deref().unwrap_or_default())?;
        let lower = name.to_ascii_lowercase();
        let well_formed = !name.is_empty()
            && name.len() <= 256
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
            && !name.starts_with('.')
            && !name.ends_with('.')
            && !name.contains("..")
            && !lower.starts_with("aws.")
            && !lower.starts_with("amazon.");
        if !well_formed {
            return invalid(format!("The message (user) attribute name '{name}' is invalid."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_content;

    #[test]
    fn content_is_checked_by_character() {
        assert!(check_content("tab\t newline\n return\r ümlaut 😀 \u{FFFD}").is_ok());
        for bad in ["\u{0}", "\u{8}", "\u{1F}", "x\u{FFFE}", "\u{FFFF}"] {
            assert!(check_content(bad).is_err(), "{bad:?}");
        }
    }
}
