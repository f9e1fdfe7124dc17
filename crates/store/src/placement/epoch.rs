//! The epoch that a tenant starts with in a cell.

use cellstack_core::Epoch;
use cellstack_core::fence::{FenceState, Shard};

/// Returns the epoch that a tenant starts with in a cell that has this fence of it.
///
/// An open fence without an entry in the map is from a placement that crashed. Its epoch serves. Above any other fence a
/// tenant starts anew, so that routes which routers remember are older than the map's.
pub(super) fn first_epoch(fence: &[Shard], state: FenceState) -> Epoch {
    let Some(last) = fence.iter().map(|shard| shard.epoch).max() else { return Epoch::FIRST };
    let is_same = |shard: &Shard| shard.epoch == last && shard.state == state.as_str();
    if fence.iter().all(is_same) { last } else { Epoch(last.0.saturating_add(1)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fence() -> impl Strategy<Value = Vec<Shard>> {
        let states = prop::sample::select(vec!["open", "standby", "closed", "unknown"]);
        let shard = (1_u64..9, states).prop_map(|(epoch, state)| Shard {
            key: String::new(),
            epoch: Epoch(epoch),
            state: state.to_owned(),
        });
        prop::collection::vec(shard, 0..9)
    }

    proptest! {
        /// The epoch is never below one that the fence had, and never one under which it was closed or held.
        #[test]
        fn a_tenant_starts_above_what_its_fence_has_seen(fence in fence()) {
            let epoch = first_epoch(&fence, FenceState::Open);
            prop_assert!(epoch >= Epoch::FIRST);
            for shard in &fence {
                let open = shard.state == "open";
                prop_assert!(shard.epoch < epoch || (shard.epoch == epoch && open), "{:?} {:?}", shard, epoch);
            }
        }
    }
}
