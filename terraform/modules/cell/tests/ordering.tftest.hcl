# Both settings of `ordering`, applied to a mocked provider one after the other, as a cell lives through them.

mock_provider "aws" {
  # ARNs that come out of one resource have to pass the provider's validation of the next.
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mocked" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:mocked" }
  }
}

override_resource {
  target = aws_dynamodb_table.this
  values = {
    arn        = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha"
    stream_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha/stream/2026-01-01T00:00:00.000"
  }
}

override_resource {
  target = aws_sns_topic.events
  values = { arn = "arn:aws:sns:eu-west-1:111122223333:the-topic" }
}

override_resource {
  target = aws_sqs_queue.events
  values = { arn = "arn:aws:sqs:eu-west-1:111122223333:the-queue", url = "https://sqs/the-queue" }
}

override_resource {
  target = aws_sqs_queue.dlq
  values = { arn = "arn:aws:sqs:eu-west-1:111122223333:the-dlq", url = "https://sqs/the-dlq" }
}

override_resource {
  target = aws_sqs_queue.topic_dlq
  values = { arn = "arn:aws:sqs:eu-west-1:111122223333:the-topic-dlq", url = "https://sqs/the-topic-dlq" }
}

override_resource {
  target = aws_sqs_queue.stream_dlq
  values = { arn = "arn:aws:sqs:eu-west-1:111122223333:the-stream-dlq", url = "https://sqs/the-stream-dlq" }
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

run "tenant_makes_the_way_to_the_consumer_fifo" {
  state_key = "tenant"

  variables {
    ordering = "tenant"
  }

  assert {
    condition = [
      aws_sns_topic.events.name, aws_sqs_queue.events.name, aws_sqs_queue.dlq.name, aws_sqs_queue.topic_dlq.name,
      aws_sqs_queue.stream_dlq.name,
      ] == [
      "cellstack-cell-alpha-events.fifo", "cellstack-cell-alpha-events.fifo", "cellstack-cell-alpha-events-dlq.fifo",
      "cellstack-cell-alpha-topic-dlq.fifo", "cellstack-cell-alpha-stream-dlq",
    ]
    error_message = "The suffix is how functions and operators' tools tell an ordered cell. Lambda cannot write into a FIFO queue."
  }

  assert {
    condition = (
      aws_sns_topic.events.fifo_topic && !aws_sns_topic.events.content_based_deduplication &&
      aws_sns_topic.events.fifo_throughput_scope == "MessageGroup"
    )
    error_message = "The topic keeps a tenant's order, deduplicates by the event's id and has its limits by tenant."
  }

  assert {
    condition = alltrue([
      for queue in [aws_sqs_queue.events, aws_sqs_queue.dlq, aws_sqs_queue.topic_dlq] :
      queue.fifo_queue && !queue.content_based_deduplication && queue.deduplication_scope == "messageGroup" &&
      queue.fifo_throughput_limit == "perMessageGroupId"
    ])
    error_message = "So do the queue and the dead-letter queues behind it."
  }

  assert {
    condition     = aws_sqs_queue.stream_dlq.fifo_queue != true
    error_message = "stream-dlq stays a standard queue."
  }
}

run "tenant_keeps_every_failure_setting" {
  command   = plan
  state_key = "tenant"

  variables {
    ordering = "tenant"
  }

  assert {
    condition = jsondecode(aws_sqs_queue.events.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-west-1:111122223333:the-dlq"
      maxReceiveCount     = 50
    }
    error_message = "The queue is the last resort for an ordered cell too; the consumer gives a poison message five tries."
  }

  assert {
    condition = jsondecode(aws_sns_topic_subscription.queue.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-west-1:111122223333:the-topic-dlq"
    } && aws_sns_topic_subscription.queue.raw_message_delivery
    error_message = "What the topic cannot deliver goes to topic-dlq."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.dlq.redrive_allow_policy) == {
      redrivePermission = "byQueue"
      sourceQueueArns   = ["arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events.fifo"]
    }
    error_message = "The DLQ takes from its own queue only."
  }

  assert {
    condition = (
      aws_sqs_queue.events.visibility_timeout_seconds == 180 && aws_sqs_queue.events.message_retention_seconds == 345600 &&
      alltrue([
        for queue in [aws_sqs_queue.dlq, aws_sqs_queue.topic_dlq, aws_sqs_queue.stream_dlq] : queue.message_retention_seconds == 1209600
      ])
    )
    error_message = "Visibility and retention are those of a standard queue."
  }

  assert {
    condition = alltrue([
      for queue in [aws_sqs_queue.events, aws_sqs_queue.topic_dlq] : [
        for statement in jsondecode(queue.policy).Statement : [statement.Resource, statement.Condition] if statement.Effect == "Allow"
        ] == [[
          "arn:aws:sqs:eu-west-1:111122223333:${queue.name}",
          { ArnEquals = { "aws:SourceArn" = "arn:aws:sns:eu-west-1:111122223333:cellstack-cell-alpha-events.fifo" } },
      ]]
    ])
    error_message = "The queue and topic-dlq take from the cell's own FIFO topic only."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.queue.batch_size == 10 &&
      aws_lambda_event_source_mapping.queue.maximum_batching_window_in_seconds == null &&
      aws_lambda_event_source_mapping.queue.function_response_types == toset(["ReportBatchItemFailures"]) &&
      one(aws_lambda_event_source_mapping.queue.scaling_config).maximum_concurrency == 10
    )
    error_message = "The consumer fails messages one by one, bounded, and without the window that FIFO queues do not know."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.stream.parallelization_factor == 1
    error_message = "One batch of a shard at a time: a tenant's order begins at the stream."
  }

  assert {
    condition = toset(flatten([
      for name in ["letters", "late"] : [
        for query in aws_cloudwatch_metric_alarm.this[name].metric_query : one(query.metric).dimensions.QueueName
        if query.expression == null && try(one(query.metric).dimensions.QueueName, null) != null
      ]
      ])) == toset([
      "cellstack-cell-alpha-events-dlq.fifo", "cellstack-cell-alpha-topic-dlq.fifo", "cellstack-cell-alpha-stream-dlq",
      "cellstack-cell-alpha-events.fifo",
    ])
    error_message = "The alarms watch the FIFO queues."
  }
}

