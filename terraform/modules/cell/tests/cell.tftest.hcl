mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { id = "eu-west-1" }
  }
}

override_resource {
  target          = aws_dynamodb_table.this
  override_during = plan
  values = {
    arn        = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha"
    stream_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha/stream/2026-01-01T00:00:00.000"
  }
}

override_resource {
  target          = aws_sns_topic.events
  override_during = plan
  values = {
    arn = "arn:aws:sns:eu-west-1:111122223333:cellstack-cell-alpha-events"
  }
}

override_resource {
  target          = aws_sqs_queue.events
  override_during = plan
  values = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events"
  }
}

override_resource {
  target          = aws_sqs_queue.dlq
  override_during = plan
  values = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events-dlq"
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-events-dlq"
  }
}

override_resource {
  target          = aws_sqs_queue.topic_dlq
  override_during = plan
  values = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-topic-dlq"
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-topic-dlq"
  }
}

override_resource {
  target          = aws_sqs_queue.stream_dlq
  override_during = plan
  values = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-stream-dlq"
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-stream-dlq"
  }
}

# The topic's policy names the producer's role.
override_resource {
  target          = module.producer.aws_iam_role.this
  override_during = plan
  values = {
    arn = "arn:aws:iam::111122223333:role/cellstack-cell-alpha-producer"
  }
}

variables {
  prefix  = "cellstack"
  cell_id = "alpha"
  artifacts = {
    producer = { bucket = "code", key = "producer.zip", source_code_hash = "p=" }
    consumer = { bucket = "code", key = "consumer.zip", source_code_hash = "c=" }
  }
}

run "table_has_a_stream_and_is_protected" {
  command = plan

  assert {
    condition = (
      aws_dynamodb_table.this.name == "cellstack-cell-alpha" &&
      aws_dynamodb_table.this.hash_key == "tenant_id" && aws_dynamodb_table.this.range_key == "sk"
    )
    error_message = "One partition a tenant."
  }

  assert {
    condition     = aws_dynamodb_table.this.stream_enabled && aws_dynamodb_table.this.stream_view_type == "NEW_AND_OLD_IMAGES"
    error_message = "The stream carries both images."
  }

  assert {
    condition = (
      aws_dynamodb_table.this.deletion_protection_enabled && aws_dynamodb_table.this.point_in_time_recovery[0].enabled &&
      aws_dynamodb_table.this.server_side_encryption[0].enabled && one(aws_dynamodb_table.this.ttl).attribute_name == "expires_at"
    )
    error_message = "The table is protected from deletion, recoverable, encrypted, and forgets by expires_at."
  }
}

run "stream_mapping_has_every_failure_setting" {
  command = plan

  assert {
    condition = (
      aws_lambda_event_source_mapping.stream.event_source_arn == aws_dynamodb_table.this.stream_arn &&
      aws_lambda_event_source_mapping.stream.starting_position == "TRIM_HORIZON" &&
      aws_lambda_event_source_mapping.stream.batch_size == 100 &&
      aws_lambda_event_source_mapping.stream.maximum_batching_window_in_seconds == 0 &&
      aws_lambda_event_source_mapping.stream.parallelization_factor == 1
    )
    error_message = "The producer takes the whole stream of its own table, in order."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.stream.maximum_retry_attempts == 10000 &&
      aws_lambda_event_source_mapping.stream.maximum_record_age_in_seconds == 21600 &&
      aws_lambda_event_source_mapping.stream.bisect_batch_on_function_error &&
      aws_lambda_event_source_mapping.stream.function_response_types == toset(["ReportBatchItemFailures"])
    )
    error_message = "No record holds up its shard for ever, and one bad record fails alone."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.stream.destination_config[0].on_failure[0].destination_arn ==
      "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-stream-dlq"
    )
    error_message = "What is given up goes to the cell's own stream-dlq."
  }

  assert {
    condition = [for filter in one(aws_lambda_event_source_mapping.stream.filter_criteria).filter : jsondecode(filter.pattern)] == [{
      eventName = ["INSERT"]
      dynamodb  = { NewImage = { sk = { S = [{ prefix = "event#" }] }, status = { S = ["accepted"] } } }
    }]
    error_message = "New events and nothing else: without this filter the consumer's own writes are published again, for ever."
  }
}

