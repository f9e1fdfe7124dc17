//! Cuts messages into batches that `PublishBatch` takes.

use cellstack_core::limits::{PUBLISH_BATCH_BYTES, PUBLISH_BATCH_ENTRIES};

/// Cuts `sizes` (bytes, in order) into ranges of at most ten entries and 256 KiB each. An entry that is too large on
/// its own gets a batch of its own: the service refuses it then, and its neighbours pass.
pub(crate) fn cut(sizes: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, size) in sizes.iter().enumerate() {
        if at > start && (at - start == PUBLISH_BATCH_ENTRIES || bytes + size > PUBLISH_BATCH_BYTES) {
            batches.push(start..at);
            (start, bytes) = (at, 0);
        }
        bytes += size;
    }
    if start < sizes.len() {
        batches.push(start..sizes.len());
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn batches_are_cut_at_ten_entries_and_at_256_kib() {
        assert!(cut(&[]).is_empty());
        assert_eq!(cut(&[1; 11]), vec![0..10, 10..11]);
        let half = PUBLISH_BATCH_BYTES / 2;
        assert_eq!(cut(&[half, half, 1]), vec![0..2, 2..3]);
        assert_eq!(cut(&[PUBLISH_BATCH_BYTES + 1, 1]), vec![0..1, 1..2]);
    }

    proptest! {
        #[test]
        fn every_entry_is_in_one_batch_in_order_and_no_batch_is_over_a_limit(
            sizes in proptest::collection::vec(0..PUBLISH_BATCH_BYTES, 0..60)
        ) {
            let batches = cut(&sizes);
            let covered: Vec<usize> = batches.iter().cloned().flatten().collect();
            prop_assert_eq!(covered, (0..sizes.len()).collect::<Vec<_>>());
            for batch in batches {
                prop_assert!(batch.len() <= PUBLISH_BATCH_ENTRIES);
                prop_assert!(sizes[batch].iter().sum::<usize>() <= PUBLISH_BATCH_BYTES);
            }
        }
    }
}
