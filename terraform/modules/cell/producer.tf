locals {
  # New events and nothing else. What the consumer writes into this table (`processed`, totals), what a tenant move copies
  # and what the TTL deletes would otherwise be published again, and again, for ever. Prefix and equality only: they are
  # what a local stack evaluates as AWS does.
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

  name                 = "${local.name}-producer"
  description          = "Publishes new events of cell ${var.cell_id} from the table's stream to its topic."
  artifact             = var.artifacts.producer
  architecture         = var.architecture
  context              = var.context
  iam                  = var.iam
  memory               = var.functions.producer.memory
  timeout              = var.functions.producer.timeout
  reserved_concurrency = var.functions.producer.reserved_concurrency
  kms_key_arn          = var.kms_key_arn
  data_keys            = { services = ["dynamodb", "sns", "sqs"] }
  log_group            = local.log_group
  log_level            = var.log_level
  trusted_principals   = var.local_stack ? [local.root] : []
  tags                 = local.tags

  environment = {
    CELLSTACK_CELL_ID   = var.cell_id
    CELLSTACK_TOPIC_ARN = local.arns.topic
    CELLSTACK_DLQ_URL   = aws_sqs_queue.stream_dlq.url
  }

  statements = [
    {
      sid       = "ReadStream"
      actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
      resources = [aws_dynamodb_table.this.stream_arn]
    },
    {
      sid = "Publish"
      # AWS knows no `sns:PublishBatch`: a batch is authorised by `sns:Publish`. MiniStack checks the former.
      actions   = var.local_stack ? ["sns:Publish", "sns:PublishBatch"] : ["sns:Publish"]
      resources = [local.arns.topic]
    },
    # By the producer, for records it cannot read, and by Lambda with this role, as the mapping's on-failure destination.
    { sid = "GiveUp", actions = ["sqs:SendMessage"], resources = [local.arns.stream_dlq] },
  ]
}

resource "aws_lambda_event_source_mapping" "stream" {
  event_source_arn = aws_dynamodb_table.this.stream_arn
  function_name    = module.producer.arn
  # From the oldest record: an event accepted before the mapping stood must not be lost.
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = var.pipeline.stream_batch_size
  maximum_batching_window_in_seconds = var.pipeline.stream_batching_window
  parallelization_factor             = var.pipeline.stream_parallelization
  # By default Lambda retries for as long as the stream holds the record, and one bad record holds up its shard for a day.
  maximum_retry_attempts         = var.pipeline.stream_retries
  maximum_record_age_in_seconds  = var.pipeline.stream_record_age
  bisect_batch_on_function_error = true
  function_response_types        = ["ReportBatchItemFailures"]
  tags                           = local.tags

  # Counts what the mapping reads, which is how the alarm `stopped` knows that it does not. Emulators know no such metrics.
  dynamic "metrics_config" {
    for_each = var.local_stack ? [] : [["EventCount"]]

    content {
      metrics = metrics_config.value
    }
  }

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.stream_dlq.arn
    }
  }

  filter_criteria {
    filter {
      pattern = local.stream_filter
    }
  }

  # Lambda checks the role's permissions when it makes the mapping, and a topic without its subscription drops what it gets.
  depends_on = [module.producer, aws_sns_topic_subscription.queue]
}