run "queue_mapping_fails_single_messages_and_is_bounded" {
  command = plan

  assert {
    condition = (
      aws_lambda_event_source_mapping.queue.event_source_arn == "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events" &&
      aws_lambda_event_source_mapping.queue.batch_size == 10 &&
      aws_lambda_event_source_mapping.queue.maximum_batching_window_in_seconds == 0 &&
      aws_lambda_event_source_mapping.queue.function_response_types == toset(["ReportBatchItemFailures"])
    )
    error_message = "The consumer takes batches from its own queue and fails messages one by one."
  }

  assert {
    condition = (
      one(aws_lambda_event_source_mapping.queue.scaling_config).maximum_concurrency == 10 &&
      var.functions.consumer.reserved_concurrency >= 10
    )
    error_message = "The mapping never asks for more executions than the function has."
  }
}

run "visibility_is_six_timeouts_and_the_window" {
  command = plan

  assert {
    condition     = aws_sqs_queue.events.visibility_timeout_seconds == 180
    error_message = "6 x 30 s."
  }
}

run "visibility_follows_timeout_and_window" {
  command = plan

  variables {
    functions = { consumer = { timeout = 20 } }
    pipeline  = { queue_batching_window = 5 }
  }

  assert {
    condition     = aws_sqs_queue.events.visibility_timeout_seconds == 125
    error_message = "6 x 20 s + 5 s."
  }
}

run "visibility_can_be_given" {
  command = plan

  variables {
    pipeline = { queue_visibility_timeout = 60 }
  }

  assert {
    condition     = aws_sqs_queue.events.visibility_timeout_seconds == 60
    error_message = "A given value wins."
  }
}

run "every_dead_end_has_a_queue" {
  command = plan

  assert {
    condition = jsondecode(aws_sqs_queue.events.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events-dlq"
      maxReceiveCount     = 5
    }
    error_message = "The queue gives up after five receives, into its own DLQ."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.dlq.redrive_allow_policy) == {
      redrivePermission = "byQueue"
      sourceQueueArns   = ["arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events"]
    }
    error_message = "The DLQ takes from its own queue only."
  }

  assert {
    condition = (
      aws_sns_topic_subscription.queue.endpoint == "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events" &&
      aws_sns_topic_subscription.queue.protocol == "sqs" && aws_sns_topic_subscription.queue.raw_message_delivery
    )
    error_message = "The queue gets the message itself, without SNS's envelope."
  }

  assert {
    condition = jsondecode(aws_sns_topic_subscription.queue.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-topic-dlq"
    }
    error_message = "What the topic cannot deliver goes to topic-dlq."
  }

  assert {
    condition = aws_sqs_queue.events.message_retention_seconds == 345600 && alltrue([
      for queue in [aws_sqs_queue.dlq, aws_sqs_queue.topic_dlq, aws_sqs_queue.stream_dlq] : queue.message_retention_seconds == 1209600
    ])
    error_message = "4 days in the queue, 14 in the dead-letter queues."
  }

  assert {
    condition = [aws_sqs_queue.events.name, aws_sqs_queue.dlq.name, aws_sqs_queue.topic_dlq.name, aws_sqs_queue.stream_dlq.name] == [
      "cellstack-cell-alpha-events", "cellstack-cell-alpha-events-dlq", "cellstack-cell-alpha-topic-dlq",
      "cellstack-cell-alpha-stream-dlq",
    ]
    error_message = "The names are a contract with the operators' tools."
  }
}

