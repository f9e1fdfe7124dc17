# The alarms of a cell. Four alarms feed one that notifies people: the cell is unhealthy. A fifth is a reminder of dead letters that
# nobody has handled.
#
# Two properties of metric math shape the expressions. `a + b` has a value only where both have one; a function of a list takes
# the values there are. And a metric without any data in the evaluated time has no values to fill in. So no expression adds a
# metric that may be silent, and silence becomes 0 by adding a present metric times 0
# (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html).
#
# Metrics are named by written-out names: an alarm needs no resource to exist, and in a plan for many cells each reference from
# resource to resource costs time (terraform/README.md, "Size and time of a plan").

locals {
  dead_letters = { dlq = local.names.dlq, topic = local.names.topic_dlq, stream = local.names.stream_dlq }

  alarms = {
    # Rises of the number of queued letters. SQS does not count a queue's own move as sent
    # (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html). Letters
    # in flight are included, so that a letter under inspection does not count as new when it returns. A quarter of an hour,
    # since SQS counts late.
    letters = {
      description = "Dead letters arrived in cell ${var.cell_id} within the last 15 minutes. SQS keeps them for ${floor(var.pipeline.dlq_retention / 86400)} days: `cellctl dlq ls`."
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

    # Ages as shares of their limits. The stream drops records after 24 hours; this alarm has to come long before.
    late = {
      description = "Cell ${var.cell_id} is late: its stream is published more than ${var.alarms.iterator_age} s late, or its queue processed more than ${var.alarms.message_age} s. After 24 hours the stream drops events."
      expression  = "MAX([stream / ${var.alarms.iterator_age * 1000}, queue / ${var.alarms.message_age}])"
      metrics = {
        stream = ["AWS/Lambda", "IteratorAge", "Maximum", { FunctionName = local.names.producer }]
        queue  = ["AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", { QueueName = local.names.queue }]
      }
      threshold = 1
      period    = 60
      periods   = [3, 3]
      missing   = "notBreaching"
    }

    # Failed invocations, not failed events: an event that fails alone is retried, and becomes a letter.
    failing = {
      description = "Invocations of the producer or the consumer of cell ${var.cell_id} fail, time out or are throttled."
      expression  = "SUM([producer_errors, producer_throttles, consumer_errors, consumer_throttles])"
      metrics = {
        producer_errors    = ["AWS/Lambda", "Errors", "Sum", { FunctionName = local.names.producer }]
        producer_throttles = ["AWS/Lambda", "Throttles", "Sum", { FunctionName = local.names.producer }]
        consumer_errors    = ["AWS/Lambda", "Errors", "Sum", { FunctionName = local.names.consumer }]
        consumer_throttles = ["AWS/Lambda", "Throttles", "Sum", { FunctionName = local.names.consumer }]
      }
      threshold = 0
      period    = 60
      periods   = [3, 5]
      missing   = "notBreaching"
    }

    # A reminder, not a sign of bad health: `letters` has come before. It stays until the queues are empty.
    letters-standing = {
      description = "Dead letters of cell ${var.cell_id} are older than ${var.alarms.letters_standing} hours. SQS deletes them after ${floor(var.pipeline.dlq_retention / 86400)} days: redrive or purge them (`cellctl dlq`)."
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

  # The alarms that make a cell unhealthy. The others notify people themselves.
  unhealthy = ["failing", "late", "letters", "stopped"]
  # Read from the alarms: CloudWatch refuses a composite alarm of alarms that do not exist yet.
  alarm_names = merge(
    { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.alarm_name },
    { stopped = aws_cloudwatch_metric_alarm.stopped.alarm_name },
  )
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
  alarm_actions       = contains(local.unhealthy, each.key) ? [] : var.stack.alarm_actions
  ok_actions          = contains(local.unhealthy, each.key) ? [] : var.stack.alarm_actions
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

# The stream is written and not read. A disabled mapping has no age. Lambda reads every write from the stream, also those that the
# filter drops, so writes without reads mean that the mapping has stopped
# (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics). Twice within an hour,
# since a write at the end of five minutes is read in the next five. Apart from the others, which need no resource to exist.
resource "aws_cloudwatch_metric_alarm" "stopped" {
  alarm_name          = "${local.name}-stopped"
  alarm_description   = "Events are written into cell ${var.cell_id}, and its producer's mapping reads none of them: it is disabled, or was deleted. After 24 hours the stream drops them."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  datapoints_to_alarm = 2
  evaluation_periods  = 12
  treat_missing_data  = "notBreaching"
  tags                = local.tags

  metric_query {
    id          = "result"
    expression  = "IF(writes > 0 AND SUM([reads, writes * 0]) == 0, 1, 0)"
    label       = "stopped"
    return_data = true
  }

  metric_query {
    id = "writes"

    metric {
      namespace   = "AWS/DynamoDB"
      metric_name = "ConsumedWriteCapacityUnits"
      stat        = "Sum"
      dimensions  = { TableName = local.name }
      period      = 300
    }
  }

  metric_query {
    id = "reads"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "PolledEventCount"
      stat        = "Sum"
      dimensions  = { EventSourceMappingUUID = local.stream_mapping }
      period      = 300
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "unhealthy" {
  alarm_name        = "${local.name}-unhealthy"
  alarm_description = "Cell ${var.cell_id} is unhealthy. Its alarms ${join(", ", local.unhealthy)} show the cause."
  alarm_rule        = join(" OR ", [for name in local.unhealthy : "ALARM(\"${local.alarm_names[name]}\")"])
  alarm_actions     = var.stack.alarm_actions
  ok_actions        = var.stack.alarm_actions
  tags              = local.tags
}
