//! DynamoDB: conditions, transactions, tokens, queries, limits.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, KeysAndAttributes, Put, PutRequest, ReturnValue,
    ReturnValuesOnConditionCheckFailure, TimeToLiveSpecification, TransactWriteItem, Update, WriteRequest,
};

use crate::contract;
use crate::stack::{Stack, code, item, key, s, sleep};

contract! {
    everywhere {
        a_failed_condition_returns_the_item_it_found
        a_transaction_is_all_or_nothing_and_names_the_reason
        a_condition_check_fences_a_write
        a_token_that_comes_again_has_no_second_effect
        a_query_pages_in_order_of_the_sort_key
        batches_have_limits
        counters_add_up
        a_missing_table_is_named_as_such
        items_have_a_largest_size
        an_empty_key_is_refused
    }
    embedded {
        a_token_is_forgotten_after_ten_minutes: "needs paused time"
        tables_that_may_pass_one_gibibyte_do_the_same: "the embedded stack keeps them in another way"
        what_has_passed_its_ttl_goes_in_the_end: "AWS and MiniStack delete in their own time, the embedded stack on request"
    }
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html>
async fn a_failed_condition_returns_the_item_it_found(stack: Stack) {
    let table = stack.table().await;
    let put = |v: &str| {
        stack
            .dynamodb
            .put_item()
            .table_name(&table)
            .set_item(Some(item("t", "e", v)))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    put("first").await.unwrap();
    let error = put("second").await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(failed) = error else {
        panic!("{error:?}");
    };
    assert_eq!(failed.item().unwrap()["v"], s("first"));
}

async fn tables_that_may_pass_one_gibibyte_do_the_same(_: Stack) {
    let large = || Stack::built(cellstack_emulator::Aws::builder().seed(1).max_bytes(1 << 31));
    a_failed_condition_returns_the_item_it_found(large()).await;
    a_transaction_is_all_or_nothing_and_names_the_reason(large()).await;
    a_query_pages_in_order_of_the_sort_key(large()).await;
    counters_add_up(large()).await;
}

fn put(table: &str, pk: &str, v: &str, condition: Option<&str>) -> TransactWriteItem {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item(pk, "x", v)))
        .set_condition_expression(condition.map(str::to_string));
    TransactWriteItem::builder().put(put.build().unwrap()).build()
}

async fn get(stack: &Stack, table: &str, pk: &str) -> Option<AttributeValue> {
    let get = stack.dynamodb.get_item().table_name(table).set_key(Some(key(pk, "x")));
    get.consistent_read(true).send().await.unwrap().item?.remove("v")
}

