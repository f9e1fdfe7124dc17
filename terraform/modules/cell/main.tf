# One cell: table -> stream -> producer -> topic -> queue -> consumer -> table, and a place for whatever gets stuck.
# Nothing in here knows of another cell.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  name    = "${var.prefix}-cell-${var.cell_id}"
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.id
  root    = "arn:${data.aws_partition.current.partition}:iam::${local.account}:root"
  tags    = merge(var.tags, { "cellstack:cell" = var.cell_id })

  # Written out instead of read from the resources: a policy inside `aws_sqs_queue` names its own queue, and the provider
  # waits 25 s for every change of a queue, so that a policy in a resource of its own would cost that again.
  arns = {
    for name, parts in {
      table      = ["dynamodb", "table/${local.name}"]
      topic      = ["sns", "${local.name}-events"]
      queue      = ["sqs", "${local.name}-events"]
      dlq        = ["sqs", "${local.name}-events-dlq"]
      topic_dlq  = ["sqs", "${local.name}-topic-dlq"]
      stream_dlq = ["sqs", "${local.name}-stream-dlq"]
    } : name => join(":", ["arn", data.aws_partition.current.partition, parts[0], local.region, local.account, parts[1]])
  }

  # Six function timeouts and the batching window: Lambda may retry a throttled batch within that time, and a message
  # that reappears earlier is received, hence counted towards the dead-letter queue, while it is still being worked on.
  visibility_timeout = coalesce(
    var.pipeline.queue_visibility_timeout,
    6 * var.functions.consumer.timeout + var.pipeline.queue_batching_window,
  )
}
