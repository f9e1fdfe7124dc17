//! The closing of a tenant's fences, so that no write of its epoch lands any more.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_core::RouteState;
use cellstack_core::cell_table::{TENANT_ID, number};
use cellstack_core::limits::FENCE_TIMEOUT;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::record::{MoveId, Phase, text};
use super::steps::Steps;
use super::{MoveError, Path};
use crate::carry::{Carried, Homeward};
use crate::fence::{self, FenceError};
use crate::placement::Site;

impl Path<'_> {
    /// Marks the tenant `fenced` in the map: no cell takes its events, and routers wait. Safe to repeat. A map that no longer has
    /// the move stays as it is.
    ///
    /// # Errors
    /// When the map can't be written.
    pub async fn say_fenced(&self, map_table: &str, id: MoveId, now_ms: u64) -> Result<(), MoveError> {
        let update = self
            .client
            .update_item()
            .table_name(map_table)
            .set_key(Some(HashMap::from([(TENANT_ID.to_owned(), text(self.tenant.as_str()))])))
            .update_expression("SET #state = :fenced, updated_at = :now")
            .condition_expression("migration_id = :move AND #epoch = :epoch AND #state IN (:moving, :fenced)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_values(":fenced", text(RouteState::Fenced.as_str()))
            .expression_attribute_values(":moving", text(RouteState::Moving.as_str()))
            .expression_attribute_values(":move", text(&id.to_string()))
            .expression_attribute_values(":epoch", number(self.epoch.0))
            .expression_attribute_values(":now", number(now_ms));
        let mut backoff = Backoff::within(FENCE_TIMEOUT);
        loop {
            let Err(error) = update.clone().send().await else { return Ok(()) };
            match error.code() {
                Some("ConditionalCheckFailedException") => return Ok(()),
                Some("TransactionConflictException") if backoff.pause().await => {}
                _ => return Err(AwsFailure::of("write the tenant map", error).into()),
            }
        }
    }

    /// Closes the fences in the source and in its standby. When it returns, no write of this epoch lands any more. Safe to repeat.
    ///
    /// # Errors
    /// [`MoveError::LaterFence`] when a fence has a later epoch. Closed shards stay closed.
    pub async fn close_fences(&self) -> Result<(), MoveError> {
        let sites = std::iter::once(self.source).chain(self.standby);
        try_join_all(sites.map(|site| self.close(site))).await.map(drop)
    }

    async fn close(&self, site: &Site) -> Result<(), MoveError> {
        let deadline = Instant::now() + FENCE_TIMEOUT;
        fence::close(self.client, &site.table, self.tenant, self.epoch, deadline).await.map_err(|error| match error {
            FenceError::Refused => MoveError::LaterFence { tenant: self.tenant.clone(), cell: site.id.clone() },
            FenceError::Failed(failure) => failure.into(),
        })
    }

    /// Carries the events that the standby still holds to the source, which processes them, as long as this run has the move.
    ///
    /// # Errors
    /// When a table can't be read or written.
    pub async fn carry_home(&self, steps: &Steps<'_>) -> Result<Carried, MoveError> {
        let Some(standby) = self.standby else { return Ok(Carried::default()) };
        let check = steps.check(&[Phase::Fenced])?;
        let (client, tenant) = (self.client, self.tenant);
        let homeward = Homeward { client, tenant, standby: &standby.table, home: &self.source.table };
        Ok(homeward.carry_if(&check).await?)
    }
}
