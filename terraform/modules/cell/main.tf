# One cell: table -> stream -> producer -> topic -> queue -> consumer -> table, and a dead-letter queue for each step. Nothing
# here refers to another cell.

locals {
  name = "${var.stack.prefix}-cell-${var.cell_id}"
  root = "arn:${var.stack.partition}:iam::${var.stack.account}:root"
  tags = merge(var.stack.tags, { "cellstack:cell" = var.cell_id })

  # SNS and SQS require this suffix on FIFO names; functions and operators' tools recognise an ordered cell by it.
  fifo   = var.ordering == "tenant"
  suffix = local.fifo ? ".fifo" : ""

  names = {
    topic     = "${local.name}-events${local.suffix}"
    queue     = "${local.name}-events${local.suffix}"
    dlq       = "${local.name}-events-dlq${local.suffix}"
    topic_dlq = "${local.name}-topic-dlq${local.suffix}"
    # Lambda writes it as well, without a message group: it cannot be FIFO.
    stream_dlq = "${local.name}-stream-dlq"
    producer   = "${local.name}-producer"
    consumer   = "${local.name}-consumer"
  }

  # Written out instead of read from the resources: a policy inside `aws_sqs_queue` names its own queue. A policy in a resource
  # of its own would cost another 25 s, for which the provider waits after every change of a queue.
  arns = {
    for name, parts in {
      table      = ["dynamodb", "table/${local.name}"]
      topic      = ["sns", local.names.topic]
      queue      = ["sqs", local.names.queue]
      dlq        = ["sqs", local.names.dlq]
      topic_dlq  = ["sqs", local.names.topic_dlq]
      stream_dlq = ["sqs", local.names.stream_dlq]
      log_group  = ["logs", "log-group:${local.log_group_name}"]
    } : name => join(":", ["arn", var.stack.partition, parts[0], var.stack.region, var.stack.account, parts[1]])
  }

  # One log group for both functions, so that an event's way through the cell can be read in one place.
  log_group_name = "/aws/lambda/${local.name}"
  log_group      = { name = aws_cloudwatch_log_group.this.name, arn = local.arns.log_group }

  # Six function timeouts and the batching window: Lambda may retry a throttled batch within that time, and a message
  # that reappears earlier is received, hence counted towards the dead-letter queue, while it is still being worked on.
  visibility_timeout = coalesce(
    var.pipeline.queue_visibility_timeout,
    6 * var.functions.consumer.timeout + var.pipeline.queue_batching_window,
  )
}

# References from resource to resource, by way of a local value each. Terraform draws the graph of an apply, which a plan checks
# too, without regard to the cell: a direct reference joins every cell's resource with every other cell's, and 200 cells make
# 40,000 edges of it.
locals {
  dlq            = aws_sqs_queue.dlq.arn
  queue          = aws_sqs_queue.events.arn
  stream         = aws_dynamodb_table.this.stream_arn
  stream_dlq     = aws_sqs_queue.stream_dlq.arn
  stream_mapping = aws_lambda_event_source_mapping.stream.uuid
  topic          = aws_sns_topic.events.arn
  topic_dlq      = aws_sqs_queue.topic_dlq.arn
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Logs are tenant data and kept for a limited time; log_retention_days says how long.
  name              = local.log_group_name
  retention_in_days = var.stack.log_retention_days
  kms_key_id        = var.stack.kms_key_arn
  tags              = local.tags
}

# The ordering that the cell was made with. A change would replace the topic, the queue and two dead-letter queues, and so delete
# the accepted events in them. A plan refuses it until the operator has drained the cell and replaces this resource.
resource "terraform_data" "ordering" {
  input = var.ordering

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output == var.ordering
      error_message = "Cell ${var.cell_id} stands with ordering = \"${self.output}\". The change would delete its topic, its queue and two dead-letter queues with all messages in them. To change it without loss: \"Changing the ordering of a cell\" in terraform/README.md."
    }
  }
}
