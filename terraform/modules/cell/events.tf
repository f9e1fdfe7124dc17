locals {
  # Without TLS nobody gets in, whatever other permission he holds. An emulator has no TLS to offer.
  tls_only = {
    for name, action in { topic = "sns:Publish", queue = "sqs:*", dlq = "sqs:*", topic_dlq = "sqs:*", stream_dlq = "sqs:*" } :
    name => [for local_stack in [var.local_stack] : {
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = action
      Resource  = local.arns[name]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    } if !local_stack]
  }

  # SNS delivers as a service; naming the topic keeps every other topic of every other account out.
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

  # High-throughput FIFO: the limits count for each tenant, so that no tenant spends another's. Both settings or neither.
  # Deduplication by content stays off: every sender names its deduplication id, and two events may well say the same. The id
  # is a hash of tenant and event, so that what counts as a repeat is the same for either scope, here and on a local stack.
  fifo_settings = {
    deduplication_scope   = local.fifo ? "messageGroup" : null
    fifo_throughput_limit = local.fifo ? "perMessageGroupId" : null
    fifo_throughput_scope = local.fifo ? "MessageGroup" : null
  }

  # SSE-SQS and a customer key exclude each other; the provider wants the one not used to be null.
  sqs_managed_sse = var.kms_key_arn == null ? true : null
}

resource "aws_sns_topic" "events" {
  name                        = local.names.topic
  fifo_topic                  = local.fifo
  content_based_deduplication = false
  fifo_throughput_scope       = local.fifo_settings.fifo_throughput_scope
  kms_master_key_id           = coalesce(var.kms_key_arn, "alias/aws/sns")
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
  kms_master_key_id           = var.kms_key_arn
  policy                      = local.queue_policies.queue
  tags                        = local.tags

  # The reference, not the written-out ARN: SQS refuses a dead-letter queue that does not exist yet.
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dlq.arn
    maxReceiveCount     = var.pipeline.max_receive_count
  })
}

# Messages the consumer could not process. It writes here itself what no further try can help; the queue moves here what was
# received too often. FIFO if the queue is: SQS demands it.
resource "aws_sqs_queue" "dlq" {
  name                        = local.names.dlq
  fifo_queue                  = local.fifo
  content_based_deduplication = false
  deduplication_scope         = local.fifo_settings.deduplication_scope
  fifo_throughput_limit       = local.fifo_settings.fifo_throughput_limit
  message_retention_seconds   = var.pipeline.dlq_retention
  sqs_managed_sse_enabled     = local.sqs_managed_sse
  kms_master_key_id           = var.kms_key_arn
  policy                      = local.queue_policies.dlq
  tags                        = local.tags

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.arns.queue]
  })
}

# Messages the topic could not deliver to the queue. FIFO if the topic is: SNS demands it.
resource "aws_sqs_queue" "topic_dlq" {
  name                        = local.names.topic_dlq
  fifo_queue                  = local.fifo
  content_based_deduplication = false
  deduplication_scope         = local.fifo_settings.deduplication_scope
  fifo_throughput_limit       = local.fifo_settings.fifo_throughput_limit
  message_retention_seconds   = var.pipeline.dlq_retention
  sqs_managed_sse_enabled     = local.sqs_managed_sse
  kms_master_key_id           = var.kms_key_arn
  policy                      = local.queue_policies.topic_dlq
  tags                        = local.tags
}

# Stream records that could not be published. The producer puts those here that it cannot read, whole; Lambda says of those the
# producer failed on where they were, not what they held.
resource "aws_sqs_queue" "stream_dlq" {
  name                      = local.names.stream_dlq
  message_retention_seconds = var.pipeline.dlq_retention
  sqs_managed_sse_enabled   = local.sqs_managed_sse
  kms_master_key_id         = var.kms_key_arn
  policy                    = local.queue_policies.stream_dlq
  tags                      = local.tags
}

resource "aws_sns_topic_subscription" "queue" {
  topic_arn            = aws_sns_topic.events.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.events.arn
  raw_message_delivery = true

  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.topic_dlq.arn })
}
