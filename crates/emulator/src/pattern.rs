//! The pattern language of event source mapping filters and SNS filter policies.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax>,
//! <https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html>

use serde_json::{Map, Value};

/// A compiled pattern: every field must match, each by one of its rules.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    fields: Vec<(String, Node)>,
    /// Each `$or`: one of its patterns must match.
    alternatives: Vec<Vec<Pattern>>,
}

#[derive(Debug, Clone)]
enum Node {
    Nested(Pattern),
    Leaf(Vec<Rule>),
}

#[derive(Debug, Clone)]
enum Rule {
    Exact(Value),
    IgnoreCase(String),
    Prefix(String),
    Suffix(String),
    Exists(bool),
    Numeric(Vec<(Comparison, f64)>),
    AnythingBut(Vec<Rule>),
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Pattern {
    /// Compiles JSON text; the error names the part that is not a pattern.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|e| format!("the pattern is not JSON: {e}"))?;
        match value {
            Value::Object(object) => Self::compile(&object),
            _ => Err("the pattern is not a JSON object".into()),
        }
    }

    fn compile(object: &Map<String, Value>) -> Result<Self, String> {
        let (mut fields, mut alternatives) = (Vec::new(), Vec::new());
        for (key, value) in object {
            match value {
                Value::Array(list) if key == "$or" && list.iter().all(Value::is_object) => {
                    let list = list.iter().filter_map(Value::as_object);
                    alternatives.push(list.map(Self::compile).collect::<Result<_, _>>()?);
                }
                Value::Object(nested) => {
                    fields.push((key.clone(), Node::Nested(Self::compile(nested)?)));
                }
                Value::Array(rules) if !rules.is_empty() => {
                    let rules = rules.iter().map(Rule::compile).collect::<Result<_, _>>()?;
                    fields.push((key.clone(), Node::Leaf(rules)));
                }
                _ => return Err(format!("\"{key}\" must be an object or a non-empty array")),
            }
        }
        Ok(Self { fields, alternatives })
    }

    pub(crate) fn matches(&self, value: &Value) -> bool {
        self.matches_option(Some(value))
    }

    fn matches_option(&self, value: Option<&Value>) -> bool {
        if let Some(Value::Array(elements)) = value {
            return elements.iter().any(|e| self.matches_option(Some(e)));
        }
        let field = |key: &str| value.and_then(|v| v.get(key));
        self.fields.iter().all(|(key, node)| match node {
            Node::Nested(pattern) => pattern.matches_option(field(key)),
            Node::Leaf(rules) => rules.iter().any(|rule| rule.matches(field(key))),
        }) && self.alternatives.iter().all(|any| any.iter().any(|pattern| pattern.matches_option(value)))
    }
}

impl Rule {
    fn compile(value: &Value) -> Result<Self, String> {
        let Value::Object(object) = value else {
            return match value {
                Value::Array(_) => Err("a rule cannot be an array".into()),
                scalar => Ok(Self::Exact(scalar.clone())),
            };
        };
        let mut members = object.iter();
        let (Some((operator, operand)), None) = (members.next(), members.next()) else {
            return Err("a rule has exactly one operator".into());
        };
        let text = || operand.as_str().map(str::to_string).ok_or_else(|| format!("\"{operator}\" takes a string"));
        match operator.as_str() {
            "prefix" => Ok(Self::Prefix(text()?)),
            "suffix" => Ok(Self::Suffix(text()?)),
            "equals-ignore-case" => Ok(Self::IgnoreCase(text()?.to_lowercase())),
            "exists" => operand.as_bool().map(Self::Exists).ok_or_else(|| "\"exists\" takes true or false".into()),
            "anything-but" => {
                let rules = match operand {
                    Value::Array(list) if !list.is_empty() => {
                        list.iter().map(Self::compile).collect::<Result<_, _>>()?
                    }
                    Value::Array(_) => return Err("\"anything-but\" takes no empty list".into()),
                    single => vec![Self::compile(single)?],
                };
                Ok(Self::AnythingBut(rules))
            }
            "numeric" => Self::numeric(operand),
            other => Err(format!("unknown operator \"{other}\"")),
        }
    }

    fn numeric(operand: &Value) -> Result<Self, String> {
        let malformed = || "\"numeric\" takes pairs of an operator and a number".to_string();
        let list = operand.as_array().ok_or_else(malformed)?;
        if list.is_empty() || list.len() > 4 || list.len() % 2 == 1 {
            return Err(malformed());
        }
        let pair = |pair: &[Value]| {
            let comparison = match pair[0].as_str() {
                Some("<") => Comparison::Less,
                Some("<=") => Comparison::LessOrEqual,
                Some("=") => Comparison::Equal,
                Some(">=") => Comparison::GreaterOrEqual,
                Some(">") => Comparison::Greater,
                _ => return Err(malformed()),
            };
            Ok((comparison, pair[1].as_f64().ok_or_else(malformed)?))
        };
        Ok(Self::Numeric(list.chunks(2).map(pair).collect::<Result<_, _>>()?))
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match value {
            // Only a leaf exists; an object on the way to one does not.
            None | Some(Value::Object(_)) => matches!(self, Self::Exists(false)),
            Some(Value::Array(elements)) => match self {
                Self::Exists(wanted) => *wanted,
                _ => elements.iter().any(|e| self.matches(Some(e))),
            },
            Some(scalar) => self.matches_scalar(scalar),
        }
    }

