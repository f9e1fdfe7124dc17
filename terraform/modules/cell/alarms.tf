# One alarm for each place where an event can come to rest.

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each = {
    dlq        = { queue = aws_sqs_queue.dlq, what = "The consumer gave up on messages" }
    topic_dlq  = { queue = aws_sqs_queue.topic_dlq, what = "The topic could not deliver to the queue" }
    stream_dlq = { queue = aws_sqs_queue.stream_dlq, what = "The producer gave up on stream records" }
  }

  alarm_name          = "${each.value.queue.name}-depth"
  alarm_description   = "${each.value.what} of cell ${var.cell_id}. They are kept for ${floor(var.pipeline.dlq_retention / 86400)} days."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags

  dimensions = {
    QueueName = each.value.queue.name
  }
}

# The stream forgets after 24 hours. This has to ring long before.
resource "aws_cloudwatch_metric_alarm" "iterator_age" {
  alarm_name          = "${local.name}-iterator-age"
  alarm_description   = "Cell ${var.cell_id} publishes its events late. After 24 hours the stream drops them."
  namespace           = "AWS/Lambda"
  metric_name         = "IteratorAge"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.iterator_age * 1000
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags

  dimensions = {
    FunctionName = module.producer.name
  }
}

resource "aws_cloudwatch_metric_alarm" "message_age" {
  alarm_name          = "${local.name}-message-age"
  alarm_description   = "Cell ${var.cell_id} processes its events late: its consumer is slow, throttled or failing."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.message_age
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags

  dimensions = {
    QueueName = aws_sqs_queue.events.name
  }
}
