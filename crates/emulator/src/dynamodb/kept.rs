//! Streams on disk, for a stack in a directory: their records, and the position of each mapping.
//!
//! They are stored in the file of the tables. One transaction moves a record there from the engine's own table, so no
//! write loses its record. Positions are written now and then: after a kill, the next process reads some records again.

use std::collections::HashMap;

use dynoxide::Result;
use rusqlite::{Connection, params};

use super::streams::{Change, TRIM_HORIZON_MS};

/// Pages of SQLite's log that are written into the tables at once. The disk is waited for each time, and SQLite's own 1,000 are soon
/// full.
const LOG_PAGES: i64 = 16_384;

const SCHEMA: &str = "
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS _kept_records (
        table_name TEXT NOT NULL, sequence INTEGER NOT NULL, created_ms INTEGER NOT NULL, event_id TEXT NOT NULL,
        event_name TEXT NOT NULL, keys_json TEXT NOT NULL, new_image TEXT, old_image TEXT, by_ttl INTEGER NOT NULL,
        PRIMARY KEY (table_name, sequence)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS _kept_positions (
        table_name TEXT NOT NULL, function TEXT NOT NULL, shard TEXT NOT NULL, sequence INTEGER NOT NULL,
        PRIMARY KEY (table_name, function, shard)
    ) WITHOUT ROWID;";

/// The position of a mapping in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) table: String,
    pub(super) function: String,
    pub(super) shard: String,
    pub(super) sequence: u64,
}

/// A record as it was appended to its stream.
pub(super) struct Kept {
    pub(super) sequence: u64,
    pub(super) created_ms: u64,
    pub(super) event_id: String,
    pub(super) change: Change,
}

/// Prepares the tables' file.
pub(super) fn prepare(connection: &Connection) -> Result<()> {
    connection.execute_batch(SCHEMA)?;
    // The page cache stays at SQLite's own 2 MB: a commit that has balanced a tree looks at every page in it, and the system caches
    // the file.
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    Ok(())
}

pub(super) fn append(connection: &Connection, kept: &Kept) -> Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO _kept_records (table_name, sequence, created_ms, event_id, event_name, keys_json, new_image, \
         old_image, by_ttl) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let Kept { sequence, created_ms, event_id, change } = kept;
    insert.execute(params![
        change.table,
        sequence.cast_signed(),
        created_ms.cast_signed(),
        event_id,
        change.event_name,
        change.keys,
        change.new_image,
        change.old_image,
        change.by_ttl
    ])?;
    Ok(())
}

/// Reads the records of a table's stream, oldest first.
pub(super) fn records(connection: &Connection, table: &str) -> Result<Vec<Kept>> {
    let mut select = connection.prepare(
        "SELECT sequence, created_ms, event_id, event_name, keys_json, new_image, old_image, by_ttl \
         FROM _kept_records WHERE table_name = ?1 ORDER BY sequence",
    )?;
    let rows = select.query_map([table], |row| {
        Ok(Kept {
            sequence: row.get::<_, i64>(0)?.cast_unsigned(),
            created_ms: row.get::<_, i64>(1)?.cast_unsigned(),
            event_id: row.get(2)?,
            change: Change {
                table: table.to_owned(),
                event_name: row.get(3)?,
                keys: row.get(4)?,
                new_image: row.get(5)?,
                old_image: row.get(6)?,
                by_ttl: row.get(7)?,
            },
        })
    })?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

/// Reads a mapping's position in a shard.
pub(super) fn position(connection: &Connection, table: &str, function: &str, shard: &str) -> Result<Option<u64>> {
    let mut select = connection
        .prepare("SELECT sequence FROM _kept_positions WHERE table_name = ?1 AND function = ?2 AND shard = ?3")?;
    let mut rows = select.query([table, function, shard])?;
    Ok(rows.next()?.map(|row| row.get::<_, i64>(0)).transpose()?.map(i64::cast_unsigned))
}

/// Writes the positions of the mappings. Drops the records that all of a table's mappings have passed, and those past
/// the trim horizon. Both happen at once: a dropped record is not read again.
pub(super) fn save(connection: &Connection, positions: &[Position], now: u64) -> Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let mut passed: HashMap<&str, u64> = HashMap::new();
    for Position { table, function, shard, sequence } in positions {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO _kept_positions (table_name, function, shard, sequence) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![table, function, shard, sequence.cast_signed()])?;
        let least = passed.entry(table).or_insert(*sequence);
        *least = (*least).min(*sequence);
    }
    for (table, sequence) in passed {
        transaction
            .prepare_cached("DELETE FROM _kept_records WHERE table_name = ?1 AND sequence <= ?2")?
            .execute(params![table, sequence.cast_signed()])?;
    }
    transaction
        .prepare_cached("DELETE FROM _kept_records WHERE created_ms < ?1")?
        .execute([now.saturating_sub(TRIM_HORIZON_MS).cast_signed()])?;
    transaction.commit()?;
    Ok(())
}

/// Drops the records and positions of a table that is deleted or whose stream ends.
pub(super) fn forget(connection: &Connection, table: &str) -> Result<()> {
    connection.execute("DELETE FROM _kept_records WHERE table_name = ?1", [table])?;
    connection.execute("DELETE FROM _kept_positions WHERE table_name = ?1", [table])?;
    Ok(())
}
