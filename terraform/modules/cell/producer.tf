locals {
  # New events and nothing else. Without the filter the consumer's writes into this table (`processed`, totals), the copies of a
  # tenant's move and the deletions by TTL would be published again, without end. Prefix and equality only: a local stack
  # evaluates these as AWS does.
  stream_filter = jsonencode({
    eventName = ["INSERT"]
    dynamodb = {
      NewImage = {
        sk     = { S = [{ prefix = "event#" }] }
        status = { S = ["accepted"] }
      }
    }
  })
}

module "producer" {
  source = "../function"

  stack                = merge(var.stack, { tags = local.tags })
  name                 = local.names.producer
  description          = "Publishes new events of cell ${var.cell_id} from the table's stream to its topic."
  artifact             = var.artifacts.producer
  memory               = var.functions.producer.memory
  timeout              = var.functions.producer.timeout
  reserved_concurrency = var.functions.producer.reserved_concurrency
  data_keys            = { services = ["dynamodb", "sns", "sqs"] }
  log_group            = local.log_group
  trusted_principals   = var.stack.local_stack ? [local.root] : []

  environment = {
    CELLSTACK_CELL_ID   = var.cell_id
    CELLSTACK_TOPIC_ARN = local.arns.topic
    CELLSTACK_DLQ_URL   = aws_sqs_queue.stream_dlq.url
  }

  statements = [
    {
      sid       = "ReadStream"
      actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
      resources = [local.stream]
    },
    {
      sid = "Publish"
      # AWS knows no `sns:PublishBatch`: a batch is authorised by `sns:Publish`. MiniStack checks the former.
      actions   = var.stack.local_stack ? ["sns:Publish", "sns:PublishBatch"] : ["sns:Publish"]
      resources = [local.arns.topic]
    },
    # For the producer, with records that it cannot read, and for Lambda, which uses this role for the on-failure destination.
    { sid = "GiveUp", actions = ["sqs:SendMessage"], resources = [local.arns.stream_dlq] },
  ]
}

resource "aws_lambda_event_source_mapping" "stream" {
  event_source_arn = local.stream
  function_name    = module.producer.arn
  # From the oldest record: an event accepted before the mapping existed must not be lost.
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = var.pipeline.stream_batch_size
  maximum_batching_window_in_seconds = var.pipeline.stream_batching_window
  parallelization_factor             = var.pipeline.stream_parallelization
  # By default Lambda retries while the stream holds the record, and one bad record blocks its shard for a day.
  maximum_retry_attempts         = var.pipeline.stream_retries
  maximum_record_age_in_seconds  = var.pipeline.stream_record_age
  bisect_batch_on_function_error = true
  function_response_types        = ["ReportBatchItemFailures"]
  tags                           = local.tags

  # Counts the mapping's reads, for the alarm `stopped`. Emulators have no such metrics.
  dynamic "metrics_config" {
    for_each = var.stack.local_stack ? [] : [["EventCount"]]

    content {
      metrics = metrics_config.value
    }
  }

  destination_config {
    on_failure {
      destination_arn = local.stream_dlq
    }
  }

  filter_criteria {
    filter {
      pattern = local.stream_filter
    }
  }

  # A topic without its subscription drops its messages. The role's permissions, which Lambda checks when it makes the mapping, come
  # with the function's ARN.
  depends_on = [aws_sns_topic_subscription.queue]
}
