# Each of these notifies people: new tenants are kept waiting.

locals {
  of_function = { FunctionName = module.function.name }
  of_service  = { service = "placer", stack = var.stack.prefix }

  # periods: minutes in alarm, of minutes looked at. The placer writes the metrics of namespace Cellstack itself, and none while
  # all is well.
  alarms = {
    errors = {
      metric  = ["AWS/Lambda", "Errors", "Sum", local.of_function]
      limit   = 0
      periods = [3, 5]
      meaning = "The placer fails as a whole: its log says why. New tenants get 503."
    }
    failed = {
      metric  = ["Cellstack", "PlacementFailed", "Sum", local.of_service]
      limit   = 0
      periods = [2, 5]
      meaning = "Tenants cannot be placed on first sight: the placer's log says why. They get 503 until they are placed."
    }
    late = {
      metric  = ["AWS/Lambda", "IteratorAge", "Maximum", local.of_function]
      limit   = 60000
      periods = [3, 3]
      meaning = "Requests for placement are settled more than a minute late. New tenants get 503 until then."
    }
    no-capacity = {
      metric  = ["Cellstack", "NoCapacity", "Sum", local.of_service]
      limit   = 0
      periods = [1, 1]
      meaning = "No active cell has room for a new tenant: raise a capacity, or add a cell (`cellctl cells ls`)."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.meaning
  namespace           = each.value.metric[0]
  metric_name         = each.value.metric[1]
  statistic           = each.value.metric[2]
  dimensions          = each.value.metric[3]
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.limit
  period              = 60
  datapoints_to_alarm = each.value.periods[0]
  evaluation_periods  = each.value.periods[1]
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.stack.alarm_actions
  ok_actions          = var.stack.alarm_actions
  tags                = var.stack.tags
}
