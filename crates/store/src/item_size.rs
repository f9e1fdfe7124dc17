//! The size of items, as DynamoDB counts it.

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::cell_table::Item;

/// Estimates the write units of an item: one per started KiB. A transaction takes twice as many
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>).
pub(crate) fn units(item: &Item) -> u32 {
    u32::try_from(bytes(item).div_ceil(1_024)).unwrap_or(u32::MAX).max(1)
}

/// Estimates the bytes of an item as DynamoDB counts them: names and values.
pub(crate) fn bytes(item: &Item) -> usize {
    fn of(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
            AttributeValue::B(blob) => blob.as_ref().len(),
            AttributeValue::L(list) => list.iter().map(|value| 1 + of(value)).sum(),
            AttributeValue::M(map) => map.iter().map(|(name, value)| 1 + name.len() + of(value)).sum(),
            AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => texts.iter().map(String::len).sum(),
            AttributeValue::Bs(blobs) => blobs.iter().map(|blob| blob.as_ref().len()).sum(),
            _ => 1,
        }
    }
    item.iter().map(|(name, value)| name.len() + of(value)).sum()
}
