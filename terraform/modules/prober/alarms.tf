# An alarm for each sign of trouble. Two alarms notify people: the prober does not do its rounds, and a cell fails its probes.

locals {
  # Seconds between two rounds: alarms count in rounds.
  period = 60 * tonumber(regex("[0-9]+", var.settings.schedule))

  # periods: rounds in alarm, of rounds looked at.
  lambda = {
    errors = {
      metric     = "Errors"
      comparison = "GreaterThanThreshold"
      threshold  = 0
      periods    = [3, 5]
      missing    = "notBreaching"
      meaning    = "Rounds fail: results are not kept, or marks that were decided on are not made. The prober's log has the reason."
    }
    # No data is what it looks for. While a cell comes up, its round takes the time of others.
    silent = {
      metric     = "Invocations"
      comparison = "LessThanThreshold"
      threshold  = 1
      periods    = [3 + ceil(var.settings.timeout / local.period), 3 + ceil(var.settings.timeout / local.period)]
      missing    = "breaching"
      meaning    = "No rounds: the schedule ${local.name}/rounds is off, or may not invoke the function. No cell is looked after."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "lambda" {
  for_each = local.lambda

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.meaning
  namespace           = "AWS/Lambda"
  metric_name         = each.value.metric
  statistic           = "Sum"
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = local.period
  datapoints_to_alarm = each.value.periods[0]
  evaluation_periods  = each.value.periods[1]
  treat_missing_data  = each.value.missing
  tags                = var.stack.tags

  dimensions = {
    FunctionName = module.function.name
  }
}

resource "aws_cloudwatch_composite_alarm" "unhealthy" {
  alarm_name        = "${local.name}-unhealthy"
  alarm_description = "The prober is unhealthy. The alarms ${local.name}-* show the cause."
  alarm_rule        = join(" OR ", [for alarm in aws_cloudwatch_metric_alarm.lambda : "ALARM(\"${alarm.alarm_name}\")"])
  alarm_actions     = var.stack.alarm_actions
  ok_actions        = var.stack.alarm_actions
  tags              = var.stack.tags
}

# The prober counts it itself, in the embedded metric format, and writes none while all cells pass.
resource "aws_cloudwatch_metric_alarm" "probe_failed" {
  alarm_name          = "${local.name}-probe-failed"
  alarm_description   = "A cell fails its probes: what it accepts is not processed in time. The prober's log and cellctl status name it."
  namespace           = "Cellstack"
  metric_name         = "ProbeFailed"
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = local.period
  datapoints_to_alarm = 3
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.stack.alarm_actions
  ok_actions          = var.stack.alarm_actions
  tags                = var.stack.tags

  dimensions = {
    service = "prober"
    stack   = var.stack.prefix
  }
}
