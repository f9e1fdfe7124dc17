locals {
  # Calls without TLS are refused, regardless of the caller's permissions. An emulator offers no TLS.
  tls_only = {
    for name, action in { topic = "sns:Publish", queue = "sqs:*", dlq = "sqs:*", topic_dlq = "sqs:*", stream_dlq = "sqs:*" } :
    name => [for local_stack in [var.stack.local_stack] : {
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = action
      Resource  = local.arns[name]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    } if !local_stack]
  }

  # SNS delivers as a service; the condition on the topic excludes all other topics and accounts.
  from_topic = {
    for name in ["queue", "topic_dlq"] : name => [{
      Sid       = "FromTopic"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = local.arns[name]
      Condition = { ArnEquals = { "aws:SourceArn" = local.arns.topic } }
    }]
  }

  queue_statements = {
    for name in ["queue", "dlq", "topic_dlq", "stream_dlq"] : name => concat(try(local.from_topic[name], []), local.tls_only[name])
  }
  queue_policies = {
    for name, statements in local.queue_statements : name =>
    length(statements) == 0 ? null : jsonencode({ Version = "2012-10-17", Statement = statements })
  }

  # High-throughput FIFO: the limits apply per tenant, so that no tenant spends another's. Both settings or neither.
  # Deduplication by content stays off: every sender gives a deduplication id, and two events may have the same content. The id
  # is a hash of tenant and event, so that a repeat is recognised under either scope, here and on a local stack.
  fifo_settings = {
    deduplication_scope   = local.fifo ? "messageGroup" : null
    fifo_throughput_limit = local.fifo ? "perMessageGroupId" : null
    fifo_throughput_scope = local.fifo ? "MessageGroup" : null
  }

  # SSE-SQS and a customer key exclude each other; the provider requires null for the unused one.
  sqs_managed_sse = var.stack.kms_key_arn == null ? true : null
}

resource "aws_sns_topic" "events" {
  name                        = local.names.topic
  fifo_topic                  = local.fifo
  content_based_deduplication = false
  fifo_throughput_scope       = local.fifo_settings.fifo_throughput_scope
  kms_master_key_id           = coalesce(var.stack.kms_key_arn, "alias/aws/sns")
  tags                        = local.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "FromProducer"
        Effect    = "Allow"
        Principal = { AWS = module.producer.role_arn }
        Action    = "sns:Publish"
        Resource  = local.arns.topic
      }],
      local.tls_only.topic,
    )
  })
}

resource "aws_sqs_queue" "events" {
  name                        = local.names.queue
  fifo_queue                  = local.fifo
  content_based_deduplication = false
  deduplication_scope         = local.fifo_settings.deduplication_scope
  fifo_throughput_limit       = local.fifo_settings.fifo_throughput_limit
  visibility_timeout_seconds  = local.visibility_timeout
  message_retention_seconds   = var.pipeline.queue_retention
  receive_wait_time_seconds   = 20
  sqs_managed_sse_enabled     = local.sqs_managed_sse
  kms_master_key_id           = var.stack.kms_key_arn
  policy                      = local.queue_policies.queue
  tags                        = local.tags

  # Read from the queue, not written out: SQS refuses a dead-letter queue that does not exist yet.
  redrive_policy = jsonencode({
    deadLetterTargetArn = local.dlq
    maxReceiveCount     = var.pipeline.max_receive_count
  })
}

# Messages that the consumer could not process. The consumer sends those that no further try can help; the queue moves those that
# were received too often. FIFO if the queue is: SQS requires it.
resource "aws_sqs_queue" "dlq" {
  name                        = local.names.dlq
  fifo_queue                  = local.fifo
  content_based_deduplication = false
  deduplication_scope         = local.fifo_settings.deduplication_scope
  fifo_throughput_limit       = local.fifo_settings.fifo_throughput_limit
  message_retention_seconds   = var.pipeline.dlq_retention
  sqs_managed_sse_enabled     = local.sqs_managed_sse
  kms_master_key_id           = var.stack.kms_key_arn
  policy                      = local.queue_policies.dlq
  tags                        = local.tags

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.arns.queue]
  })
}

# Messages that the topic could not deliver to the queue. FIFO if the topic is: SNS requires it.
resource "aws_sqs_queue" "topic_dlq" {
  name                        = local.names.topic_dlq
  fifo_queue                  = local.fifo
  content_based_deduplication = false
  deduplication_scope         = local.fifo_settings.deduplication_scope
  fifo_throughput_limit       = local.fifo_settings.fifo_throughput_limit
  message_retention_seconds   = var.pipeline.dlq_retention
  sqs_managed_sse_enabled     = local.sqs_managed_sse
  kms_master_key_id           = var.stack.kms_key_arn
  policy                      = local.queue_policies.topic_dlq
  tags                        = local.tags
}

# Stream records that could not be published. The producer sends the whole record if it cannot read it; Lambda sends the position
# of a record on which the producer failed, not its content.
resource "aws_sqs_queue" "stream_dlq" {
  name                      = local.names.stream_dlq
  message_retention_seconds = var.pipeline.dlq_retention
  sqs_managed_sse_enabled   = local.sqs_managed_sse
  kms_master_key_id         = var.stack.kms_key_arn
  policy                    = local.queue_policies.stream_dlq
  tags                      = local.tags
}

resource "aws_sns_topic_subscription" "queue" {
  topic_arn            = local.topic
  protocol             = "sqs"
  endpoint             = local.queue
  raw_message_delivery = true

  redrive_policy = jsonencode({ deadLetterTargetArn = local.topic_dlq })
}
