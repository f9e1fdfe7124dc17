//! Limits of the snapshot of the tenant map.

use std::time::Duration;

/// Time for which a snapshot's index, or the failure to read one, is kept before the next read.
pub const SNAPSHOT_LEASE: Duration = Duration::from_secs(60);
/// Time of one lookup in the snapshot: to read its index, if it is not there yet, and a block.
pub const SNAPSHOT_TIMEOUT: Duration = Duration::from_millis(2_000);
/// Time for which a block that could not be read is not read again.
pub const SNAPSHOT_BLOCK_COOLDOWN: Duration = Duration::from_secs(10);
/// Time in which an operator reads a part of the snapshot: the operator may sit far from its Region.
pub const SNAPSHOT_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Least number of bytes per second at which an operator writes a snapshot, [`SNAPSHOT_READ_TIMEOUT`] aside.
pub const SNAPSHOT_WRITE_RATE: u64 = 1024 * 1024;
/// Largest snapshot, in bytes: some twenty million tenants, and all of it is in its writer's memory. S3 takes 5 GB in one
/// request (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html>).
pub const SNAPSHOT_MAX: u64 = 1024 * 1024 * 1024;
/// Longest first line of a snapshot, in bytes, four times what its writer writes.
pub const SNAPSHOT_HEADER_MAX: usize = 1_024;
/// Largest index of a snapshot, in bytes: its cells, and twice the blocks of the largest one if its ids have the greatest
/// length.
pub const SNAPSHOT_INDEX_MAX: usize = 8 * 1024 * 1024;
/// Bytes that the first read of a snapshot asks for: with the index of three million tenants, one read opens it.
pub const SNAPSHOT_FIRST_READ: usize = 256 * 1024;
/// Largest block of a snapshot, in bytes: some 1,200 tenants. A larger one makes each lookup read more, a smaller one the
/// index larger.
pub const SNAPSHOT_BLOCK: usize = 64 * 1024;
/// Blocks that a router environment keeps, the latest used. Each takes 140 kB: 4.5 MB together.
pub const SNAPSHOT_BLOCKS: usize = 32;
/// Bytes of a snapshot that `cellctl snapshot show` reads and holds at once.
pub const SNAPSHOT_CHECK_READ: u64 = 8 * 1024 * 1024;
const _: () = {
    assert!(SNAPSHOT_MAX <= u32::MAX as u64, "the writer counts in 32 bits");
    assert!(SNAPSHOT_HEADER_MAX <= SNAPSHOT_FIRST_READ, "the first read has the first line");
};
