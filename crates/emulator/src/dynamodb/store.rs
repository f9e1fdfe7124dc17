//! The engine behind one lock, its streams and its tokens.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::storage::Storage;
use dynoxide::{DynoxideError, Result};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;

use super::conflict::{Meeting, meet};
use super::kept::{self, Kept};
use super::keys::{KeyNames, key_names};
use super::ops::{self, PageSizes};
use super::positions::Reader;
use super::streams::{Change, Shard, Stream, Streams};
use super::tokens::{Seen, Tokened, Tokens};
use super::transaction::Locks;
use crate::context::Context;
use crate::sync::lock;

/// The prefix of every ARN that dynoxide writes.
const ENGINE_ARN: &str = "arn:aws:dynamodb:dynoxide:000000000000:";
/// The statements that take the records of the latest writes out of the engine. One with RETURNING would make and drop a
/// table of its own for each write.
const READ_RECORDS: &str = "SELECT table_name, event_name, keys_json, new_image, old_image, user_identity IS NOT NULL \
    FROM _stream_records ORDER BY id";
const DROP_RECORDS: &str = "DELETE FROM _stream_records";
/// The number of prepared statements that are kept: the engine has a few for each table. SQLite's binding keeps 16.
const STATEMENTS: usize = 512;

/// The DynamoDB and DynamoDB Streams services.
pub(crate) struct DynamoDb {
    pub(super) context: Arc<Context>,
    arn_prefix: String,
    /// The number of records beyond which those that all mappings have passed are dropped.
    keep_records: usize,
    /// True if the stack is kept on disk, and its streams with it.
    pub(super) is_kept: bool,
    pub(super) readers: Mutex<Vec<Reader>>,
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    pub(super) storage: Storage,
    pub(super) key_names: KeyNames,
    pub(super) locks: Locks,
    vectors: VectorIndexLifecycle,
    sizes: PageSizes,
    pub(super) tokens: Tokens,
    pub(super) streams: Streams,
}

impl State {
    /// Returns whether a token came before within its time, with any request.
    pub(super) fn is_remembered(&mut self, token: &str, request: &Tokened<'_>, now: u64) -> bool {
        !matches!(self.tokens.look_up(token, request.hash(), now), Seen::Never)
    }
}

/// The status and body of an error.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl From<DynoxideError> for Refusal {
    fn from(error: DynoxideError) -> Self {
        Self { status: error.status_code(), body: error.to_json() }
    }
}

/// Tables as a file that SQLite keeps in memory. In its own `:memory:`, a commit that has balanced a tree looks at every page: the
/// pages swap their numbers through the one behind the first GiB, and all behind the last one are looked for. At 100,000 items
/// that takes a third of the time.
const FILE_IN_MEMORY: &str = "file:tables?vfs=memdb";
/// The bytes of such a file, at most (<https://sqlite.org/compile.html#memdb_default_maxsize>).
pub(crate) const MAX_FILE_IN_MEMORY: u64 = 1 << 30;
/// Bytes of a page where more is held: there are a quarter as many as of SQLite's own, so to look at each costs little. Writes are
/// still some 5 % slower than in the file.
const LARGE_PAGE: u32 = 16_384;

impl DynamoDb {
    /// Opens the tables in a file, or in memory, where they may come to `max_bytes`.
    pub(crate) fn open(
        context: Arc<Context>,
        keep_records: usize,
        file: Option<&Path>,
        max_bytes: u64,
    ) -> Result<Self> {
        let storage = match file {
            Some(file) => Storage::new(&file.to_string_lossy())?,
            None if max_bytes <= MAX_FILE_IN_MEMORY => Storage::new(FILE_IN_MEMORY)?,
            None => in_large_pages()?,
        };
        let storage = storage.with_clock(Arc::new(context.clock));
        storage.conn().set_prepared_statement_cache_capacity(STATEMENTS);
        if file.is_some() {
            kept::prepare(storage.conn())?;
        }
        let opened = Self {
            arn_prefix: context.arn("dynamodb", ""),
            context,
            keep_records,
            is_kept: file.is_some(),
            readers: Mutex::default(),
            state: Mutex::new(State {
                storage,
                key_names: KeyNames::default(),
                locks: Locks::default(),
                vectors: VectorIndexLifecycle::new(),
                sizes: PageSizes::default(),
                tokens: Tokens::default(),
                streams: Streams::new(),
            }),
        };
        if file.is_some() {
            // A process that was killed may have left records where the engine puts them.
            opened.drain(&mut lock(&opened.state))?;
        }
        Ok(opened)
    }

