//! DynamoDB: the requests that conflict with a transaction in flight, and those that do not.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_get_items::TransactGetItemsError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Get, Put, PutRequest, TransactGetItem, TransactWriteItem, Update, WriteRequest,
};
use cellstack_emulator::Aws;

use crate::contract;
use crate::stack::{Stack, code, item, key, s};

const FLIGHT: Duration = Duration::from_millis(50);

contract! {
    everywhere {}
    embedded {
        two_transactions_that_share_an_item_conflict: "needs transactions that are in flight for a known time"
        a_write_of_an_item_in_a_transaction_is_refused: "needs transactions that are in flight for a known time"
        reads_outside_of_transactions_see_what_was_there_before: "needs transactions that are in flight for a known time"
        a_read_transaction_conflicts: "needs transactions that are in flight for a known time"
        writes_of_a_batch_that_conflict_are_unprocessed: "needs transactions that are in flight for a known time"
        what_is_wrong_with_a_transaction_is_said_before_any_conflict: "needs transactions that are in flight for a known time"
        a_token_that_comes_again_in_flight_is_in_progress: "needs transactions that are in flight for a known time"
        a_caller_that_goes_away_leaves_no_lock: "drops calls in flight"
        a_seed_runs_the_same_way_again: "looks at what the embedded stack draws from its seed"
    }
}

async fn slow() -> (Stack, String) {
    let stack = Stack::built(Aws::builder().seed(1).transaction_time(FLIGHT..=FLIGHT));
    let table = stack.table().await;
    stack.put(&table, "fence", "x", "open").await;
    (stack, table)
}

fn put(table: &str, pk: &str, v: &str) -> TransactWriteItem {
    let put = Put::builder().table_name(table).set_item(Some(item(pk, "x", v)));
    TransactWriteItem::builder().put(put.build().unwrap()).build()
}

fn check(table: &str, pk: &str) -> TransactWriteItem {
    let check = ConditionCheck::builder()
        .table_name(table)
        .set_key(Some(key(pk, "x")))
        .condition_expression("v = :open")
        .expression_attribute_values(":open", s("open"));
    TransactWriteItem::builder().condition_check(check.build().unwrap()).build()
}

async fn transact(stack: &Stack, items: Vec<TransactWriteItem>) -> Result<(), SdkError<TransactWriteItemsError>> {
    stack.dynamodb.transact_write_items().set_transact_items(Some(items)).send().await.map(drop)
}

/// Returns the reasons of a cancelled transaction.
fn reasons(result: Result<(), SdkError<TransactWriteItemsError>>) -> Vec<String> {
    let TransactWriteItemsError::TransactionCanceledException(canceled) = result.unwrap_err().into_service_error()
    else {
        panic!("not cancelled");
    };
    assert!(canceled.message().unwrap().contains("TransactionConflict"), "{canceled:?}");
    canceled.cancellation_reasons().iter().map(|r| r.code().unwrap_or_default().to_string()).collect()
}

async fn get(stack: &Stack, table: &str, pk: &str) -> Option<AttributeValue> {
    let get = stack.dynamodb.get_item().table_name(table).set_key(Some(key(pk, "x")));
    get.consistent_read(true).send().await.unwrap().item?.remove("v")
}

