//! Pages of a Query or Scan: they end at 1 MB, or at the last item, however many items that is.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PutRequest, ScalarAttributeType,
    Select, WriteRequest,
};
use cellstack_emulator::Aws;

/// Small items of one partition: more than the emulator reads for a page at first.
const SMALL: usize = 9_000;

async fn table(items: impl Iterator<Item = PutRequest>) -> Client {
    let dynamodb = Client::new(&Aws::builder().build().sdk_config());
    let attribute = |name: &str| AttributeDefinition::builder().attribute_name(name);
    let key = |name: &str, of| KeySchemaElement::builder().attribute_name(name).key_type(of).build().unwrap();
    dynamodb
        .create_table()
        .table_name("things")
        .attribute_definitions(attribute("of").attribute_type(ScalarAttributeType::S).build().unwrap())
        .attribute_definitions(attribute("n").attribute_type(ScalarAttributeType::N).build().unwrap())
        .key_schema(key("of", KeyType::Hash))
        .key_schema(key("n", KeyType::Range))
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
    let writes: Vec<_> = items.map(|put| WriteRequest::builder().put_request(put).build()).collect();
    for batch in writes.chunks(25) {
        dynamodb.batch_write_item().request_items("things", batch.to_vec()).send().await.unwrap();
    }
    dynamodb
}

fn thing(number: usize, more: &str) -> PutRequest {
    let put = PutRequest::builder().item("of", AttributeValue::S("a".to_owned()));
    let put = put.item("n", AttributeValue::N(number.to_string()));
    put.item("more", AttributeValue::S(more.to_owned())).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_page_has_all_items_that_1_mb_has_room_for() {
    let dynamodb = table((0..SMALL).map(|number| thing(number, ""))).await;
    let query = dynamodb.query().table_name("things").key_condition_expression("#of = :a");
    let query = query.expression_attribute_names("#of", "of");
    let query = query.expression_attribute_values(":a", AttributeValue::S("a".to_owned()));
    let scan = dynamodb.scan().table_name("things").select(Select::Count);

    let all = query.clone().send().await.unwrap();
    assert_eq!((all.items().len(), all.last_evaluated_key()), (SMALL, None));
    let last = &all.items()[SMALL - 1];
    assert_eq!(last["n"], AttributeValue::N((SMALL - 1).to_string()));
    let all = scan.clone().send().await.unwrap();
    assert_eq!((all.count(), all.last_evaluated_key()), (SMALL as i32, None));

    // A limit that was asked for is kept, and so is the key to continue from.
    for limit in [2_047, 2_048, 2_049, 8_192] {
        let some = query.clone().limit(limit).send().await.unwrap();
        assert_eq!(some.count(), limit);
        let rest = query.clone().set_exclusive_start_key(some.last_evaluated_key).send().await.unwrap();
        assert_eq!((rest.count(), rest.last_evaluated_key()), (SMALL as i32 - limit, None));
        assert_eq!(scan.clone().limit(limit).send().await.unwrap().count(), limit);
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_ends_at_1_mb() {
    let dynamodb = table((0..120).map(|number| thing(number, &"x".repeat(10_000)))).await;
    let query = dynamodb.query().table_name("things").key_condition_expression("#of = :a");
    let query = query.expression_attribute_names("#of", "of");
    let query = query.expression_attribute_values(":a", AttributeValue::S("a".to_owned()));
    // Once for a table whose items are not known, and once for one whose pages are.
    for _ in 0..2 {
        let page = query.clone().send().await.unwrap();
        // 10,000 bytes, and the keys' and attributes' names and values.
        assert_eq!(page.count(), 104);
        let rest = query.clone().set_exclusive_start_key(page.last_evaluated_key).send().await.unwrap();
        assert_eq!((rest.count(), rest.last_evaluated_key()), (16, None));
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_small_items_are_whole_behind_pages_of_large_ones() {
    let large = (0..120).map(|number| thing(number, &"x".repeat(10_000)));
    let dynamodb = table(large.chain((120..SMALL).map(|number| thing(number, "")))).await;
    let query = dynamodb.query().table_name("things").key_condition_expression("#of = :a");
    let query = query.expression_attribute_names("#of", "of");
    let query = query.expression_attribute_values(":a", AttributeValue::S("a".to_owned()));
    let page = query.clone().send().await.unwrap();
    assert_eq!(page.count(), 104);
    let rest = query.set_exclusive_start_key(page.last_evaluated_key).send().await.unwrap();
    assert_eq!((rest.count(), rest.last_evaluated_key()), (SMALL as i32 - 104, None));
}