    /// Runs one operation and returns the JSON body of the response. A transaction takes its time, all else none.
    pub(crate) async fn call(&self, operation: &str, body: &str) -> std::result::Result<String, Refusal> {
        if operation == "TransactWriteItems"
            && let Some(time) = self.context.disorder.transaction_time()
        {
            return self.transact_for(body, time).await;
        }
        let mut state = lock(&self.state);
        if state.locks.is_empty() {
            return self.run_now(&mut state, operation, body);
        }
        match meet(&mut state, operation, body) {
            Meeting::Clear => self.run_now(&mut state, operation, body),
            Meeting::Refused(status, body) => Err(Refusal { status, body }),
            Meeting::InPart(request, name, unprocessed) => {
                let rest = request.to_string();
                let response =
                    if is_empty(&request) { "{}".into() } else { self.run_now(&mut state, operation, &rest)? };
                Ok(with_unprocessed(&response, name, unprocessed))
            }
        }
    }

    /// Runs the given part of a batch, and returns the rest as unprocessed.
    pub(crate) async fn call_in_part(
        &self,
        operation: &str,
        request: &Value,
        name: &'static str,
        unprocessed: Value,
    ) -> std::result::Result<String, Refusal> {
        let response = if is_empty(request) { "{}".into() } else { self.call(operation, &request.to_string()).await? };
        Ok(with_unprocessed(&response, name, unprocessed))
    }

    /// Runs one operation at once, without looking at locks.
    pub(super) fn run_now(
        &self,
        state: &mut State,
        operation: &str,
        body: &str,
    ) -> std::result::Result<String, Refusal> {
        if !ops::is_known(operation) {
            return Err(Refusal { status: 400, body: crate::refusal::unknown_dynamodb(operation) });
        }
        self.run(state, operation, body).map_err(Refusal::from)
    }

    fn run(&self, state: &mut State, operation: &str, body: &str) -> Result<String> {
        let response = match operation {
            "TransactWriteItems" => self.transact(state, body),
            "DescribeStream" => self.describe_stream(state, body),
            "GetShardIterator" => self.get_shard_iterator(state, body),
            "GetRecords" => self.get_records(state, body),
            _ => {
                // A table whose stream is described under our ARN is asked for under our ARN, too.
                let asks_with_arn = operation.ends_with("Resource");
                let body = if asks_with_arn { &body.replace(&self.arn_prefix, ENGINE_ARN) } else { body };
                ops::run(&state.storage, &state.vectors, &mut state.sizes, operation, body)
            }
        };
        if ops::writes(operation) {
            self.drain(state)?;
        }
        // Deleting a table, or switching its stream, ends the stream it had.
        let ends_stream =
            operation == "DeleteTable" || (operation == "UpdateTable" && body.contains("\"StreamSpecification\""));
        if ends_stream && response.is_ok() {
            #[derive(Deserialize)]
            struct Table {
                #[serde(rename = "TableName")]
                name: String,
            }
            let table: Table = ops::read(body)?;
            state.key_names.forget(&table.name);
            state.sizes.forget(&table.name);
            if self.is_kept {
                kept::forget(state.storage.conn(), &table.name)?;
            }
            if let Some(stream) = state.streams.remove(&table.name) {
                stream.close();
            }
        }
        if ops::returns_arns(operation) {
            return Ok(response?.replace(ENGINE_ARN, &self.arn_prefix));
        }
        response
    }

    /// Deletes the items whose TTL has passed, as AWS does in its own time. Returns the number of items deleted.
    pub(crate) fn sweep_ttl(&self) -> Result<usize> {
        let mut state = lock(&self.state);
        let deleted = ops::ready(dynoxide::ttl::sweep_expired_items(&state.storage))?;
        self.drain(&mut state)?;
        Ok(deleted)
    }

    /// Returns the stream of a table, by the table's name or the stream's ARN.
    pub(crate) fn stream(&self, table: &str) -> Result<Arc<Stream>> {
        let name = table.split('/').nth(1).unwrap_or(table);
        self.stream_of(&mut lock(&self.state), name)
    }

    fn transact(&self, state: &mut State, body: &str) -> Result<String> {
        // A body that does not parse goes to the engine, which says what is wrong with it.
        let request: Tokened<'_> = serde_json::from_str(body).unwrap_or_default();
        request.check_length().map_err(DynoxideError::ValidationException)?;
        let Some(token) = &request.token else {
            return ops::run(&state.storage, &state.vectors, &mut state.sizes, "TransactWriteItems", body);
        };
        let (hash, now) = (request.hash(), self.context.clock.ms());
        match state.tokens.look_up(token, hash, now) {
            Seen::Same(response) => return Ok(response.to_string()),
            Seen::Different => {
                return Err(DynoxideError::IdempotentParameterMismatchException(
                    "An error occurred (IdempotentParameterMismatchException)".into(),
                ));
            }
            Seen::Never => {}
        }
        let response = ops::run(&state.storage, &state.vectors, &mut state.sizes, "TransactWriteItems", body)?;
        state.tokens.remember(token, hash, &response, now);
        Ok(response)
    }