async fn midway() {
    tokio::time::sleep(FLIGHT / 2).await;
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>
async fn two_transactions_that_share_an_item_conflict(_: Stack) {
    let (stack, table) = slow().await;
    // Both only check the item they share.
    let first = transact(&stack, vec![check(&table, "fence"), put(&table, "a", "1")]);
    let second = async {
        midway().await;
        transact(&stack, vec![put(&table, "b", "1"), check(&table, "fence")]).await
    };
    let other = transact(&stack, vec![put(&table, "c", "1")]);
    let (first, second, other) = tokio::join!(first, second, other);
    first.unwrap();
    other.unwrap();
    assert_eq!(reasons(second), ["None", "TransactionConflict"]);
    assert_eq!(get(&stack, &table, "b").await, None);
    transact(&stack, vec![put(&table, "b", "1"), check(&table, "fence")]).await.unwrap();
    assert_eq!(get(&stack, &table, "b").await, Some(s("1")));
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>
async fn a_write_of_an_item_in_a_transaction_is_refused(_: Stack) {
    let (stack, table) = slow().await;
    let conflicting = async {
        midway().await;
        let put = stack.dynamodb.put_item().table_name(&table).set_item(Some(item("fence", "x", "closed")));
        assert_eq!(code(put.send().await), "TransactionConflictException");
        let update = stack.dynamodb.update_item().table_name(&table).set_key(Some(key("fence", "x")));
        let update = update.update_expression("SET v = :v").expression_attribute_values(":v", s("closed"));
        assert_eq!(code(update.send().await), "TransactionConflictException");
        let delete = stack.dynamodb.delete_item().table_name(&table).set_key(Some(key("a", "x")));
        assert_eq!(code(delete.send().await), "TransactionConflictException");
        // An item of the same partition is another item.
        stack.put(&table, "fence", "y", "v").await;
    };
    let both = tokio::join!(transact(&stack, vec![check(&table, "fence"), put(&table, "a", "1")]), conflicting);
    both.0.unwrap();
    assert_eq!(get(&stack, &table, "fence").await, Some(s("open")));
    stack.put(&table, "fence", "x", "closed").await;
    let closed = transact(&stack, vec![check(&table, "fence"), put(&table, "a", "2")]).await;
    assert_eq!(code(closed), "TransactionCanceledException");
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-isolation>
async fn reads_outside_of_transactions_see_what_was_there_before(_: Stack) {
    let (stack, table) = slow().await;
    let reads = async {
        midway().await;
        assert_eq!(get(&stack, &table, "fence").await, Some(s("open")));
        let scan = stack.dynamodb.scan().table_name(&table).send().await.unwrap();
        assert_eq!(scan.count, 1);
        let query = stack.dynamodb.query().table_name(&table).key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", s("fence")).send().await.unwrap();
        assert_eq!(query.items()[0]["v"], s("open"));
    };
    let write = transact(&stack, vec![put(&table, "fence", "closed"), put(&table, "a", "1")]);
    tokio::join!(write, reads).0.unwrap();
    assert_eq!(get(&stack, &table, "fence").await, Some(s("closed")));
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactGetItems.html>
async fn a_read_transaction_conflicts(_: Stack) {
    let (stack, table) = slow().await;
    let read = |pks: [&str; 2]| {
        let gets = pks.map(|pk| {
            let get = Get::builder().table_name(&table).set_key(Some(key(pk, "x")));
            TransactGetItem::builder().get(get.build().unwrap()).build()
        });
        stack.dynamodb.transact_get_items().set_transact_items(Some(gets.into())).send()
    };
    let reads = async {
        midway().await;
        read(["other", "another"]).await.unwrap();
        read(["other", "fence"]).await
    };
    let (write, conflict) = tokio::join!(transact(&stack, vec![put(&table, "fence", "closed")]), reads);
    write.unwrap();
    let TransactGetItemsError::TransactionCanceledException(canceled) = conflict.unwrap_err().into_service_error()
    else {
        panic!("not cancelled");
    };
    let codes: Vec<_> = canceled.cancellation_reasons().iter().filter_map(|r| r.code()).collect();
    assert_eq!(codes, ["None", "TransactionConflict"]);
    read(["other", "fence"]).await.unwrap();
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-isolation>,
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
async fn writes_of_a_batch_that_conflict_are_unprocessed(_: Stack) {
    let (stack, table) = slow().await;
    let write = |pks: &[&str]| {
        let requests = pks.iter().map(|pk| {
            let put = PutRequest::builder().set_item(Some(item(pk, "x", "batch")));
            WriteRequest::builder().put_request(put.build().unwrap()).build()
        });
        stack.dynamodb.batch_write_item().request_items(&table, requests.collect()).send()
    };
    let batch = async {
        midway().await;
        let part = write(&["a", "fence", "b"]).await.unwrap().unprocessed_items.unwrap();
        let none = write(&["fence"]).await.unwrap().unprocessed_items.unwrap();
        (part, none)
    };
    let (transaction, (part, none)) = tokio::join!(transact(&stack, vec![check(&table, "fence")]), batch);
    transaction.unwrap();
    for unprocessed in [part, none] {
        let [request] = &*unprocessed[&table] else { panic!("{unprocessed:?}") };
        assert_eq!(request.put_request().unwrap().item()["pk"], s("fence"));
    }
    let now = [get(&stack, &table, "a").await, get(&stack, &table, "fence").await, get(&stack, &table, "b").await];
    assert_eq!(now, [Some(s("batch")), Some(s("open")), Some(s("batch"))]);
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
async fn what_is_wrong_with_a_transaction_is_said_before_any_conflict(_: Stack) {
    let (stack, table) = slow().await;
    let wrong = async {
        midway().await;
        let twice = transact(&stack, vec![put(&table, "fence", "1"), check(&table, "fence")]).await;
        assert_eq!(code(twice), "ValidationException");
        let keyless = Put::builder().table_name(&table).item("v", s("x")).build().unwrap();
        let keyless = TransactWriteItem::builder().put(keyless).build();
        let keyless = transact(&stack, vec![put(&table, "fence", "1"), keyless]).await;
        assert!(["ValidationException", "TransactionCanceledException"].contains(&&*code(keyless)));
        let missing = transact(&stack, vec![put("missing", "fence", "1")]).await;
        assert_eq!(code(missing), "ResourceNotFoundException");
    };
    tokio::join!(transact(&stack, vec![check(&table, "fence")]), wrong).0.unwrap();
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors>
async fn a_token_that_comes_again_in_flight_is_in_progress(_: Stack) {
    let (stack, table) = slow().await;
    let add = |attempts: u32| {
        let update = Update::builder()
            .table_name(&table)
            .set_key(Some(key("counter", "x")))
            .update_expression("ADD n :one")
            .expression_attribute_values(":one", AttributeValue::N("1".into()));
        let update = TransactWriteItem::builder().update(update.build().unwrap()).build();
        let retries = aws_sdk_dynamodb::config::retry::RetryConfig::standard().with_max_attempts(attempts);
        let transaction = stack.dynamodb.transact_write_items().client_request_token("token").transact_items(update);
        transaction.customize().config_override(aws_sdk_dynamodb::config::Builder::new().retry_config(retries)).send()
    };
    let again = async {
        midway().await;
        add(1).await
    };
    let (first, again) = tokio::join!(add(1), again);
    first.unwrap();
    assert_eq!(code(again), "TransactionInProgressException");
    // Later it is a repeat like any other.
    add(1).await.unwrap();
    let counter = stack.dynamodb.get_item().table_name(&table).set_key(Some(key("counter", "x")));
    assert_eq!(counter.send().await.unwrap().item.unwrap()["n"], AttributeValue::N("1".into()));
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-apis-txwriteitems>
async fn a_caller_that_goes_away_leaves_no_lock(_: Stack) {
    let (stack, table) = slow().await;
    let mut committed = 0;
    for n in 0..32 {
        let pk = n.to_string();
        let call = transact(&stack, vec![check(&table, "fence"), put(&table, &pk, "1")]);
        assert!(tokio::time::timeout(FLIGHT / 2, call).await.is_err());
        committed += usize::from(get(&stack, &table, &pk).await.is_some());
        stack.put(&table, &pk, "x", "2").await;
        transact(&stack, vec![check(&table, "fence"), put(&table, &pk, "3")]).await.unwrap();
    }
    assert!((1..32).contains(&committed), "{committed} of 32 committed alone");
}

/// The seed draws conflicts, as it draws everything else.
async fn a_seed_runs_the_same_way_again(_: Stack) {
    async fn run(seed: u64) -> Vec<Option<usize>> {
        let times = Duration::from_millis(5)..=Duration::from_millis(20);
        let stack = Stack::built(Aws::builder().seed(seed).transaction_time(times));
        let table = stack.table().await;
        stack.put(&table, "fence", "x", "open").await;
        let mut all = Vec::new();
        let mut conflicts: HashMap<usize, usize> = HashMap::new();
        let write = async |n: usize| {
            tokio::time::sleep(Duration::from_millis(3 * n as u64)).await;
            transact(&stack, vec![check(&table, "fence"), put(&table, &n.to_string(), "v")]).await.is_ok()
        };
        let writes = futures::future::join_all((0..40).map(write)).await;
        for (n, ok) in writes.into_iter().enumerate() {
            *conflicts.entry(usize::from(ok)).or_default() += 1;
            all.push(ok.then_some(n));
        }
        assert!(conflicts[&0] > 10 && conflicts[&1] > 3, "{conflicts:?}");
        all
    }
    assert_eq!(run(3).await, run(3).await);
    assert_ne!(run(3).await, run(4).await);
}