run "every_dead_end_has_an_alarm" {
  command = plan

  assert {
    condition = toset([for alarm in aws_cloudwatch_metric_alarm.dead_letters : alarm.dimensions.QueueName]) == toset([
      "cellstack-cell-alpha-events-dlq", "cellstack-cell-alpha-topic-dlq", "cellstack-cell-alpha-stream-dlq",
    ])
    error_message = "Each dead-letter queue is watched."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.iterator_age.dimensions.FunctionName == "cellstack-cell-alpha-producer" &&
      aws_cloudwatch_metric_alarm.iterator_age.metric_name == "IteratorAge" &&
      aws_cloudwatch_metric_alarm.iterator_age.threshold == 900000
    )
    error_message = "A stream that falls behind rings after 15 minutes (the metric counts milliseconds)."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.message_age.dimensions.QueueName == "cellstack-cell-alpha-events" &&
      aws_cloudwatch_metric_alarm.message_age.threshold == 900
    )
    error_message = "A queue that falls behind rings after 15 minutes."
  }
}

run "queues_and_topic_let_in_their_source_over_tls" {
  command = plan

  assert {
    condition = alltrue([
      for queue in [aws_sqs_queue.events, aws_sqs_queue.topic_dlq] : [
        for statement in jsondecode(queue.policy).Statement : statement if statement.Effect == "Allow"
        ] == [{
          Sid       = "FromTopic", Effect = "Allow", Action = "sqs:SendMessage"
          Principal = { Service = "sns.amazonaws.com" }
          Resource  = "arn:aws:sqs:eu-west-1:111122223333:${queue.name}"
          Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:sns:eu-west-1:111122223333:cellstack-cell-alpha-events" } }
      }]
    ])
    error_message = "The queue and topic-dlq take from the cell's own topic only."
  }

  assert {
    condition = [for statement in jsondecode(aws_sns_topic.events.policy).Statement : statement if statement.Effect == "Allow"] == [{
      Sid       = "FromProducer", Effect = "Allow", Action = "sns:Publish"
      Principal = { AWS = "arn:aws:iam::111122223333:role/cellstack-cell-alpha-producer" }
      Resource  = "arn:aws:sns:eu-west-1:111122223333:cellstack-cell-alpha-events"
    }]
    error_message = "The topic's policy names the cell's own producer."
  }

  assert {
    condition = alltrue([
      for policy in [
        aws_sqs_queue.events.policy, aws_sqs_queue.dlq.policy, aws_sqs_queue.topic_dlq.policy, aws_sqs_queue.stream_dlq.policy,
        aws_sns_topic.events.policy,
        ] : contains([
          for statement in jsondecode(policy).Statement :
          statement.Effect == "Deny" && statement.Principal == "*" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
      ], true)
    ])
    error_message = "Nobody gets in without TLS."
  }

  assert {
    condition = (
      aws_sns_topic.events.kms_master_key_id == "alias/aws/sns" && alltrue([
        for queue in [aws_sqs_queue.events, aws_sqs_queue.dlq, aws_sqs_queue.topic_dlq, aws_sqs_queue.stream_dlq] : queue.sqs_managed_sse_enabled
      ])
    )
    error_message = "Topic and queues are encrypted."
  }
}

run "producer_may_read_its_stream_and_publish" {
  command = plan

  assert {
    condition = [
      for statement in jsondecode(jsonencode(output.functions.producer.statements)) : statement if statement.Sid != "OwnLogGroup"
      ] == [
      {
        Sid = "ReadStream", Effect = "Allow",
        Action = [
          "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams",
        ]
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha/stream/2026-01-01T00:00:00.000"]
      },
      {
        Sid      = "Publish", Effect = "Allow", Action = ["sns:Publish"],
        Resource = ["arn:aws:sns:eu-west-1:111122223333:cellstack-cell-alpha-events"]
      },
      {
        Sid      = "GiveUp", Effect = "Allow", Action = ["sqs:SendMessage"],
        Resource = ["arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-stream-dlq"]
      },
    ]
    error_message = "The producer reads its stream, publishes to its topic, writes its stream-dlq, and nothing else."
  }
}