    fn matches_scalar(&self, value: &Value) -> bool {
        let text = |f: &dyn Fn(&str) -> bool| value.as_str().is_some_and(f);
        match self {
            Self::Exact(Value::Number(wanted)) => value.as_f64().is_some_and(|n| Some(n) == wanted.as_f64()),
            Self::Exact(wanted) => wanted == value,
            Self::IgnoreCase(wanted) => text(&|s| s.to_lowercase() == *wanted),
            Self::Prefix(prefix) => text(&|s| s.starts_with(prefix.as_str())),
            Self::Suffix(suffix) => text(&|s| s.ends_with(suffix.as_str())),
            Self::Exists(wanted) => *wanted,
            Self::AnythingBut(rules) => !rules.iter().any(|rule| rule.matches_scalar(value)),
            Self::Numeric(all) => value.as_f64().is_some_and(|n| {
                all.iter().all(|(comparison, bound)| match comparison {
                    Comparison::Less => n < *bound,
                    Comparison::LessOrEqual => n <= *bound,
                    Comparison::Equal => (n - *bound).abs() < f64::EPSILON,
                    Comparison::GreaterOrEqual => n >= *bound,
                    Comparison::Greater => n > *bound,
                })
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(pattern: Value, value: Value) -> bool {
        Pattern::parse(&pattern.to_string()).unwrap().matches(&value)
    }

    #[test]
    fn fields_are_joined_by_and_values_by_or() {
        let pattern =
            json!({"eventName": ["INSERT", "MODIFY"], "dynamodb": {"NewImage": {"sk": {"S": [{"prefix": "event#"}]}}}});
        let event = |name: &str, sk: &str| json!({"eventName": name, "dynamodb": {"NewImage": {"sk": {"S": sk}}}});
        assert!(matches(pattern.clone(), event("INSERT", "event#1")));
        assert!(matches(pattern.clone(), event("MODIFY", "event#1")));
        assert!(!matches(pattern.clone(), event("REMOVE", "event#1")));
        assert!(!matches(pattern.clone(), event("INSERT", "total#1")));
        assert!(!matches(pattern, json!({"eventName": "INSERT"})));
    }

    #[test]
    fn operators() {
        let yes_no = [
            (json!([{"suffix": ".png"}]), json!("a.png"), json!("a.jpg")),
            (json!([{"anything-but": ["a", "b"]}]), json!("c"), json!("a")),
            (json!([{"anything-but": {"prefix": "x"}}]), json!("ax"), json!("xa")),
            (json!([{"equals-ignore-case": "ABC"}]), json!("aBc"), json!("ab")),
            (json!([{"numeric": [">", 1, "<=", 5]}]), json!(5), json!(1)),
            (json!([{"numeric": ["=", 3]}]), json!(3.0), json!("3")),
            (json!([null]), json!(null), json!("")),
            (json!([100]), json!(100.0), json!("100")),
            (json!([""]), json!(""), json!(null)),
            (json!([{"exists": true}]), json!(0), json!({"deeper": 1})),
            (json!([{"exists": false}]), json!({"deeper": 1}), json!(0)),
            (json!(["a"]), json!(["x", "a"]), json!(["x"])),
        ];
        for (rule, yes, no) in yes_no {
            assert!(matches(json!({"f": rule}), json!({"f": yes})), "{rule} {yes}");
            assert!(!matches(json!({"f": rule}), json!({"f": no})), "{rule} {no}");
        }
        assert!(matches(json!({"f": [{"exists": false}]}), json!({})));
        assert!(matches(json!({"f": {"g": [{"exists": false}]}}), json!({})));
        assert!(!matches(json!({"f": [{"anything-but": "a"}]}), json!({})));
    }

    #[test]
    fn or_over_several_fields() {
        let pattern = json!({"$or": [{"a": [1]}, {"b": [2]}], "c": [3]});
        assert!(matches(pattern.clone(), json!({"a": 1, "c": 3})));
        assert!(matches(pattern.clone(), json!({"b": 2, "c": 3})));
        assert!(!matches(pattern.clone(), json!({"c": 3})));
        assert!(!matches(pattern, json!({"a": 1, "b": 2})));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for bad in [
            "[]",
            "x",
            r#"{"a":"b"}"#,
            r#"{"a":[]}"#,
            r#"{"a":[{"wild":"x"}]}"#,
            r#"{"a":[["x"]]}"#,
            r#"{"a":[{"numeric":["~",1]}]}"#,
            r#"{"a":[{"numeric":[">"]}]}"#,
            r#"{"a":[{"exists":1}]}"#,
            r#"{"a":[{"prefix":"x","suffix":"y"}]}"#,
        ] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
