module "consumer" {
  source = "../function"

  name                 = "${local.name}-consumer"
  description          = "Processes the events of cell ${var.cell_id} from its queue into its table."
  artifact             = var.artifacts.consumer
  architecture         = var.architecture
  memory               = var.functions.consumer.memory
  timeout              = var.functions.consumer.timeout
  reserved_concurrency = var.functions.consumer.reserved_concurrency
  kms_key_arn          = var.kms_key_arn
  log_level            = var.log_level
  log_retention_days   = var.log_retention_days
  trusted_principals   = var.local_stack ? [local.root] : []
  tags                 = local.tags

  environment = {
    CELLSTACK_CELL_ID = var.cell_id
    CELLSTACK_TABLE   = aws_dynamodb_table.this.name
    CELLSTACK_DLQ_URL = aws_sqs_queue.dlq.url
    # The last receive is known as such: what fails then is written down with its reason before the queue moves it bare.
    CELLSTACK_MAX_RECEIVES = var.pipeline.max_receive_count
  }

  statements = [
    {
      sid       = "TakeMessages"
      actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      resources = [local.arns.queue]
    },
    {
      sid = "WriteEffects"
      # A transaction is authorised by the actions of its items; it has none of its own.
      actions = [
        "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem",
      ]
      resources = [local.arns.table]
    },
    { sid = "GiveUp", actions = ["sqs:SendMessage"], resources = [local.arns.dlq] },
  ]
}

resource "aws_lambda_event_source_mapping" "queue" {
  event_source_arn = aws_sqs_queue.events.arn
  function_name    = module.consumer.arn
  batch_size       = var.pipeline.queue_batch_size
  # FIFO queues know no window, not even one of 0.
  maximum_batching_window_in_seconds = local.fifo ? null : var.pipeline.queue_batching_window
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = local.tags

  # Never above the function's reserved concurrency: what Lambda throttles counts as received, and good messages end up in
  # the dead-letter queue.
  scaling_config {
    maximum_concurrency = var.pipeline.queue_maximum_concurrency
  }

  # Lambda checks the role's permissions when it makes the mapping.
  depends_on = [module.consumer]
}
