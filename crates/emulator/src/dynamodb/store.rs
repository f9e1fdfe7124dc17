//! The engine behind one lock, its streams and its tokens.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::storage::Storage;
use dynoxide::{DynoxideError, Result};
use serde::Deserialize;

use super::ops;
use super::streams::{Change, Shard, Shards, parse_sequence_number, sequence_number};
use super::tokens::{Seen, Tokened, Tokens};
use crate::context::{Context, lock};

/// What dynoxide writes in every ARN.
const ENGINE_ARN: &str = "arn:aws:dynamodb:dynoxide:000000000000:";
/// Takes the records of the writes just made out of the engine.
const DRAIN: &str = "DELETE FROM _stream_records \
    RETURNING id, table_name, event_name, keys_json, new_image, old_image, user_identity IS NOT NULL";

/// DynamoDB and DynamoDB Streams.
pub(crate) struct DynamoDb {
    context: Arc<Context>,
    arn_prefix: String,
    /// Records a mapping has passed are dropped beyond this many.
    keep_records: usize,
    state: Mutex<State>,
}

struct State {
    storage: Storage,
    vectors: VectorIndexLifecycle,
    tokens: Tokens,
    shards: Shards,
}

impl DynamoDb {
    pub(crate) fn new(context: Arc<Context>, keep_records: usize) -> Result<Self> {
        let storage = Storage::memory()?.with_clock(Arc::new(context.clock));
        Ok(Self {
            arn_prefix: context.arn("dynamodb", ""),
            context,
            keep_records,
            state: Mutex::new(State {
                storage,
                vectors: VectorIndexLifecycle::new(),
                tokens: Tokens::default(),
                shards: Shards::new(),
            }),
        })
    }

    /// Runs one operation; the answer is the JSON body.
    pub(crate) fn call(&self, operation: &str, body: &str) -> Result<String> {
        let mut state = lock(&self.state);
        let answer = match operation {
            "TransactWriteItems" => self.transact(&mut state, body),
            "DescribeStream" => self.describe_stream(&mut state, body),
            "GetShardIterator" => self.get_shard_iterator(&mut state, body),
            "GetRecords" => self.get_records(&mut state, body),
            _ => {
                // Tables whose stream is described under our ARN are asked for under it, too.
                let asks_with_arn = operation.ends_with("Resource");
                let body = if asks_with_arn { &body.replace(&self.arn_prefix, ENGINE_ARN) } else { body };
                ops::run(&state.storage, &state.vectors, operation, body)
            }
        };
        if ops::writes(operation) {
            self.drain(&mut state)?;
        }
        if operation == "DeleteTable" && answer.is_ok() {
            #[derive(Deserialize)]
            struct Deleted {
                #[serde(rename = "TableName")]
                table_name: String,
            }
            let deleted: Deleted = ops::read(body)?;
            if let Some(shard) = state.shards.remove(&deleted.table_name) {
                shard.close();
            }
        }
        if ops::answers_with_arns(operation) {
            return Ok(answer?.replace(ENGINE_ARN, &self.arn_prefix));
        }
        answer
    }

    /// Deletes what has passed its TTL, as AWS does in its own time. Returns how many items went.
    pub(crate) fn sweep_ttl(&self) -> Result<usize> {
        let mut state = lock(&self.state);
        let deleted = ops::ready(dynoxide::ttl::sweep_expired_items(&state.storage))?;
        self.drain(&mut state)?;
        Ok(deleted)
    }

    /// The stream of a table, by the table's name or the stream's ARN.
    pub(crate) fn shard(&self, table: &str) -> Result<Arc<Shard>> {
        let name = table.split('/').nth(1).unwrap_or(table);
        self.shard_of(&mut lock(&self.state), name)
    }

    fn transact(&self, state: &mut State, body: &str) -> Result<String> {
        // A body that does not parse goes to the engine, which says what is wrong with it.
        let request: Tokened<'_> = serde_json::from_str(body).unwrap_or_default();
        request.check_length().map_err(DynoxideError::ValidationException)?;
        let Some(token) = &request.token else {
            return ops::run(&state.storage, &state.vectors, "TransactWriteItems", body);
        };
        let (hash, now) = (request.hash(), self.context.clock.ms());
        match state.tokens.look_up(token, hash, now) {
            Seen::Same(answer) => return Ok(answer.to_string()),
            Seen::Different => {
                return Err(DynoxideError::IdempotentParameterMismatchException(
                    "An error occurred (IdempotentParameterMismatchException)".into(),
                ));
            }
            Seen::Never => {}
        }
        let answer = ops::run(&state.storage, &state.vectors, "TransactWriteItems", body)?;
        state.tokens.remember(token, hash, &answer, now);
        Ok(answer)
    }

