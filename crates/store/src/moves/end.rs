//! The two ends of a move, each one transaction: the flip, and the return to the source.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use cellstack_core::cell_table::{TENANT_ID, number};
use cellstack_core::fence::FenceState;
use cellstack_core::{Epoch, RouteState};

use super::begin::cell;
use super::record::{MoveRecord, Phase, text};
use super::steps::Steps;
use super::{MoveError, Path};
use crate::fence::opening;
use crate::placement::Placement;
use crate::transaction::{Sent, send};

const WHAT: &str = "end a move";

impl Placement<'_> {
    /// Gives the tenant to the destination: map, fences, counts and record change in one transaction. Safe to repeat.
    ///
    /// # Errors
    /// [`MoveError::TakenOver`] when another run has the move, or a table can't be written.
    pub async fn flip(
        &self,
        path: &Path<'_>,
        record: &MoveRecord,
        steps: &Steps<'_>,
        now_ms: u64,
        pause_ms: u64,
    ) -> Result<Epoch, MoveError> {
        let next = Epoch(record.epoch.0.saturating_add(1));
        let mut counts: HashMap<String, AttributeValue> =
            record.counts.iter().map(|(name, count)| (name.clone(), number(*count))).collect();
        counts.insert("pause_ms".to_owned(), number(pause_ms));
        let facts = [("counts", AttributeValue::M(counts))];
        let mut actions = vec![
            self.flip_map(record, next, now_ms)?,
            steps.action(&[Phase::Verified], Phase::Flipped, now_ms, &facts)?,
            self.count_out(&record.from, record.weight)?,
        ];
        actions.extend(opening(&path.destination.table, path.tenant, next, FenceState::Open)?);
        if let Some(standby) = path.next_standby {
            actions.extend(opening(&standby.table, path.tenant, next, FenceState::Standby)?);
            actions.push(self.count_pair(&record.to, &standby.id, 1)?);
        }
        if let Some(standby) = &record.standby_before {
            actions.push(self.count_pair(&record.from, standby, -1)?);
        }
        self.end(actions, steps, Phase::Flipped).await?;
        Ok(next)
    }

    fn flip_map(&self, record: &MoveRecord, next: Epoch, now_ms: u64) -> Result<TransactWriteItem, MoveError> {
        let set = "SET cell_id = :to, #epoch = :next, #state = :active, updated_at = :now, updated_by = :operator";
        let mut update = self
            .moving(record, now_ms)
            .expression_attribute_values(":to", cell(&record.to))
            .expression_attribute_values(":next", number(next.0))
            .expression_attribute_values(":active", text(RouteState::Active.as_str()));
        update = match &record.standby_after {
            Some(standby) => update
                .update_expression(format!("{set}, standby_cell_id = :standby REMOVE migration_id, moving_to"))
                .expression_attribute_values(":standby", cell(standby)),
            None => update.update_expression(format!("{set} REMOVE migration_id, moving_to, standby_cell_id")),
        };
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }

    /// Gives the tenant back to the source. Once its fence may be closed, the source has it under the next epoch.
    ///
    /// # Errors
    /// [`MoveError::TakenOver`] when another run has the move, or a table can't be written.
    pub async fn give_back(
        &self,
        path: &Path<'_>,
        record: &MoveRecord,
        steps: &Steps<'_>,
        now_ms: u64,
    ) -> Result<Epoch, MoveError> {
        let is_open = record.phase == Phase::Moving;
        let epoch = if is_open { record.epoch } else { Epoch(record.epoch.0.saturating_add(1)) };
        let set = "SET #epoch = :next, #state = :active, updated_at = :now, updated_by = :operator REMOVE migration_id, moving_to";
        let map = self
            .moving(record, now_ms)
            .update_expression(set)
            .expression_attribute_values(":next", number(epoch.0))
            .expression_attribute_values(":active", text(RouteState::Active.as_str()))
            .build()?;
        let mut actions = vec![
            TransactWriteItem::builder().update(map).build(),
            steps.action(&[record.phase], Phase::Aborted, now_ms, &[])?,
            self.count_out(&record.to, record.weight)?,
        ];
        if !is_open {
            actions.extend(opening(&path.source.table, path.tenant, epoch, FenceState::Open)?);
            if let Some(standby) = path.standby {
                actions.extend(opening(&standby.table, path.tenant, epoch, FenceState::Standby)?);
            }
        }
        self.end(actions, steps, Phase::Aborted).await?;
        Ok(epoch)
    }

    /// Begins an update of the map, on condition that the tenant is in this move.
    fn moving(&self, record: &MoveRecord, now_ms: u64) -> UpdateBuilder {
        Update::builder()
            .table_name(self.map_table)
            .set_key(Some(HashMap::from([(TENANT_ID.to_owned(), text(record.tenant.as_str()))])))
            .condition_expression("migration_id = :move AND #epoch = :epoch AND #state IN (:moving, :fenced)")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":move", text(&record.id.to_string()))
            .expression_attribute_values(":epoch", number(record.epoch.0))
            .expression_attribute_values(":moving", text(RouteState::Moving.as_str()))
            .expression_attribute_values(":fenced", text(RouteState::Fenced.as_str()))
            .expression_attribute_values(":now", number(now_ms))
            .expression_attribute_values(":operator", text(self.operator))
    }

    async fn end(&self, actions: Vec<TransactWriteItem>, steps: &Steps<'_>, phase: Phase) -> Result<(), MoveError> {
        match send(self.client, WHAT, &actions).await? {
            Sent::Done => Ok(()),
            // An earlier try did it, and its response was lost.
            Sent::Refused(_) if steps.is_mine(phase).await? => Ok(()),
            Sent::Refused(_) => Err(steps.taken_over().await?),
        }
    }
}
