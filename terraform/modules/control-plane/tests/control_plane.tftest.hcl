mock_provider "aws" {
  override_during = plan
}

variables {
  stack = {
    prefix              = "cellstack"
    deletion_protection = true
    tags                = {}
  }
  cells = {
    alpha = {
      capacity = 1000
      weight   = 100
      wave     = 1
      tags     = { tier = "gold" }
      resources = {
        account        = "111122223333"
        dlq_arn        = "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events-dlq"
        dlq_url        = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-events-dlq"
        queue_arn      = "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events"
        queue_url      = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-events"
        region         = "eu-west-1"
        stream_dlq_url = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-stream-dlq"
        table          = "cellstack-cell-alpha"
        table_arn      = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha"
        topic_arn      = "arn:aws:sns:eu-west-1:111122223333:cellstack-cell-alpha-events"
        topic_dlq_url  = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-topic-dlq"
      }
    }
  }
}

run "tables_are_named_keyed_and_protected" {
  command = plan

  assert {
    condition = (
      aws_dynamodb_table.tenant_map.name == "cellstack-tenant-map" && aws_dynamodb_table.tenant_map.hash_key == "tenant_id"
    )
    error_message = "The tenant map is keyed by tenant."
  }

  assert {
    condition = (
      aws_dynamodb_table.registry.name == "cellstack-registry" &&
      aws_dynamodb_table.registry.hash_key == "pk" && aws_dynamodb_table.registry.range_key == "sk"
    )
    error_message = "The registry is keyed by pk and sk."
  }

  assert {
    condition = [
      for index in aws_dynamodb_table.registry.global_secondary_index : [index.name, index.hash_key, index.projection_type]
    ] == [["cells", "cell_id", "KEYS_ONLY"]]
    error_message = "Operators' tools list cells by this index."
  }

  assert {
    condition = alltrue([
      for table in [aws_dynamodb_table.tenant_map, aws_dynamodb_table.registry] :
      table.deletion_protection_enabled && table.point_in_time_recovery[0].enabled && table.server_side_encryption[0].enabled
    ])
    error_message = "Both tables are protected from deletion, recoverable and encrypted."
  }
}

run "each_cell_has_its_config_in_the_registry" {
  command = plan

  assert {
    condition = jsondecode(aws_dynamodb_table_item.cell["alpha"].item) == {
      pk             = { S = "cell#alpha" }
      sk             = { S = "config" }
      cell_id        = { S = "alpha" }
      table          = { S = "cellstack-cell-alpha" }
      table_arn      = { S = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha" }
      topic_arn      = { S = "arn:aws:sns:eu-west-1:111122223333:cellstack-cell-alpha-events" }
      queue_url      = { S = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-events" }
      queue_arn      = { S = "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events" }
      dlq_url        = { S = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-events-dlq" }
      dlq_arn        = { S = "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events-dlq" }
      stream_dlq_url = { S = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-stream-dlq" }
      topic_dlq_url  = { S = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-topic-dlq" }
      region         = { S = "eu-west-1" }
      account        = { S = "111122223333" }
      wave           = { N = "1" }
      capacity       = { N = "1000" }
      weight         = { N = "100" }
      tags           = { M = { tier = { S = "gold" } } }
    }
    error_message = "The item is what routers and operators' tools read: names and types are a contract."
  }
}

run "a_customer_key_reaches_both_tables" {
  command = plan

  variables {
    stack = merge(var.stack, { kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234" })
  }

  assert {
    condition = alltrue([
      for table in [aws_dynamodb_table.tenant_map, aws_dynamodb_table.registry] :
      table.server_side_encryption[0].kms_key_arn == var.stack.kms_key_arn
    ])
    error_message = "Both tables are encrypted with the key."
  }
}

run "deletion_protection_can_be_lifted" {
  command = plan

  variables {
    stack = merge(var.stack, { deletion_protection = false })
  }

  assert {
    condition     = !aws_dynamodb_table.tenant_map.deletion_protection_enabled && !aws_dynamodb_table.registry.deletion_protection_enabled
    error_message = "Nothing stands in the way of destroying a stack that was told to go."
  }
}

run "a_cell_about_to_go_gets_no_new_tenants_and_is_marked" {
  command = plan

  variables {
    retire = ["alpha", "gone"]
  }

  assert {
    condition = (
      jsondecode(aws_dynamodb_table_item.cell["alpha"].item).weight == { N = "0" } &&
      jsondecode(aws_dynamodb_table_item.cell["alpha"].item).capacity == { N = "1000" }
    )
    error_message = "Placement goes by weight."
  }

  assert {
    condition = { for id, item in aws_dynamodb_table_item.retired : id => jsondecode(item.item) } == {
      alpha = { pk = { S = "cell#alpha" }, sk = { S = "retired" }, cell_id = { S = "alpha" } }
      gone  = { pk = { S = "cell#gone" }, sk = { S = "retired" }, cell_id = { S = "gone" } }
    }
    error_message = "The mark stays when the cell is gone, and its keys are no config's, which readers go by."
  }
}

run "refuses_half_a_capacity" {
  command = plan
  variables {
    cells = { alpha = merge(var.cells.alpha, { capacity = 0.5 }) }
  }
  expect_failures = [var.cells]
}

run "refuses_to_retire_what_cannot_be_a_cell" {
  command = plan
  variables {
    retire = ["Alpha"]
  }
  expect_failures = [var.retire]
}