    fn drain(&self, state: &mut State) -> Result<()> {
        let mut rows: Vec<(i64, Change)> = {
            let mut statement = state.storage.conn().prepare_cached(DRAIN)?;
            let rows = statement.query_map((), |row| {
                Ok((
                    row.get(0)?,
                    Change {
                        table: row.get(1)?,
                        event_name: row.get(2)?,
                        keys: row.get(3)?,
                        new_image: row.get(4)?,
                        old_image: row.get(5)?,
                        by_ttl: row.get(6)?,
                    },
                ))
            })?;
            rows.collect::<std::result::Result<_, _>>()?
        };
        // RETURNING promises no order.
        rows.sort_unstable_by_key(|(id, _)| *id);
        let now = self.context.clock.ms();
        let mut woken: Vec<Arc<Shard>> = Vec::new();
        for (_, change) in rows {
            if is_no_change(&change) {
                continue;
            }
            let shard = self.shard_of(state, &change.table)?;
            let event_id = format!("{:016x}{:016x}", self.context.random(), self.context.random());
            shard.append(&change, &event_id, now, self.keep_records);
            if !woken.iter().any(|w| Arc::ptr_eq(w, &shard)) {
                woken.push(shard);
            }
        }
        for shard in woken {
            shard.changed.notify_waiters();
        }
        Ok(())
    }

    fn shard_of(&self, state: &mut State, table: &str) -> Result<Arc<Shard>> {
        if let Some(shard) = state.shards.get(table) {
            return Ok(shard.clone());
        }
        let meta = state
            .storage
            .get_table_metadata(table)?
            .filter(|meta| meta.stream_enabled)
            .ok_or_else(|| not_found(table))?;
        let label = meta.stream_label.unwrap_or_default();
        let shard = Arc::new(Shard::new(
            table,
            format!("{}table/{table}/stream/{label}", self.arn_prefix),
            meta.stream_view_type.unwrap_or_else(|| "NEW_AND_OLD_IMAGES".into()),
            self.context.region.clone(),
            self.context.clock.ms(),
        ));
        state.shards.insert(table.to_string(), shard.clone());
        Ok(shard)
    }

    fn describe_stream(&self, state: &mut State, body: &str) -> Result<String> {
        #[derive(Deserialize)]
        struct Request {
            #[serde(rename = "StreamArn")]
            stream_arn: String,
        }
        let request: Request = ops::read(body)?;
        let shard = self.shard_of(state, table_of(&request.stream_arn)?)?;
        shard.expire(self.context.clock.ms());
        let described = ops::ready(dynoxide::actions::describe_stream::execute(&state.storage, ops::read(body)?))?;
        let mut answer = serde_json::to_value(&described).map_err(internal)?;
        let description = &mut answer["StreamDescription"];
        let start = shard.first().unwrap_or_else(|| shard.last() + 1);
        description["Shards"] = serde_json::json!([{
            "ShardId": shard.id(),
            "SequenceNumberRange": { "StartingSequenceNumber": sequence_number(start) },
        }]);
        let schema = state.storage.get_table_metadata(&shard.table)?;
        if let Some(schema) = schema.and_then(|m| serde_json::from_str(&m.key_schema).ok()) {
            let schema: serde_json::Value = schema;
            description["KeySchema"] = schema;
        }
        Ok(answer.to_string())
    }

    fn get_shard_iterator(&self, state: &mut State, body: &str) -> Result<String> {
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
        let shard = self.shard_of(state, table_of(&request.stream_arn)?)?;
        if request.shard_id != shard.id() {
            return Err(not_found(&request.shard_id));
        }
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
        let iterator = STANDARD.encode(format!("{after}|{}", shard.table));
        Ok(serde_json::json!({ "ShardIterator": iterator }).to_string())
    }

    fn get_records(&self, state: &mut State, body: &str) -> Result<String> {
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
        let (after, table) = decoded.split_once('|').ok_or_else(invalid)?;
        let after: u64 = after.parse().map_err(|_| invalid())?;
        let shard = self.shard_of(state, table)?;
        shard.expire(self.context.clock.ms());
        let limit = request.limit.unwrap_or(1000).clamp(1, 1000);
        let records = shard.read(after, limit).unwrap_or_default();
        let next = records.last().map_or(after, |r| r.sequence);
        let records: Vec<_> = records.iter().map(|r| r.api_json()).collect();
        Ok(format!(
            r#"{{"Records":[{}],"NextShardIterator":"{}"}}"#,
            records.join(","),
            STANDARD.encode(format!("{next}|{table}"))
        ))
    }
}

/// A write that leaves an item as it was makes no stream record on AWS; the engine records it.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>: "If you perform a PutItem or
/// UpdateItem operation that does not change any data in an item, DynamoDB Streams does not write a stream record".
fn is_no_change(change: &Change) -> bool {
    let (Some(new), Some(old)) = (&change.new_image, &change.old_image) else {
        return false;
    };
    // The engine writes an item's members in any order: equal length first, then equal content.
    new.len() == old.len() && super::canonical::canonical_hash(new) == super::canonical::canonical_hash(old)
}

fn table_of(stream_arn: &str) -> Result<&str> {
    stream_arn.split('/').nth(1).ok_or_else(|| not_found(stream_arn))
}

fn not_found(what: &str) -> DynoxideError {
    DynoxideError::ResourceNotFoundException(format!("Requested resource not found: Stream: {what} not found"))
}

fn internal(error: impl std::fmt::Display) -> DynoxideError {
    DynoxideError::InternalServerError(error.to_string())
}
