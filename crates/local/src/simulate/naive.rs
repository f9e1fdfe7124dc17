//! A consumer as one might write it in an afternoon, each time with another bug.

use std::sync::{Arc, OnceLock};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use bytes::Bytes;
use cellstack_core::Message;
use cellstack_core::cell_table::{TOTAL_PREFIX, key, number};
use cellstack_core::event::EventKey;
use cellstack_emulator::{Function, FunctionError};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

/// Which bug it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    MarkFirst,
    CancelledIsDone,
    /// None but this: what can't be processed always comes again.
    RetryPoison,
}

pub(crate) struct Naive {
    pub(crate) config: Arc<OnceLock<SdkConfig>>,
    pub(crate) table: String,
    pub(crate) way: Way,
}

impl Function for Naive {
    fn invoke(&self, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>> {
        async move {
            let broken = |what: &str| FunctionError::Handled(what.to_owned());
            let config = self.config.get().ok_or_else(|| broken("no configuration"))?;
            let client = crate::process::dynamodb(config);
            let event: Value = serde_json::from_slice(&payload).map_err(|_| broken("no event"))?;
            let mut failures = Vec::new();
            for record in event["Records"].as_array().into_iter().flatten() {
                let message = Message::decode(record["body"].as_str().unwrap_or_default());
                let done = match message {
                    Ok(message) => self.process(&client, &message).await,
                    Err(_) => false,
                };
                if !done {
                    failures.push(json!({ "itemIdentifier": record["messageId"] }));
                }
            }
            Ok(json!({ "batchItemFailures": failures }).to_string().into())
        }
        .boxed()
    }
}

impl Naive {
    /// Whether the message is done with.
    async fn process(&self, client: &Client, message: &Message) -> bool {
        let data: Value = serde_json::from_str(message.data.as_deref().unwrap_or("null")).unwrap_or_default();
        let Some(amount) = data["amount"].as_u64().filter(|_| data["mood"] != "panic") else {
            return false;
        };
        let (Ok(mark), Ok(effect)) = (self.mark(message), self.effect(message, amount)) else {
            return false;
        };
        if self.way == Way::MarkFirst {
            return match Self::write(client, vec![mark]).await {
                Ok(true) => Self::write(client, vec![effect]).await.unwrap_or(false),
                Ok(false) => false,
                Err(conflict) => !conflict,
            };
        }
        match Self::write(client, vec![mark, effect]).await {
            Ok(done) => done,
            // A condition that did not hold says that the event is processed; a conflict says nothing of the kind.
            Err(conflict) => self.way == Way::CancelledIsDone || !conflict,
        }
    }

    /// Whether it was written; an error is a cancelled transaction, and whether a conflict cancelled it.
    async fn write(client: &Client, actions: Vec<TransactWriteItem>) -> Result<bool, bool> {
        let Err(error) = client.transact_write_items().set_transact_items(Some(actions)).send().await else {
            return Ok(true);
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let reasons = cancelled.cancellation_reasons();
                Err(reasons.iter().any(|reason| reason.code() == Some("TransactionConflict")))
            }
            _ => Ok(false),
        }
    }

    fn mark(&self, message: &Message) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let mark = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(&message.tenant, EventKey(message.id).to_string())))
            .condition_expression("#status = :accepted")
            .update_expression("SET #status = :processed")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":accepted", AttributeValue::S("accepted".to_owned()))
            .expression_attribute_values(":processed", AttributeValue::S("processed".to_owned()));
        Ok(TransactWriteItem::builder().update(mark.build()?).build())
    }

    fn effect(&self, message: &Message, amount: u64) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let effect = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(&message.tenant, format!("{TOTAL_PREFIX}{}", message.event_type))))
            .update_expression("ADD #count :one, #sum :amount")
            .expression_attribute_names("#count", "count")
            .expression_attribute_names("#sum", "sum")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":amount", number(amount));
        Ok(TransactWriteItem::builder().update(effect.build()?).build())
    }
}
