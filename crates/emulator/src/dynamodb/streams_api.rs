//! Operations of DynamoDB Streams, over our own records.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB_Streams.html>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dynoxide::{DynoxideError, Result};
use serde::Deserialize;

use super::ops;
use super::store::{DynamoDb, State, not_found};
use super::streams::{parse_sequence_number, sequence_number};

impl DynamoDb {
    pub(super) fn describe_stream(&self, state: &mut State, body: &str) -> Result<String> {
        #[derive(Deserialize)]
        struct Request {
            #[serde(rename = "StreamArn")]
            stream_arn: String,
            #[serde(rename = "Limit", default)]
            limit: Option<usize>,
            #[serde(rename = "ExclusiveStartShardId", default)]
            after: Option<String>,
        }
        let request: Request = ops::read(body)?;
        let stream = self.stream_of(state, table_of(&request.stream_arn)?)?;
        let described = ops::ready(dynoxide::actions::describe_stream::execute(&state.storage, ops::read(body)?))?;
        let mut response = serde_json::to_value(&described).map_err(internal)?;
        let description = &mut response["StreamDescription"];
        let limit = request.limit.unwrap_or(100).clamp(1, 100);
        let rest: Vec<_> =
            stream.shards.iter().filter(|s| request.after.as_ref().is_none_or(|id| s.id() > *id)).collect();
        let now = self.context.clock.ms();
        let shards = rest.iter().take(limit).map(|shard| {
            shard.expire(now);
            let start = shard.first().unwrap_or_else(|| shard.last() + 1);
            serde_json::json!({
                "ShardId": shard.id(),
                "SequenceNumberRange": { "StartingSequenceNumber": sequence_number(start) },
            })
        });
        description["Shards"] = shards.collect();
        if rest.len() > limit {
            description["LastEvaluatedShardId"] = rest[limit - 1].id().into();
        }
        let schema = state.storage.get_table_metadata(&stream.table)?;
        if let Some(schema) = schema.and_then(|m| serde_json::from_str(&m.key_schema).ok()) {
            let schema: serde_json::Value = schema;
            description["KeySchema"] = schema;
        }
        Ok(response.to_string())
    }

    pub(super) fn get_shard_iterator(&self, state: &mut State, body: &str) -> Result<String> {
        #[derive(Deserialize)]
        struct Request {
            #[serde(rename = "StreamArn")]
            stream_arn: String,
            #[serde(rename = "ShardId")]
            shard_id: String,
            #[serde(rename = "ShardIteratorType")]
            kind: String,
            #[serde(rename = "SequenceNumber", default)]
            sequence_number: Option<String>,
        }
        let request: Request = ops::read(body)?;
        let stream = self.stream_of(state, table_of(&request.stream_arn)?)?;
        let found = stream.shards.iter().enumerate().find(|(_, shard)| shard.id() == request.shard_id);
        let (number, shard) = found.ok_or_else(|| not_found(&request.shard_id))?;
        let named = || {
            let text = request.sequence_number.as_deref().unwrap_or_default();
            parse_sequence_number(text)
                .ok_or_else(|| DynoxideError::ValidationException("Invalid SequenceNumber".into()))
        };
        let after = match request.kind.as_str() {
            "TRIM_HORIZON" => 0,
            "LATEST" => shard.last(),
            "AT_SEQUENCE_NUMBER" => named()?.saturating_sub(1),
            "AFTER_SEQUENCE_NUMBER" => named()?,
            other => {
                return Err(DynoxideError::ValidationException(format!(
                    "1 validation error detected: Value '{other}' at 'shardIteratorType' failed to satisfy constraint: \
                     Member must satisfy enum value set: \
                     [AFTER_SEQUENCE_NUMBER, LATEST, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
                )));
            }
        };
        let iterator = STANDARD.encode(format!("{after}|{number}|{}", shard.table));
        Ok(serde_json::json!({ "ShardIterator": iterator }).to_string())
    }

    pub(super) fn get_records(&self, state: &mut State, body: &str) -> Result<String> {
        #[derive(Deserialize)]
        struct Request {
            #[serde(rename = "ShardIterator")]
            iterator: String,
            #[serde(rename = "Limit", default)]
            limit: Option<usize>,
        }
        let request: Request = ops::read(body)?;
        let invalid = || DynoxideError::ValidationException("Invalid ShardIterator".into());
        let decoded = STANDARD.decode(&request.iterator).map_err(|_| invalid())?;
        let decoded = String::from_utf8(decoded).map_err(|_| invalid())?;
        let mut parts = decoded.splitn(3, '|');
        let mut part = || parts.next().ok_or_else(invalid);
        let (after, number, table) = (part()?, part()?, part()?);
        let after: u64 = after.parse().map_err(|_| invalid())?;
        let stream = self.stream_of(state, table)?;
        let shard = number.parse().ok().and_then(|number: usize| stream.shards.get(number)).ok_or_else(invalid)?;
        shard.expire(self.context.clock.ms());
        let limit = request.limit.unwrap_or(1000).clamp(1, 1000);
        let records = shard.read(after, limit).unwrap_or_default();
        let next = records.last().map_or(after, |r| r.sequence);
        let records: Vec<_> = records.iter().map(|r| r.api_json()).collect();
        Ok(format!(
            r#"{{"Records":[{}],"NextShardIterator":"{}"}}"#,
            records.join(","),
            STANDARD.encode(format!("{next}|{number}|{table}"))
        ))
    }
}

fn table_of(stream_arn: &str) -> Result<&str> {
    stream_arn.split('/').nth(1).ok_or_else(|| not_found(stream_arn))
}

fn internal(error: impl std::fmt::Display) -> DynoxideError {
    DynoxideError::InternalServerError(error.to_string())
}