run "consumer_may_take_messages_and_write_its_table" {
  command = plan

  assert {
    condition = [
      for statement in jsondecode(jsonencode(output.functions.consumer.statements)) : statement if statement.Sid != "OwnLogGroup"
      ] == [
      {
        Sid      = "TakeMessages", Effect = "Allow",
        Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        Resource = ["arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events"]
      },
      {
        Sid = "WriteEffects", Effect = "Allow",
        Action = [
          "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem",
        ]
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha"]
      },
      {
        Sid      = "GiveUp", Effect = "Allow", Action = ["sqs:SendMessage"],
        Resource = ["arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events-dlq"]
      },
    ]
    error_message = "The consumer takes from its queue, writes its table and its events-dlq, and nothing else."
  }
}

run "functions_know_where_they_give_up" {
  command = plan

  variables {
    pipeline = { max_receive_count = 7 }
  }

  assert {
    condition = output.functions.producer.environment == tomap({
      CELLSTACK_CELL_ID   = "alpha"
      CELLSTACK_TOPIC_ARN = "arn:aws:sns:eu-west-1:111122223333:cellstack-cell-alpha-events"
      CELLSTACK_DLQ_URL   = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-stream-dlq"
    })
    error_message = "The producer quarantines in the cell's stream-dlq."
  }

  assert {
    condition = output.functions.consumer.environment == tomap({
      CELLSTACK_CELL_ID      = "alpha"
      CELLSTACK_TABLE        = "cellstack-cell-alpha"
      CELLSTACK_DLQ_URL      = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-events-dlq"
      CELLSTACK_MAX_RECEIVES = "7"
    })
    error_message = "The consumer gives up into the cell's events-dlq, and knows when the queue would."
  }

  # Sends by role need no word in the queue's policy, and nothing in there may refuse them.
  assert {
    condition = alltrue([
      for queue in [aws_sqs_queue.dlq, aws_sqs_queue.stream_dlq] : [
        for statement in jsondecode(queue.policy).Statement : statement.Sid if statement.Effect == "Deny"
      ] == ["TlsOnly"]
    ])
    error_message = "Of those whose role allows it, only senders without TLS are refused."
  }
}

run "the_registry_hears_of_every_queue" {
  command = plan

  assert {
    condition = [output.resources.dlq_url, output.resources.topic_dlq_url, output.resources.stream_dlq_url] == [
      for name in ["events-dlq", "topic-dlq", "stream-dlq"] :
      "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-${name}"
    ]
    error_message = "Operators' tools find all three dead-letter queues there."
  }
}

run "no_role_reaches_out_of_its_cell" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for function in output.functions : [
        for statement in function.statements : [for arn in statement.Resource : strcontains(arn, "cellstack-cell-alpha")]
      ]
    ]))
    error_message = "Every ARN of every role belongs to this cell."
  }
}

run "a_customer_key_replaces_every_aws_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234"
  }

  assert {
    condition = (
      aws_dynamodb_table.this.server_side_encryption[0].kms_key_arn == var.kms_key_arn &&
      aws_sns_topic.events.kms_master_key_id == var.kms_key_arn && alltrue([
        for queue in [aws_sqs_queue.events, aws_sqs_queue.dlq, aws_sqs_queue.topic_dlq, aws_sqs_queue.stream_dlq] :
        queue.kms_master_key_id == var.kms_key_arn
      ])
    )
    error_message = "One variable moves all that a cell stores to the customer's key."
  }

  assert {
    condition = alltrue([
      for function in output.functions : [
        for statement in function.statements : statement.Action if contains(statement.Resource, var.kms_key_arn)
      ] == [["kms:Decrypt", "kms:GenerateDataKey"]]
    ])
    error_message = "Both functions may use the key: to read what is encrypted, and to send to topic and dead-letter queues."
  }
}

