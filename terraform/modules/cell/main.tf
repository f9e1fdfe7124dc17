# One cell: table -> stream -> producer -> topic -> queue -> consumer -> table, and a place for whatever gets stuck.
# Nothing in here knows of another cell.

locals {
  name = "${var.prefix}-cell-${var.cell_id}"
  root = "arn:${var.context.partition}:iam::${var.context.account}:root"
  tags = merge(var.tags, { "cellstack:cell" = var.cell_id })

  # SNS and SQS want this suffix on FIFO names; functions and operators' tools tell an ordered cell by it.
  fifo   = var.ordering == "tenant"
  suffix = local.fifo ? ".fifo" : ""

  names = {
    topic     = "${local.name}-events${local.suffix}"
    queue     = "${local.name}-events${local.suffix}"
    dlq       = "${local.name}-events-dlq${local.suffix}"
    topic_dlq = "${local.name}-topic-dlq${local.suffix}"
    # Lambda writes it as well, and has no message group to give: it cannot be FIFO.
    stream_dlq = "${local.name}-stream-dlq"
  }

  # Written out instead of read from the resources: a policy inside `aws_sqs_queue` names its own queue, and the provider
  # waits 25 s for every change of a queue, so that a policy in a resource of its own would cost that again.
  arns = {
    for name, parts in {
      table      = ["dynamodb", "table/${local.name}"]
      topic      = ["sns", local.names.topic]
      queue      = ["sqs", local.names.queue]
      dlq        = ["sqs", local.names.dlq]
      topic_dlq  = ["sqs", local.names.topic_dlq]
      stream_dlq = ["sqs", local.names.stream_dlq]
      log_group  = ["logs", "log-group:${local.log_group_name}"]
    } : name => join(":", ["arn", var.context.partition, parts[0], var.context.region, var.context.account, parts[1]])
  }

  # One log for the cell's two functions: an event's way through the cell can be read in one place.
  log_group_name = "/aws/lambda/${local.name}"
  log_group      = { name = aws_cloudwatch_log_group.this.name, arn = local.arns.log_group }

  # Six function timeouts and the batching window: Lambda may retry a throttled batch within that time, and a message
  # that reappears earlier is received, hence counted towards the dead-letter queue, while it is still being worked on.
  visibility_timeout = coalesce(
    var.pipeline.queue_visibility_timeout,
    6 * var.functions.consumer.timeout + var.pipeline.queue_batching_window,
  )
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Logs are tenant data and kept for a limited time; log_retention_days says how long.
  name              = local.log_group_name
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = local.tags
}

# What the cell was made with. A change of `ordering` would replace the topic, the queue and two dead-letter queues with all
# that lies in them: accepted events. So it is refused until whoever has drained the cell asks for this to be replaced.
resource "terraform_data" "ordering" {
  input = var.ordering

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output == var.ordering
      error_message = "Cell ${var.cell_id} stands with ordering = \"${self.output}\". The change would delete its topic, its queue and two dead-letter queues with what is in them. How to do it without loss: \"Changing the ordering of a cell\" in terraform/README.md."
    }
  }
}
