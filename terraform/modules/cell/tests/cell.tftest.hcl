mock_provider "aws" {
  override_during = plan
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
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-events"
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
  stack = {
    prefix              = "cellstack"
    account             = "111122223333"
    partition           = "aws"
    region              = "eu-west-1"
    dns_suffix          = "amazonaws.com"
    architecture        = "arm64"
    alarm_actions       = []
    deletion_protection = true
    iam                 = { path = "/" }
    kms_key_arn         = null
    log_level           = "INFO"
    log_retention_days  = 30
    local_stack         = false
    tags                = {}
  }
  cell_id = "alpha"
  functions = {
    producer = { memory = 256, timeout = 30, reserved_concurrency = 10 }
    consumer = { memory = 256, timeout = 30, reserved_concurrency = 20 }
  }
  ordering = "none"
  pipeline = {
    stream_batch_size         = 100
    stream_batching_window    = 0
    stream_parallelization    = 1
    stream_retries            = 10000
    stream_record_age         = 21600
    queue_batch_size          = 10
    queue_batching_window     = 0
    queue_maximum_concurrency = 10
    queue_retention           = 345600
    max_tries                 = 5
    max_receive_count         = 50
    event_timeout             = 10
    dlq_retention             = 1209600
  }
  alarms = { iterator_age = 900, message_age = 900, letters_standing = 24 }
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

run "both_functions_log_into_the_cells_group" {
  command = plan

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/lambda/cellstack-cell-alpha" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "An event's way can be read in one place, which forgets."
  }

  assert {
    condition = alltrue([
      for function in output.functions : [for statement in function.statements : statement.Resource if statement.Sid == "OwnLogGroup"] == [
        ["arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/cellstack-cell-alpha:log-stream:*"]
      ]
    ])
    error_message = "And in no other group."
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
    functions = merge(var.functions, { consumer = merge(var.functions.consumer, { timeout = 20 }) })
    pipeline  = merge(var.pipeline, { queue_batching_window = 5 })
  }

  assert {
    condition     = aws_sqs_queue.events.visibility_timeout_seconds == 125
    error_message = "6 x 20 s + 5 s."
  }
}

run "visibility_can_be_given" {
  command = plan

  variables {
    pipeline = merge(var.pipeline, { queue_visibility_timeout = 60 })
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
      maxReceiveCount     = 50
    }
    error_message = "The queue is the last resort: the consumer gives up an event after five tries, with a reason."
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

run "new_letters_ring_and_old_ones_do_not" {
  command = plan

  assert {
    condition = one([for query in aws_cloudwatch_metric_alarm.this["letters"].metric_query : query.expression if query.return_data == true]) == format(
      "MAX([%s])", join(", ", [for queue in ["dlq", "stream", "topic"] : "DIFF(FILL(FILL(SUM([lie_${queue}, fly_${queue}]), REPEAT), 0))"])
    )
    error_message = "What rings is that the number of letters rises, in any of the three queues; one that is only looked at is in flight, and counted."
  }

  assert {
    condition = toset([
      for query in aws_cloudwatch_metric_alarm.this["letters"].metric_query : "${one(query.metric).metric_name} ${one(query.metric).dimensions.QueueName}" if query.expression == null
      ]) == toset(flatten([
        for metric in ["ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"] : [
          for queue in ["events-dlq", "topic-dlq", "stream-dlq"] : "${metric} cellstack-cell-alpha-${queue}"
        ]
    ]))
    error_message = "Each dead-letter queue is watched. A queue's move is not counted as sent."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["letters"].datapoints_to_alarm == 1 && aws_cloudwatch_metric_alarm.this["letters"].evaluation_periods == 15
    error_message = "A letter that is counted late rings still, and the alarm ends by itself after a quarter of an hour."
  }
}

run "letters_that_lie_are_reminded_of" {
  command = plan

  variables {
    alarms = merge(var.alarms, { letters_standing = 48 })
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["letters-standing"].datapoints_to_alarm == 48 &&
      aws_cloudwatch_metric_alarm.this["letters-standing"].evaluation_periods == 48 && alltrue([
        for query in aws_cloudwatch_metric_alarm.this["letters-standing"].metric_query :
        one(query.metric).period == 3600 && one(query.metric).stat == "Minimum" if query.expression == null
      ])
    )
    error_message = "Two days on end not one hour without a letter."
  }
}