run "an_emulator_gets_what_it_needs_and_only_it" {
  command = plan

  variables {
    local_stack = true
  }

  assert {
    condition     = !strcontains(aws_sqs_queue.events.policy, "SecureTransport") && !strcontains(aws_sns_topic.events.policy, "SecureTransport")
    error_message = "An emulator has no TLS."
  }

  assert {
    condition     = contains(flatten(output.functions.producer.statements[*].Action), "sns:PublishBatch")
    error_message = "MiniStack authorises a batch by its own name."
  }
}

run "refuses_a_bad_prefix" {
  command = plan
  variables {
    prefix = "cellstack-"
  }
  expect_failures = [var.prefix]
}

run "refuses_a_long_cell_id" {
  command = plan
  variables {
    cell_id = "a-cell-id-of-21-chars"
  }
  expect_failures = [var.cell_id]
}

run "refuses_a_missing_artifact" {
  command = plan
  variables {
    artifacts = { producer = var.artifacts.producer, consumr = var.artifacts.consumer }
  }
  # The consumer's zip is looked up by its name, which fails as well; the variable says it in words.
  expect_failures = [var.artifacts]
}

run "refuses_an_unknown_architecture" {
  command = plan
  variables {
    architecture = "x86"
  }
  expect_failures = [var.architecture]
}

run "refuses_a_timeout_below_its_own_calls" {
  command = plan
  variables {
    functions = { producer = { timeout = 2 } }
  }
  expect_failures = [var.functions]
}

run "refuses_an_empty_stream_batch" {
  command = plan
  variables {
    pipeline = { stream_batch_size = 0 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_long_stream_window" {
  command = plan
  variables {
    pipeline = { stream_batching_window = 301 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_too_much_parallelization" {
  command = plan
  variables {
    pipeline = { stream_parallelization = 11 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_endless_stream_retries" {
  command = plan
  variables {
    pipeline = { stream_retries = -1 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_record_age_past_the_stream" {
  command = plan
  variables {
    pipeline = { stream_record_age = 86400 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_big_queue_batches_without_window" {
  command = plan
  variables {
    pipeline = { queue_batch_size = 11 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_long_queue_window" {
  command = plan
  variables {
    pipeline = { queue_batching_window = 301 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_queue_concurrency_of_one" {
  command = plan
  variables {
    pipeline = { queue_maximum_concurrency = 1 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_more_concurrency_than_is_reserved" {
  command = plan
  variables {
    pipeline = { queue_maximum_concurrency = 21 }
  }
  expect_failures = [var.pipeline]
}

run "takes_any_concurrency_from_the_shared_pool" {
  command = plan
  variables {
    pipeline  = { queue_maximum_concurrency = 21 }
    functions = { consumer = { reserved_concurrency = -1 } }
  }
}

run "refuses_a_visibility_below_the_consumers_timeout" {
  command = plan
  variables {
    pipeline = { queue_visibility_timeout = 29 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_dead_letters_that_die_before_the_queue" {
  command = plan
  variables {
    pipeline = { dlq_retention = 3600 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_giving_up_early" {
  command = plan
  variables {
    pipeline = { max_receive_count = 4 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_alarms_that_ring_too_late" {
  command = plan
  variables {
    alarms = { iterator_age = 80000 }
  }
  expect_failures = [var.alarms]
}

run "refuses_alarm_actions_that_are_no_arns" {
  command = plan
  variables {
    alarm_actions = ["ops@example.com"]
  }
  expect_failures = [var.alarm_actions]
}

run "refuses_a_key_alias" {
  command = plan
  variables {
    kms_key_arn = "alias/mine"
  }
  expect_failures = [var.kms_key_arn]
}

run "refuses_an_unknown_log_level" {
  command = plan
  variables {
    log_level = "LOUD"
  }
  expect_failures = [var.log_level]
}

run "refuses_odd_log_retention" {
  command = plan
  variables {
    log_retention_days = 31
  }
  expect_failures = [var.log_retention_days]
}

run "refuses_too_many_tags" {
  command = plan
  variables {
    tags = { for n in range(46) : "tag${n}" => "x" }
  }
  expect_failures = [var.tags]
}