fn reasons(error: TransactWriteItemsError) -> Vec<String> {
    let TransactWriteItemsError::TransactionCanceledException(canceled) = error else {
        panic!("{error:?}");
    };
    let reasons = canceled.cancellation_reasons();
    reasons.iter().map(|r| r.code().unwrap_or_default().to_string()).collect()
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
async fn a_transaction_is_all_or_nothing_and_names_the_reason(stack: Stack) {
    let table = stack.table().await;
    stack.put(&table, "taken", "x", "old").await;
    let error = stack
        .dynamodb
        .transact_write_items()
        .transact_items(put(&table, "free", "new", None))
        .transact_items(put(&table, "taken", "new", Some("attribute_not_exists(pk)")))
        .send()
        .await
        .unwrap_err();
    assert_eq!(reasons(error.into_service_error()), ["None", "ConditionalCheckFailed"]);
    assert_eq!(get(&stack, &table, "free").await, None);
    assert_eq!(get(&stack, &table, "taken").await, Some(s("old")));
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ConditionCheck.html>
async fn a_condition_check_fences_a_write(stack: Stack) {
    let table = stack.table().await;
    stack.put(&table, "fence", "x", "closed").await;
    let check = ConditionCheck::builder()
        .table_name(&table)
        .set_key(Some(key("fence", "x")))
        .condition_expression("v = :open")
        .expression_attribute_values(":open", s("open"));
    let write = || {
        let check = TransactWriteItem::builder().condition_check(check.clone().build().unwrap());
        let transaction = stack.dynamodb.transact_write_items();
        transaction.transact_items(check.build()).transact_items(put(&table, "event", "v", None)).send()
    };
    let error = write().await.unwrap_err().into_service_error();
    assert_eq!(reasons(error), ["ConditionalCheckFailed", "None"]);
    stack.put(&table, "fence", "x", "open").await;
    write().await.unwrap();
    assert_eq!(get(&stack, &table, "event").await, Some(s("v")));
}

fn add_one(table: &str) -> TransactWriteItem {
    let update = Update::builder()
        .table_name(table)
        .set_key(Some(key("counter", "x")))
        .update_expression("ADD n :one")
        .expression_attribute_values(":one", AttributeValue::N("1".into()));
    TransactWriteItem::builder().update(update.build().unwrap()).build()
}

async fn counter(stack: &Stack, table: &str) -> Option<AttributeValue> {
    let get = stack.dynamodb.get_item().table_name(table).set_key(Some(key("counter", "x")));
    get.send().await.unwrap().item?.remove("n")
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-apis-txwriteitems-idempotency>
async fn a_token_that_comes_again_has_no_second_effect(stack: Stack) {
    let table = stack.table().await;
    let token = stack.name("token");
    let send = |item| stack.dynamodb.transact_write_items().transact_items(item).client_request_token(&token).send();
    send(add_one(&table)).await.unwrap();
    send(add_one(&table)).await.unwrap();
    assert_eq!(counter(&stack, &table).await, Some(AttributeValue::N("1".into())));
    let other = send(put(&table, "other", "v", None)).await;
    assert_eq!(code(other), "IdempotentParameterMismatchException");
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-apis-txwriteitems-idempotency>
async fn a_token_is_forgotten_after_ten_minutes(stack: Stack) {
    let table = stack.table().await;
    let send = || {
        let transaction = stack.dynamodb.transact_write_items().client_request_token("token");
        transaction.transact_items(add_one(&table)).send()
    };
    send().await.unwrap();
    sleep(599).await;
    send().await.unwrap();
    assert_eq!(counter(&stack, &table).await, Some(AttributeValue::N("1".into())));
    sleep(2).await;
    send().await.unwrap();
    assert_eq!(counter(&stack, &table).await, Some(AttributeValue::N("2".into())));
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html>
async fn a_query_pages_in_order_of_the_sort_key(stack: Stack) {
    let table = stack.table().await;
    for sk in ["event#3", "event#1", "fence", "event#2"] {
        stack.put(&table, "t", sk, sk).await;
    }
    let query = || {
        stack
            .dynamodb
            .query()
            .table_name(&table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", s("t"))
            .expression_attribute_values(":sk", s("event#"))
            .limit(2)
    };
    let first = query().send().await.unwrap();
    let second = query().set_exclusive_start_key(first.last_evaluated_key.clone()).send().await.unwrap();
    let all: Vec<_> = first.items().iter().chain(second.items()).map(|i| i["sk"].clone()).collect();
    assert_eq!(all, ["event#1", "event#2", "event#3"].map(s));
    assert!(first.last_evaluated_key.is_some());
    assert!(second.last_evaluated_key.is_none());
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
async fn batches_have_limits(stack: Stack) {
    let table = stack.table().await;
    let write = |n: usize| {
        let requests = (0..n).map(|i| {
            let put = PutRequest::builder().set_item(Some(item("t", &i.to_string(), "v")));
            WriteRequest::builder().put_request(put.build().unwrap()).build()
        });
        stack.dynamodb.batch_write_item().request_items(&table, requests.collect()).send()
    };
    let written = write(25).await.unwrap();
    assert!(written.unprocessed_items.unwrap_or_default().is_empty());
    assert_eq!(code(write(26).await), "ValidationException");
    let get = |n: usize| {
        let keys = (0..n).map(|i| key("t", &i.to_string())).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).build().unwrap();
        stack.dynamodb.batch_get_item().request_items(&table, keys).send()
    };
    assert_eq!(get(100).await.unwrap().responses.unwrap()[&table].len(), 25);
    assert_eq!(code(get(101).await), "ValidationException");
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.AtomicCounters>
async fn counters_add_up(stack: Stack) {
    let table = stack.table().await;
    for n in 1..=3 {
        let update = stack
            .dynamodb
            .update_item()
            .table_name(&table)
            .set_key(Some(key("t", "total")))
            .update_expression("ADD n :one")
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .return_values(ReturnValue::UpdatedNew);
        let after = update.send().await.unwrap().attributes.unwrap();
        assert_eq!(after["n"], AttributeValue::N(n.to_string()));
    }
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
async fn a_missing_table_is_named_as_such(stack: Stack) {
    let get = stack.dynamodb.get_item().table_name(stack.name("missing")).set_key(Some(key("a", "b")));
    assert_eq!(code(get.send().await), "ResourceNotFoundException");
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-items>
async fn items_have_a_largest_size(stack: Stack) {
    let table = stack.table().await;
    let put = |size: usize| {
        let item = item("t", "e", &"x".repeat(size));
        stack.dynamodb.put_item().table_name(&table).set_item(Some(item)).send()
    };
    // Names and values count: "pk" + "t" + "sk" + "e" + "v" are 7 bytes.
    put(400 * 1024 - 7).await.unwrap();
    assert_eq!(code(put(400 * 1024 - 6).await), "ValidationException");
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html#HowItWorks.DataTypes>
async fn an_empty_key_is_refused(stack: Stack) {
    let table = stack.table().await;
    let put = stack.dynamodb.put_item().table_name(&table).set_item(Some(item("", "e", "v")));
    let error = put.send().await.unwrap_err().into_service_error();
    let meta = aws_sdk_dynamodb::error::ProvideErrorMetadata::meta(&error);
    assert_eq!(meta.code(), Some("ValidationException"));
    assert!(!meta.message().unwrap_or_default().contains("VALIDATION"), "{meta:?}");
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>
#[expect(clippy::disallowed_methods, reason = "the time of a real service")]
async fn what_has_passed_its_ttl_goes_in_the_end(stack: Stack) {
    let table = stack.table().await;
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("expires_at").build().unwrap();
    let update = stack.dynamodb.update_time_to_live().table_name(&table);
    update.time_to_live_specification(ttl).send().await.unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut expiring = item("t", "x", "v");
    expiring.insert("expires_at".into(), AttributeValue::N((now + 60).to_string()));
    stack.dynamodb.put_item().table_name(&table).set_item(Some(expiring)).send().await.unwrap();
    assert_eq!(stack.aws().sweep_ttl(), Ok(0));
    sleep(120).await;
    // Expired items are still read until they are deleted.
    assert!(get(&stack, &table, "t").await.is_some());
    assert_eq!(stack.aws().sweep_ttl(), Ok(1));
    assert!(get(&stack, &table, "t").await.is_none());
}
