//! The settings of a stack.

use super::{Aws, Inner};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::clock::Clock;
use crate::context::Context;
use crate::disorder;
use crate::dynamodb::DynamoDb;
use crate::network::Network;
use crate::sns::Sns;
use crate::sqs::Sqs;
use crate::store::Store;

/// The settings of a stack.
#[derive(Debug, Clone)]
pub struct Builder {
    pub(super) region: String,
    pub(super) account: String,
    pub(super) seed: u64,
    pub(super) keep_records: usize,
    pub(super) max_bytes: u64,
    pub(super) wall: Option<SystemTime>,
    pub(super) directory: Option<PathBuf>,
    pub(super) network: Option<Arc<dyn Network>>,
    pub(super) disorder: disorder::Settings,
}

impl Builder {
    /// Sets the region in ARNs, events and URLs. The default is `us-east-1`.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        self.region = region.into();
        self
    }

    /// Sets the account id in ARNs and URLs. The default is `000000000000`.
    #[must_use]
    pub fn account(mut self, account: &str) -> Self {
        self.account = account.into();
        self
    }

    /// Sets the seed of message ids and of faults with a probability. The default is 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the number of stream records to keep per table after all its mappings have passed them. The default is
    /// 10,000. Records that a mapping still has to read are kept for 24 hours in any case, and so are all records of a
    /// stream without mappings.
    #[must_use]
    pub fn keep_stream_records(mut self, records: usize) -> Self {
        self.keep_records = records;
        self
    }

    /// Sets the bytes that tables in memory may come to. The default is 1 GiB, and a write that goes beyond fails. With more,
    /// there is no bound, and some writes take the longer the more is there.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the time that the wall clock shows when the stack is built. The default is the real time.
    #[must_use]
    pub fn wall(mut self, wall: SystemTime) -> Self {
        self.wall = Some(wall);
        self
    }

    /// Keeps the stack in an existing directory: tables, unread stream records, topics, and queues with their messages.
    /// A stack built over the directory has everything that was acknowledged with success, however the process ended.
    /// Work that was under way comes again, and so do the stream records read in the last moments. Deduplication ids,
    /// request tokens, message move tasks and faults are forgotten. The default is a stack in memory.
    #[must_use]
    pub fn directory(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }

    /// Sets the network that the SDK's calls travel over. By default a call takes no time.
    #[must_use]
    pub fn network(mut self, network: Arc<dyn Network>) -> Self {
        self.network = Some(network);
        self
    }

    /// Sets the time that a `TransactWriteItems` is in flight, drawn from the seed. By default it takes no time.
    /// Meanwhile its items are locked, those of its condition checks included: any other write of them is refused with
    /// a conflict. The transaction is decided at its commit. A caller that goes away in flight leaves no lock, and the
    /// transaction may commit or not.
    #[must_use]
    pub fn transaction_time(mut self, time: RangeInclusive<Duration>) -> Self {
        self.disorder.transaction_time = time;
        self
    }

    /// Sets whether a queue hands out any of its visible messages, drawn from the seed, instead of the oldest. The
    /// default is the oldest. A FIFO queue keeps the order within each group, and draws the group.
    #[must_use]
    pub fn shuffle_queues(mut self, shuffle: bool) -> Self {
        self.disorder.shuffle_queues = shuffle;
        self
    }

    /// Sets the number of shards per stream, at least one. The default is one. Order is kept within a partition key
    /// only.
    #[must_use]
    pub fn stream_shards(mut self, shards: usize) -> Self {
        self.disorder.stream_shards = shards.max(1);
        self
    }

    /// Builds the stack, empty unless a directory holds one. The clock starts now: under paused time, build it inside
    /// the runtime.
    ///
    /// # Panics
    /// If SQLite cannot open a database in memory, or the directory cannot be read; [`Self::open`] returns the error
    /// instead.
    #[allow(clippy::expect_used)]
    pub fn build(self) -> Aws {
        self.open().expect("a database in memory needs nothing but memory")
    }

    /// Builds the stack with the content of its directory. The clock starts now: under paused time, build it inside the
    /// runtime.
    ///
    /// # Errors
    /// If a file of the directory can't be opened, or was written by another program. The error names the file and the
    /// reason.
    pub fn open(self) -> Result<Aws, String> {
        let file = |name: &str| self.directory.as_ref().map(|directory| directory.join(name));
        let (tables, queues) = (file("tables.sqlite"), file("queues.sqlite"));
        let clock = self.wall.map_or_else(Clock::start, Clock::start_at);
        let context = Arc::new(Context::new(self.region, self.account, self.seed, clock, self.disorder));
        let unread = |file: &Option<PathBuf>, error: String| match file {
            Some(file) => format!("{}: {error}", file.display()),
            None => error,
        };
        let dynamodb = DynamoDb::open(context.clone(), self.keep_records, tables.as_deref(), self.max_bytes)
            .map_err(|error| unread(&tables, error.to_string()))?;
        let store = queues.as_deref().map(Store::open).transpose();
        let store = store.map_err(|error| unread(&queues, error.to_string()))?.map(Arc::new);
        let sqs = Arc::new(Sqs::open(context.clone(), store.clone()).map_err(|error| unread(&queues, error))?);
        let sns = Sns::open(context.clone(), sqs.clone(), store).map_err(|error| unread(&queues, error))?;
        let (sns, calls) = (Arc::new(sns), Mutex::default());
        Ok(Aws(Arc::new(Inner {
            context,
            dynamodb,
            sqs,
            sns,
            calls,
            network: self.network,
            is_full: AtomicBool::new(false),
        })))
    }
}