run "lateness_is_an_age" {
  command = plan

  assert {
    condition = one([for query in aws_cloudwatch_metric_alarm.this["late"].metric_query : query.expression if query.return_data == true]) == (
      "MAX([stream / 900000, queue / 900])"
    )
    error_message = "Stream and queue ring after 15 minutes, each by itself (the stream's age is in milliseconds)."
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.this["late"].metric_query : query.id => [one(query.metric).metric_name, one(query.metric).dimensions] if query.expression == null
      } == {
      stream = ["IteratorAge", tomap({ FunctionName = "cellstack-cell-alpha-producer" })]
      queue  = ["ApproximateAgeOfOldestMessage", tomap({ QueueName = "cellstack-cell-alpha-events" })]
    }
    error_message = "The ages are the producer's and the queue's."
  }
}

# A mapping that is off has no age: no data, and an alarm on its age alone stays silent until the stream has dropped everything.
run "a_stopped_mapping_is_seen_by_writes_that_nobody_reads" {
  command = plan

  assert {
    condition = one([for query in aws_cloudwatch_metric_alarm.stopped.metric_query : query.expression if query.return_data == true]) == (
      "IF(writes > 0 AND SUM([reads, writes * 0]) == 0, 1, 0)"
    )
    error_message = "No reads is what a stopped mapping shows: there are no data points to fill in."
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.stopped.metric_query : query.id => [one(query.metric).metric_name, one(keys(one(query.metric).dimensions))] if query.expression == null
      } == {
      writes = ["ConsumedWriteCapacityUnits", "TableName"]
      reads  = ["PolledEventCount", "EventSourceMappingUUID"]
    }
    error_message = "Writes of the table, reads of its mapping."
  }

  assert {
    condition     = one(aws_lambda_event_source_mapping.stream.metrics_config).metrics == toset(["EventCount"])
    error_message = "Without this the mapping counts nothing, and the alarm would always ring."
  }
}

run "failing_and_throttled_functions_ring" {
  command = plan

  assert {
    condition = toset([
      for query in aws_cloudwatch_metric_alarm.this["failing"].metric_query : "${one(query.metric).metric_name} ${one(query.metric).dimensions.FunctionName}" if query.expression == null
      ]) == toset([
      "Errors cellstack-cell-alpha-producer", "Throttles cellstack-cell-alpha-producer",
      "Errors cellstack-cell-alpha-consumer", "Throttles cellstack-cell-alpha-consumer",
    ])
    error_message = "Both functions, both ways."
  }
}