run "tenant_names_the_fifo_resources_to_roles_and_functions" {
  command   = plan
  state_key = "tenant"

  variables {
    ordering = "tenant"
  }

  assert {
    condition = flatten([
      for function in output.functions : [
        for statement in function.statements : statement.Resource if contains(["TakeMessages", "Publish", "GiveUp"], statement.Sid)
      ]
      ]) == [
      "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events.fifo",
      "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-events-dlq.fifo",
      "arn:aws:sns:eu-west-1:111122223333:cellstack-cell-alpha-events.fifo",
      "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-alpha-stream-dlq",
    ]
    error_message = "Exact ARNs, suffix included."
  }

  assert {
    condition = (
      output.functions.producer.environment.CELLSTACK_TOPIC_ARN == "arn:aws:sns:eu-west-1:111122223333:cellstack-cell-alpha-events.fifo"
    )
    error_message = "The producer tells by the topic's name that its messages need a group."
  }
}

run "none_makes_standard_queues" {
  state_key = "none"

  assert {
    condition = (
      !aws_sns_topic.events.fifo_topic && !anytrue([
        for queue in [aws_sqs_queue.events, aws_sqs_queue.dlq, aws_sqs_queue.topic_dlq, aws_sqs_queue.stream_dlq] :
        queue.fifo_queue == true || endswith(queue.name, ".fifo")
      ])
    )
    error_message = "Order is a choice, and costs throughput: it is not the default."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue.maximum_batching_window_in_seconds == 0
    error_message = "A standard queue has its window."
  }
}

run "a_standing_cell_keeps_its_ordering" {
  command   = plan
  state_key = "none"

  variables {
    ordering = "tenant"
  }

  expect_failures = [terraform_data.ordering]
}

run "a_standing_ordered_cell_keeps_its_ordering" {
  command   = plan
  state_key = "tenant"

  variables {
    ordering = "none"
  }

  expect_failures = [terraform_data.ordering]
}
