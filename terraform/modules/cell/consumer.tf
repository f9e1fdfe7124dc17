module "consumer" {
  source = "../function"

  name                 = "${local.name}-consumer"
  description          = "Processes the events of cell ${var.cell_id} from its queue into its table."
  artifact             = var.artifacts.consumer
  architecture         = var.architecture
  context              = var.context
  iam                  = var.iam
  memory               = var.functions.consumer.memory
  timeout              = var.functions.consumer.timeout
  reserved_concurrency = var.functions.consumer.reserved_concurrency
  kms_key_arn          = var.kms_key_arn
  data_keys            = { services = ["dynamodb", "sqs"] }
  log_group            = local.log_group
  log_level            = var.log_level
  trusted_principals   = var.local_stack ? [local.root] : []
  tags                 = local.tags

  environment = {
    CELLSTACK_CELL_ID = var.cell_id
    CELLSTACK_TABLE   = aws_dynamodb_table.this.name
    CELLSTACK_DLQ_URL = aws_sqs_queue.dlq.url
    # The consumer deletes what it has done before it tries what might take it down.
    CELLSTACK_QUEUE_URL = aws_sqs_queue.events.url
    # It counts tries itself and gives up with a reason; the queue's own count (max_receive_count) is the last resort.
    CELLSTACK_MAX_TRIES        = var.pipeline.max_tries
    CELLSTACK_EVENT_TIMEOUT_MS = var.pipeline.event_timeout * 1000
  }

  statements = [
    {
      sid = "TakeMessages"
      # AWS knows no `sqs:DeleteMessageBatch`: a batch is authorised by `sqs:DeleteMessage`. MiniStack checks the former.
      actions = concat(
        ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
        var.local_stack ? ["sqs:DeleteMessageBatch"] : [],
      )
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
