//! Stacks in memory that may hold more than 1 GiB.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use cellstack_emulator::Aws;

#[tokio::test(start_paused = true)]
async fn two_in_one_process_have_tables_of_their_own() {
    let stacks = [(); 2].map(|()| Aws::builder().max_bytes(4 << 30).build());
    for stack in &stacks {
        let dynamodb = Client::new(&stack.sdk_config());
        let name = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
        let created = dynamodb
            .create_table()
            .table_name("things")
            .attribute_definitions(name.build().unwrap())
            .key_schema(key.build().unwrap())
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await;
        created.expect("no other stack has this table");
    }
    // Each table of the engine has a page or more.
    assert!(stacks.iter().all(|stack| stack.held_bytes().unwrap() % 16_384 == 0), "pages are large");
}
