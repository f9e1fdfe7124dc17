module "consumer" {
  source = "../function"

  stack                = merge(var.stack, { tags = local.tags })
  name                 = local.names.consumer
  description          = "Processes the events of cell ${var.cell_id} from its queue into its table."
  artifact             = var.artifacts.consumer
  memory               = var.functions.consumer.memory
  timeout              = var.functions.consumer.timeout
  reserved_concurrency = var.functions.consumer.reserved_concurrency
  data_keys            = { services = ["dynamodb", "sqs"] }
  log_group            = local.log_group
  trusted_principals   = var.stack.local_stack ? [local.root] : []

  environment = merge(var.functions.consumer.environment, {
    CELLSTACK_CELL_ID = var.cell_id
    CELLSTACK_TABLE   = aws_dynamodb_table.this.name
    CELLSTACK_DLQ_URL = aws_sqs_queue.dlq.url
    # The consumer deletes finished messages before it tries one that might take it down.
    CELLSTACK_QUEUE_URL = aws_sqs_queue.events.url
    # It counts tries itself and dead-letters with a reason; the queue's own count (max_receive_count) is the last resort.
    CELLSTACK_MAX_TRIES = var.pipeline.max_tries
    # Rounded: 8.1 x 1000 is not quite 8100, and the consumer reads a whole number.
    CELLSTACK_EVENT_TIMEOUT_MS = floor(var.pipeline.event_timeout * 1000 + 0.5)
  })

  statements = [
    {
      sid = "TakeMessages"
      # AWS knows no actions for batches: those of `sqs:DeleteMessage` and `sqs:ChangeMessageVisibility` authorise them. MiniStack has
      # actions of its own.
      actions = concat(
        ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
        var.stack.local_stack ? ["sqs:ChangeMessageVisibilityBatch", "sqs:DeleteMessageBatch"] : [],
      )
      resources = [local.arns.queue]
    },
    {
      sid = "WriteEffects"
      # A transaction is authorised by the actions of its items; it has no action of its own.
      actions = [
        "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem",
      ]
      resources = [local.arns.table]
    },
    { sid = "GiveUp", actions = ["sqs:SendMessage"], resources = [local.arns.dlq] },
  ]
}

resource "aws_lambda_event_source_mapping" "queue" {
  event_source_arn = local.queue
  # Known once the role has its permissions, which Lambda checks when it makes the mapping.
  function_name = module.consumer.arn
  batch_size    = var.pipeline.queue_batch_size
  # FIFO queues have no batching window, not even one of 0.
  maximum_batching_window_in_seconds = local.fifo ? null : var.pipeline.queue_batching_window
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = local.tags

  # Never above the function's reserved concurrency: a throttled message counts as received, and good messages would end up in
  # the dead-letter queue.
  scaling_config {
    maximum_concurrency = var.pipeline.queue_maximum_concurrency
  }
}
