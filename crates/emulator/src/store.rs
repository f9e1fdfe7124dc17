//! Queues, topics and deliveries on disk, for a stack in a directory. Every change is written before its caller gets
//! the response.
//!
//! SQLite runs in WAL mode: a written change survives the end of the process, however it ends. It is not forced to the
//! disk each time, so a machine that loses its power may lose the last moments before that.

use std::path::Path;
use std::sync::Mutex;

use rusqlite::{Connection, Result, params};

use crate::sync::lock;

/// The time that another program (a backup, a shell) may hold the file.
const BUSY: std::time::Duration = std::time::Duration::from_secs(2);
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, definition TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS messages (
        queue TEXT NOT NULL, slot INTEGER NOT NULL, message TEXT NOT NULL, PRIMARY KEY (queue, slot)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY, definition TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS deliveries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, subscription TEXT NOT NULL, message TEXT NOT NULL
    );";

/// The database file.
pub(crate) struct Store(Mutex<Connection>);

/// A delivery that was not over when the stack ended.
pub(crate) struct Delivery {
    pub(crate) id: i64,
    pub(crate) subscription: String,
    pub(crate) message: String,
}

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Reads the queues: name and definition.
    pub(crate) fn queues(&self) -> Result<Vec<(String, String)>> {
        self.pairs("SELECT name, definition FROM queues")
    }

    /// Reads the topics: name and definition.
    pub(crate) fn topics(&self) -> Result<Vec<(String, String)>> {
        self.pairs("SELECT name, definition FROM topics")
    }

    /// Writes the list of queues, and deletes the messages of all others.
    pub(crate) fn write_queues(&self, queues: &[(String, String)]) -> Result<()> {
        self.transaction(|connection| {
            replace(connection, "queues", queues)?;
            connection.execute("DELETE FROM messages WHERE queue NOT IN (SELECT name FROM queues)", ())?;
            Ok(())
        })
    }

    /// Writes the list of topics.
    pub(crate) fn write_topics(&self, topics: &[(String, String)]) -> Result<()> {
        self.transaction(|connection| replace(connection, "topics", topics))
    }

    /// Reads the messages of a queue by their slots, ascending.
    pub(crate) fn messages(&self, queue: &str) -> Result<Vec<(u64, String)>> {
        let connection = lock(&self.0);
        let mut statement =
            connection.prepare_cached("SELECT slot, message FROM messages WHERE queue = ?1 ORDER BY slot")?;
        let rows = statement.query_map([queue], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))?;
        rows.collect()
    }

    /// Writes the messages at these slots of a queue, and deletes those without a message.
    pub(crate) fn write_messages(&self, queue: &str, messages: &[(u64, Option<String>)]) -> Result<()> {
        self.transaction(|connection| {
            for (slot, message) in messages {
                let slot = slot.cast_signed();
                match message {
                    Some(message) => connection
                        .prepare_cached("INSERT OR REPLACE INTO messages (queue, slot, message) VALUES (?1, ?2, ?3)")?
                        .execute(params![queue, slot, message])?,
                    None => connection
                        .prepare_cached("DELETE FROM messages WHERE queue = ?1 AND slot = ?2")?
                        .execute(params![queue, slot])?,
                };
            }
            Ok(())
        })
    }

    /// Reads the unfinished deliveries, oldest first.
    pub(crate) fn deliveries(&self) -> Result<Vec<Delivery>> {
        let connection = lock(&self.0);
        let mut statement = connection.prepare("SELECT id, subscription, message FROM deliveries ORDER BY id")?;
        let delivery =
            |row: &rusqlite::Row<'_>| Ok(Delivery { id: row.get(0)?, subscription: row.get(1)?, message: row.get(2)? });
        statement.query_map((), delivery)?.collect()
    }

    /// Adds a delivery and returns its number.
    pub(crate) fn add_delivery(&self, subscription: &str, message: &str) -> Result<i64> {
        let connection = lock(&self.0);
        connection
            .prepare_cached("INSERT INTO deliveries (subscription, message) VALUES (?1, ?2)")?
            .insert([subscription, message])
    }

    /// Removes finished deliveries.
    pub(crate) fn remove_deliveries(&self, ids: &[i64]) -> Result<()> {
        self.transaction(|connection| {
            for id in ids {
                connection.prepare_cached("DELETE FROM deliveries WHERE id = ?1")?.execute([id])?;
            }
            Ok(())
        })
    }

    fn pairs(&self, sql: &str) -> Result<Vec<(String, String)>> {
        let connection = lock(&self.0);
        let mut statement = connection.prepare(sql)?;
        statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    fn transaction(&self, run: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        let mut connection = lock(&self.0);
        let transaction = connection.transaction()?;
        run(&transaction)?;
        transaction.commit()
    }
}

fn replace(connection: &Connection, table: &str, rows: &[(String, String)]) -> Result<()> {
    connection.execute(&format!("DELETE FROM {table}"), ())?;
    let mut insert = connection.prepare(&format!("INSERT INTO {table} (name, definition) VALUES (?1, ?2)"))?;
    for (name, definition) in rows {
        insert.execute([name, definition])?;
    }
    Ok(())
}
