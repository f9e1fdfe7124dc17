//! Stream records of a table, newest last in each of its shards.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::Notify;

use super::canonical::canonical_hash;
use crate::sync::lock;

/// The time that a record is kept.
pub(super) const TRIM_HORIZON_MS: u64 = 24 * 60 * 60 * 1000;
/// The approximate bytes of a record besides its text.
const RECORD_BYTES: usize = 100;
/// The number that makes a counter a sequence number of the 21 digits DynamoDB writes: their order as text is their
/// order as numbers.
const SEQUENCE_OFFSET: u128 = 100_000_000_000_000_000_000;

/// A change of one item.
#[derive(Debug)]
pub(crate) struct Record {
    /// Position in the shard.
    pub(crate) sequence: u64,
    pub(crate) created_ms: u64,
    /// Equal for records of the same item: a parallelization factor splits by it.
    pub(crate) key_hash: u64,
    /// The record as GetRecords and Lambda write it, up to where Lambda adds `eventSourceARN`; not closed.
    open_json: String,
}

impl Record {
    pub(crate) fn sequence_number(&self) -> String {
        sequence_number(self.sequence)
    }

    /// Returns the record as `GetRecords` does.
    pub(crate) fn api_json(&self) -> String {
        // The API spells the members of userIdentity in capitals, Lambda does not.
        let json = self.open_json.replacen(
            r#""userIdentity":{"type":"Service","principalId""#,
            r#""userIdentity":{"Type":"Service","PrincipalId""#,
            1,
        );
        format!("{json}}}")
    }

    /// Returns the record as Lambda passes it to a function.
    pub(crate) fn lambda_json(&self, stream_arn: &str) -> String {
        format!(r#"{},"eventSourceARN":"{stream_arn}"}}"#, self.open_json)
    }
}

pub(crate) fn sequence_number(sequence: u64) -> String {
    (SEQUENCE_OFFSET + u128::from(sequence)).to_string()
}

pub(crate) fn parse_sequence_number(text: &str) -> Option<u64> {
    text.parse::<u128>().ok()?.checked_sub(SEQUENCE_OFFSET)?.try_into().ok()
}

/// A change as dynoxide recorded it.
pub(super) struct Change {
    pub(super) table: String,
    pub(super) event_name: String,
    pub(super) keys: String,
    pub(super) new_image: Option<String>,
    pub(super) old_image: Option<String>,
    pub(super) by_ttl: bool,
}

/// The stream of one table.
pub(crate) struct Stream {
    pub(crate) table: Arc<str>,
    partition_key: String,
    /// The shards, at least one, ordered by their ids.
    pub(crate) shards: Vec<Arc<Shard>>,
}

impl Stream {
    pub(super) fn new(
        table: &str,
        arn: &str,
        view_type: &str,
        region: &str,
        partition_key: String,
        shards: usize,
        now: u64,
    ) -> Self {
        // Grows with time, so that a table made again under the same name does not reissue numbers.
        let last = Arc::new(AtomicU64::new(now * 1000));
        let table: Arc<str> = table.into();
        let shard = |number| Shard {
            number,
            table: table.clone(),
            stream_arn: arn.into(),
            view_type: view_type.into(),
            region: region.into(),
            last: last.clone(),
            log: Mutex::default(),
            changed: Notify::new(),
        };
        let shards = (0..shards.max(1)).map(|number| Arc::new(shard(number))).collect();
        Self { table, partition_key, shards }
    }

    /// Continues after this sequence number at least.
    pub(super) fn continue_after(&self, sequence: u64) {
        self.shards[0].last.fetch_max(sequence, Ordering::AcqRel);
    }

    /// Returns the shard of a change. All items with the same partition key share one, which keeps their order.
    pub(super) fn shard_for(&self, keys: &str) -> &Arc<Shard> {
        if let [only] = &*self.shards {
            return only;
        }
        let keys: serde_json::Value = serde_json::from_str(keys).unwrap_or_default();
        let hash = canonical_hash(&keys[&self.partition_key].to_string());
        &self.shards[(hash % self.shards.len() as u64) as usize]
    }

    /// Returns the sequence number of the newest record.
    pub(crate) fn last(&self) -> u64 {
        self.shards[0].last()
    }

    pub(super) fn close(&self) {
        for shard in &self.shards {
            shard.close();
        }
    }
}

/// A shard of a table's stream.
pub(crate) struct Shard {
    number: usize,
    pub(crate) table: Arc<str>,
    pub(crate) stream_arn: Arc<str>,
    view_type: String,
    region: String,
    /// The sequence number of the stream's newest record, or the number that the next one continues after. The stream's
    /// shards share it, so that no number comes twice.
    last: Arc<AtomicU64>,
    log: Mutex<Log>,
    /// Notifies readers of new records, and of the end of the table.
    pub(crate) changed: Notify,
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard").field("stream_arn", &self.stream_arn).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Log {
    records: VecDeque<Arc<Record>>,
    closed: bool,
    bytes: usize,
    /// The position of each mapping; those of dropped mappings go.
    readers: Vec<Weak<AtomicU64>>,
}

impl Shard {
    pub(crate) fn id(&self) -> String {
        // AWS: shardId-<20 digits>-<8 hex digits>.
        let time = 1_763_600_000_000 + self.number;
        format!("shardId-{time:020}-{:08x}", canonical_hash(&self.stream_arn) as u32)
    }