run "a_cell_speaks_with_one_voice" {
  command = plan

  variables {
    stack = merge(var.stack, { alarm_actions = ["arn:aws:sns:eu-west-1:111122223333:ops"] })
  }

  assert {
    condition = aws_cloudwatch_composite_alarm.unhealthy.alarm_rule == join(" OR ", [
      for name in ["failing", "late", "letters", "stopped"] : "ALARM(\"cellstack-cell-alpha-${name}\")"
    ])
    error_message = "The cell is unhealthy if any of them is on."
  }

  assert {
    condition = (
      aws_cloudwatch_composite_alarm.unhealthy.alarm_actions == toset(var.stack.alarm_actions) &&
      aws_cloudwatch_composite_alarm.unhealthy.ok_actions == toset(var.stack.alarm_actions) &&
      [for name, alarm in merge(aws_cloudwatch_metric_alarm.this, { stopped = aws_cloudwatch_metric_alarm.stopped }) : name if try(length(alarm.alarm_actions), 0) > 0] == ["letters-standing"]
    )
    error_message = "People hear of a sick cell once, and of letters that nobody looks after."
  }

  assert {
    condition     = output.alarms == ["cellstack-cell-alpha-unhealthy", "cellstack-cell-alpha-letters-standing"]
    error_message = "Those are the alarms that the cell names."
  }

  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.this), [aws_cloudwatch_metric_alarm.stopped]) : alarm.treat_missing_data == "notBreaching" if alarm.alarm_name != "cellstack-cell-alpha-letters-standing"])
    error_message = "A cell without traffic is a healthy one."
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
    pipeline  = merge(var.pipeline, { max_tries = 7, event_timeout = 8.1 })
    functions = merge(var.functions, { consumer = merge(var.functions.consumer, { environment = { ORDERS_GATEWAY_URL = "https://pay.example" } }) })
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
      CELLSTACK_CELL_ID          = "alpha"
      CELLSTACK_TABLE            = "cellstack-cell-alpha"
      CELLSTACK_DLQ_URL          = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-events-dlq"
      CELLSTACK_QUEUE_URL        = "https://sqs.eu-west-1.amazonaws.com/111122223333/cellstack-cell-alpha-events"
      CELLSTACK_MAX_TRIES        = "7"
      CELLSTACK_EVENT_TIMEOUT_MS = "8100"
      ORDERS_GATEWAY_URL         = "https://pay.example"
    })
    error_message = "The consumer deletes from the cell's queue, gives up into its events-dlq, knows how often and how long it tries, in whole milliseconds, and has its processor's variables."
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
    stack = merge(var.stack, { kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234" })
  }

  assert {
    condition = (
      aws_dynamodb_table.this.server_side_encryption[0].kms_key_arn == var.stack.kms_key_arn &&
      aws_sns_topic.events.kms_master_key_id == var.stack.kms_key_arn && alltrue([
        for queue in [aws_sqs_queue.events, aws_sqs_queue.dlq, aws_sqs_queue.topic_dlq, aws_sqs_queue.stream_dlq] :
        queue.kms_master_key_id == var.stack.kms_key_arn
      ])
    )
    error_message = "One variable moves all that a cell stores to the customer's key."
  }

  assert {
    condition = alltrue([
      for function in output.functions : [
        for statement in function.statements : statement.Action if contains(statement.Resource, var.stack.kms_key_arn)
      ] == [["kms:Decrypt", "kms:GenerateDataKey"]]
    ])
    error_message = "Both functions may use the key: to read what is encrypted, and to send to topic and dead-letter queues."
  }

  assert {
    condition = {
      for name, function in output.functions : name => [
        for statement in function.statements : statement.Condition.StringEquals["kms:ViaService"] if statement.Sid == "CustomerKey"
      ]
      } == {
      producer = [[for service in ["dynamodb", "lambda", "sns", "sqs"] : "${service}.eu-west-1.amazonaws.com"]]
      consumer = [[for service in ["dynamodb", "lambda", "sqs"] : "${service}.eu-west-1.amazonaws.com"]]
    }
    error_message = "Through the services each works with, and in no other way."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.kms_key_id == var.stack.kms_key_arn
    error_message = "The log too."
  }
}

run "an_emulator_gets_what_it_needs_and_only_it" {
  command = plan

  variables {
    stack = merge(var.stack, { local_stack = true })
  }

  assert {
    condition     = !strcontains(aws_sqs_queue.events.policy, "SecureTransport") && !strcontains(aws_sns_topic.events.policy, "SecureTransport")
    error_message = "An emulator has no TLS."
  }

  assert {
    condition     = contains(flatten(output.functions.producer.statements[*].Action), "sns:PublishBatch")
    error_message = "MiniStack authorises a batch by its own name."
  }

  assert {
    condition     = length(setsubtract(["sqs:ChangeMessageVisibilityBatch", "sqs:DeleteMessageBatch"], flatten(output.functions.consumer.statements[*].Action))) == 0
    error_message = "Batches of both as well."
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.stream.metrics_config) == 0
    error_message = "It counts nothing of a mapping."
  }
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