    fn drain(&self, state: &mut State) -> Result<()> {
        if !self.is_kept {
            return self.drain_into_streams(state);
        }
        // A record leaves the engine and is kept in one transaction.
        state.storage.begin_transaction()?;
        match self.drain_into_streams(state) {
            Ok(()) => state.storage.commit(),
            Err(error) => {
                // Fails only where SQLite has rolled back by itself. After it, the streams get the same records again.
                let _ = state.storage.rollback();
                Err(error)
            }
        }
    }

    fn drain_into_streams(&self, state: &mut State) -> Result<()> {
        let changes = take_records(state.storage.conn())?;
        let now = self.context.clock.ms();
        let mut woken: Vec<Arc<Shard>> = Vec::new();
        for change in changes {
            if is_no_change(&change) {
                continue;
            }
            let stream = self.stream_of(state, &change.table)?;
            let shard = stream.shard_for(&change.keys);
            let event_id = format!("{:016x}{:016x}", self.context.random(), self.context.random());
            let sequence = shard.append(&change, &event_id, now, self.keep_records);
            if !woken.iter().any(|w| Arc::ptr_eq(w, shard)) {
                woken.push(shard.clone());
            }
            if self.is_kept {
                kept::append(state.storage.conn(), &Kept { sequence, created_ms: now, event_id, change })?;
            }
        }
        for shard in woken {
            shard.changed.notify_waiters();
        }
        Ok(())
    }

    pub(super) fn stream_of(&self, state: &mut State, table: &str) -> Result<Arc<Stream>> {
        if let Some(stream) = state.streams.get(table) {
            return Ok(stream.clone());
        }
        let meta = state
            .storage
            .get_table_metadata(table)?
            .filter(|meta| meta.stream_enabled)
            .ok_or_else(|| not_found(table))?;
        let label = meta.stream_label.unwrap_or_default();
        let partition_key = key_names(state, table)?.and_then(|names| names.first()).cloned().unwrap_or_default();
        let stream = Arc::new(Stream::new(
            table,
            &format!("{}table/{table}/stream/{label}", self.arn_prefix),
            &meta.stream_view_type.unwrap_or_else(|| "NEW_AND_OLD_IMAGES".into()),
            &self.context.region,
            partition_key,
            self.context.disorder.settings.stream_shards,
            self.context.clock.ms(),
        ));
        if self.is_kept {
            for Kept { sequence, created_ms, event_id, change } in kept::records(state.storage.conn(), table)? {
                stream.shard_for(&change.keys).append_at(sequence, &change, &event_id, created_ms);
                stream.continue_after(sequence);
            }
        }
        state.streams.insert(table.to_string(), stream.clone());
        Ok(stream)
    }
}

/// Takes the records of the latest writes out of the engine, in their order.
fn take_records(engine: &Connection) -> Result<Vec<Change>> {
    let mut statement = engine.prepare_cached(READ_RECORDS)?;
    let rows = statement.query_map((), |row| {
        Ok(Change {
            table: row.get(0)?,
            event_name: row.get(1)?,
            keys: row.get(2)?,
            new_image: row.get(3)?,
            old_image: row.get(4)?,
            by_ttl: row.get(5)?,
        })
    })?;
    let changes: Vec<Change> = rows.collect::<std::result::Result<_, _>>()?;
    if !changes.is_empty() {
        engine.prepare_cached(DROP_RECORDS)?.execute(())?;
    }
    Ok(changes)
}

/// Opens tables in memory that have large pages. The engine has no setting for them, so a connection that shares its memory goes
/// before it.
fn in_large_pages() -> Result<Storage> {
    /// Stacks of one process do not share their tables.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("file:tables-{}?mode=memory&cache=shared", NEXT.fetch_add(1, Ordering::Relaxed));
    let first = Connection::open(&name)?;
    first.pragma_update(None, "page_size", LARGE_PAGE)?;
    // The first table settles the size.
    first.execute_batch("CREATE TABLE first (id); DROP TABLE first")?;
    Storage::new(&name)
}

/// Returns whether nothing is left of a batch.
fn is_empty(batch: &Value) -> bool {
    batch["RequestItems"].as_object().is_none_or(serde_json::Map::is_empty)
}

/// Adds unprocessed entries to those that the response to part of a batch names already.
fn with_unprocessed(response: &str, name: &str, unprocessed: Value) -> String {
    let mut response: Value = serde_json::from_str(response).unwrap_or_default();
    let Value::Object(more) = unprocessed else { return response.to_string() };
    for (table, entries) in more {
        let known = &mut response[name][table];
        match (known.as_array_mut(), entries) {
            (Some(known), Value::Array(entries)) => known.extend(entries),
            (_, entries) => *known = entries,
        }
    }
    response.to_string()
}

/// Returns whether a write left an item as it was. AWS makes no stream record of it; the engine does.
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

pub(super) fn not_found(what: &str) -> DynoxideError {
    DynoxideError::ResourceNotFoundException(format!("Requested resource not found: Stream: {what} not found"))
}