    /// Appends under the lock of the store, so that the order here is the order of the writes. Returns the sequence
    /// number.
    pub(super) fn append(&self, change: &Change, event_id: &str, now: u64, keep: usize) -> u64 {
        let sequence = self.last.fetch_add(1, Ordering::AcqRel) + 1;
        self.append_at(sequence, change, event_id, now);
        lock(&self.log).trim(now, keep);
        sequence
    }

    /// Appends a record that has its sequence number already.
    pub(super) fn append_at(&self, sequence: u64, change: &Change, event_id: &str, now: u64) {
        let mut log = lock(&self.log);
        let size = change.keys.len()
            + change.new_image.as_ref().map_or(0, String::len)
            + change.old_image.as_ref().map_or(0, String::len);
        let mut json = String::with_capacity(size + 400);
        json.push_str(r#"{"eventID":""#);
        json.push_str(event_id);
        json.push_str(r#"","eventName":""#);
        json.push_str(&change.event_name);
        json.push_str(r#"","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":""#);
        json.push_str(&self.region);
        json.push_str(r#"","dynamodb":{"ApproximateCreationDateTime":"#);
        json.push_str(&(now / 1000).to_string());
        json.push_str(r#","Keys":"#);
        json.push_str(&change.keys);
        for (name, image) in [("NewImage", &change.new_image), ("OldImage", &change.old_image)] {
            if let Some(image) = image {
                json.push_str(",\"");
                json.push_str(name);
                json.push_str("\":");
                json.push_str(image);
            }
        }
        json.push_str(r#","SequenceNumber":""#);
        json.push_str(&sequence_number(sequence));
        json.push_str(r#"","SizeBytes":"#);
        json.push_str(&size.to_string());
        json.push_str(r#","StreamViewType":""#);
        json.push_str(&self.view_type);
        json.push_str("\"}");
        if change.by_ttl {
            json.push_str(r#","userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"}"#);
        }
        log.bytes += json.len() + RECORD_BYTES;
        log.records.push_back(Arc::new(Record {
            sequence,
            created_ms: now,
            key_hash: canonical_hash(&change.keys),
            open_json: json,
        }));
    }

    /// Returns up to `limit` records after `after`; `None` once the table is gone and everything has been read.
    pub(crate) fn read(&self, after: u64, limit: usize) -> Option<Vec<Arc<Record>>> {
        let log = lock(&self.log);
        let start = log.records.partition_point(|r| r.sequence <= after);
        let found: Vec<_> = log.records.iter().skip(start).take(limit).cloned().collect();
        (!found.is_empty() || !log.closed).then_some(found)
    }

    /// Returns the number of records after `position`.
    pub(crate) fn after(&self, position: u64) -> u64 {
        let log = lock(&self.log);
        (log.records.len() - log.records.partition_point(|r| r.sequence <= position)) as u64
    }

    /// Returns the sequence number of the stream's newest record.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    pub(crate) fn first(&self) -> Option<u64> {
        lock(&self.log).records.front().map(|r| r.sequence)
    }

    /// Drops the records past the trim horizon.
    pub(crate) fn expire(&self, now: u64) {
        self.trim(now, usize::MAX);
    }

    /// Drops the records past the trim horizon, and beyond `keep` records those that all mappings have passed.
    pub(super) fn trim(&self, now: u64, keep: usize) {
        lock(&self.log).trim(now, keep);
    }

    /// Returns the approximate size of its records in bytes.
    pub(super) fn bytes(&self) -> usize {
        lock(&self.log).bytes
    }

    /// Registers a reader and returns its position. The reader stores its progress there, which frees the records up to
    /// it.
    pub(crate) fn add_reader(&self, at: u64) -> Arc<AtomicU64> {
        let position = Arc::new(AtomicU64::new(at));
        lock(&self.log).readers.push(Arc::downgrade(&position));
        position
    }

    fn close(&self) {
        lock(&self.log).closed = true;
        self.changed.notify_waiters();
    }
}

impl Log {
    fn trim(&mut self, now: u64, keep: usize) {
        let horizon = now.saturating_sub(TRIM_HORIZON_MS);
        while self.records.front().is_some_and(|r| r.created_ms < horizon) {
            self.drop_oldest();
        }
        if self.records.len() <= keep {
            return;
        }
        self.readers.retain(|reader| reader.strong_count() > 0);
        let passed = self.readers.iter().filter_map(Weak::upgrade).map(|reader| reader.load(Ordering::Acquire)).min();
        // Without a reader, nothing has been passed.
        let Some(passed) = passed else { return };
        while self.records.len() > keep && self.records.front().is_some_and(|r| r.sequence <= passed) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(record) = self.records.pop_front() {
            self.bytes = self.bytes.saturating_sub(record.open_json.len() + RECORD_BYTES);
        }
    }
}

/// The streams of all tables, by table name.
pub(super) type Streams = HashMap<String, Arc<Stream>>;
