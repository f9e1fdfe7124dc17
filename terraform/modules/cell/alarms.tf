# Four questions about a cell, one alarm each, and one alarm that is told to people: is the cell unhealthy? A fifth reminds of
# dead letters that nobody has looked after.
#
# Two habits of metric math shape the expressions. `a + b` has a value only where both have one; a function of a list takes
# what there is. And a metric that was silent for all of the time looked at has no values to fill in. So nothing here adds what
# may be silent, and silence is turned into 0 by adding a metric times 0 that is there
# (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html).

locals {
  dead_letters = { dlq = aws_sqs_queue.dlq.name, topic = aws_sqs_queue.topic_dlq.name, stream = aws_sqs_queue.stream_dlq.name }

  alarms = {
    # Letters that have arrived, by whichever way: a queue's move does not count as sent
    # (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html), so
    # the number is watched that lie there, and rings when it rises. It is counted with those in flight, so that a letter
    # somebody looks at does not arrive anew when it comes back. A quarter of an hour: SQS counts late.
    letters = {
      description = "Dead letters arrived in cell ${var.cell_id} within the last 15 minutes. They are kept for ${floor(var.pipeline.dlq_retention / 86400)} days: `cellctl dlq ls`."
      expression  = "MAX([${join(", ", [for queue in keys(local.dead_letters) : "DIFF(FILL(FILL(SUM([lie_${queue}, fly_${queue}]), REPEAT), 0))"])}])"
      metrics = merge(
        { for queue, name in local.dead_letters : "lie_${queue}" => ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", { QueueName = name }] },
        { for queue, name in local.dead_letters : "fly_${queue}" => ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "Maximum", { QueueName = name }] },
      )
      threshold = 0
      period    = 60
      periods   = [1, 15]
      missing   = "notBreaching"
    }

    # Ages as shares of what is allowed. The stream forgets after 24 hours; this has to ring long before.
    late = {
      description = "Cell ${var.cell_id} is late: its stream is published more than ${var.alarms.iterator_age} s late, or its queue processed more than ${var.alarms.message_age} s. After 24 hours the stream drops events."
      expression  = "MAX([stream / ${var.alarms.iterator_age * 1000}, queue / ${var.alarms.message_age}])"
      metrics = {
        stream = ["AWS/Lambda", "IteratorAge", "Maximum", { FunctionName = module.producer.name }]
        queue  = ["AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", { QueueName = aws_sqs_queue.events.name }]
      }
      threshold = 1
      period    = 60
      periods   = [3, 3]
      missing   = "notBreaching"
    }

    # A mapping that is off has no age. Whatever is written is read from the stream, also what the filter then drops, so
    # writes without a read mean that nobody reads
    # (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics). Twice within
    # an hour, since a write at the end of five minutes is read in the next.
    stopped = {
      description = "Events are written into cell ${var.cell_id}, and its producer's mapping reads none of them: it is disabled, or was deleted. After 24 hours the stream drops them."
      expression  = "IF(writes > 0 AND SUM([reads, writes * 0]) == 0, 1, 0)"
      metrics = {
        writes = ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "Sum", { TableName = aws_dynamodb_table.this.name }]
        reads  = ["AWS/Lambda", "PolledEventCount", "Sum", { EventSourceMappingUUID = aws_lambda_event_source_mapping.stream.uuid }]
      }
      threshold = 0
      period    = 300
      periods   = [2, 12]
      missing   = "notBreaching"
    }

    # Invocations, not events: an event that fails alone is none of these, it is tried again and becomes a letter.
    failing = {
      description = "Producer or consumer of cell ${var.cell_id} fail, time out or are throttled as a whole."
      expression  = "SUM([producer_errors, producer_throttles, consumer_errors, consumer_throttles])"
      metrics = {
        producer_errors    = ["AWS/Lambda", "Errors", "Sum", { FunctionName = module.producer.name }]
        producer_throttles = ["AWS/Lambda", "Throttles", "Sum", { FunctionName = module.producer.name }]
        consumer_errors    = ["AWS/Lambda", "Errors", "Sum", { FunctionName = module.consumer.name }]
        consumer_throttles = ["AWS/Lambda", "Throttles", "Sum", { FunctionName = module.consumer.name }]
      }
      threshold = 0
      period    = 60
      periods   = [3, 5]
      missing   = "notBreaching"
    }

    # Not a matter of health: `letters` has rung, and here is what was left. Stays until the queues are empty.
    letters-standing = {
      description = "Dead letters of cell ${var.cell_id} lie for ${var.alarms.letters_standing} hours. After ${floor(var.pipeline.dlq_retention / 86400)} days they are gone: redrive or purge them (`cellctl dlq`)."
      expression  = "SUM([lie_dlq, lie_topic, lie_stream])"
      metrics = {
        for queue, name in local.dead_letters : "lie_${queue}" => ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "Minimum", { QueueName = name }]
      }
      threshold = 0
      period    = 3600
      periods   = [var.alarms.letters_standing, var.alarms.letters_standing]
      missing   = "ignore"
    }
  }

  # What makes a cell unhealthy, and what is told to people by itself.
  unhealthy = ["failing", "late", "letters", "stopped"]
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.description
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  datapoints_to_alarm = each.value.periods[0]
  evaluation_periods  = each.value.periods[1]
  treat_missing_data  = each.value.missing
  alarm_actions       = contains(local.unhealthy, each.key) ? [] : var.alarm_actions
  ok_actions          = contains(local.unhealthy, each.key) ? [] : var.alarm_actions
  tags                = local.tags

  metric_query {
    id          = "result"
    expression  = each.value.expression
    label       = each.key
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id = metric_query.key

      metric {
        namespace   = metric_query.value[0]
        metric_name = metric_query.value[1]
        stat        = metric_query.value[2]
        dimensions  = metric_query.value[3]
        period      = each.value.period
      }
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "unhealthy" {
  alarm_name        = "${local.name}-unhealthy"
  alarm_description = "Cell ${var.cell_id} is unhealthy. Which of ${join(", ", local.unhealthy)} is in alarm says why."
  alarm_rule        = join(" OR ", [for name in local.unhealthy : "ALARM(\"${aws_cloudwatch_metric_alarm.this[name].alarm_name}\")"])
  alarm_actions     = var.alarm_actions
  ok_actions        = var.alarm_actions
  tags              = local.tags
}
