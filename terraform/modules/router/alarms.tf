# An alarm for each sign of trouble. Two alarms notify people: the router is unhealthy, and a caller claims another tenant's name.

locals {
  concurrency = var.settings.reserved_concurrency > 0 ? var.settings.reserved_concurrency : var.account_concurrency

  # Metrics of Lambda. periods: minutes in alarm, of minutes looked at.
  lambda = {
    errors = {
      metric    = "Url5xxCount"
      statistic = "Sum"
      threshold = 0
      periods   = [3, 3]
      meaning   = "The router returns 5xx: callers must retry. The header x-cell-id names the cell."
    }
    throttles = {
      metric    = "Throttles"
      statistic = "Sum"
      threshold = 0
      periods   = [2, 5]
      meaning   = "Lambda rejects callers with 429: the router's concurrency is used up. A slow cell, or more load than functions.router.reserved_concurrency allows."
    }
    concurrency = {
      metric    = "ConcurrentExecutions"
      statistic = "Maximum"
      threshold = floor(0.8 * local.concurrency)
      periods   = [5, 5]
      meaning   = "The router uses more than 80 % of the ${local.concurrency} executions it may have. At 100 % callers get 429."
    }
  }

  # Metrics that the router writes itself, in the embedded metric format. Missing data is good: the router writes none while all
  # is well.
  counted = {
    breaker-opened = {
      metric  = "BreakerOpened"
      periods = [1, 1]
      meaning = "A cell fails or is slow, and the router responds for it at once, with 503. The log names the cell."
    }
    fence-refused = {
      metric = "FenceRefused"
      # A move's last step refuses writes for seconds; refusals for minutes come from routers with an outdated owner.
      periods = [5, 5]
      meaning = "Fences refuse writes for five minutes: tenants' moves that hang, or a tenant map that names the wrong cell."
    }
    map-failed = {
      metric  = "MapFailed"
      periods = [2, 5]
      meaning = "The tenant map or the registry cannot be read. Tenants the routers know are served on, others get 503."
    }
    stale-served = {
      metric  = "StaleServed"
      periods = [2, 5]
      meaning = "Routes past their lease are used, with dearer writes, since the tenant map cannot be read."
    }
    # An alarm of its own: not an outage, but a caller's mistake or an attempt.
    tenant-mismatch = {
      metric  = "TenantMismatch"
      periods = [1, 1]
      meaning = "A caller claims another tenant than the verified one. The router's log has it as tenant-mismatch: a caller's mistake, or an attempt."
    }
  }

  unhealthy = concat(
    [for alarm in aws_cloudwatch_metric_alarm.lambda : alarm.alarm_name],
    [for name, alarm in aws_cloudwatch_metric_alarm.counted : alarm.alarm_name if name != "tenant-mismatch"],
  )
}

resource "aws_cloudwatch_metric_alarm" "lambda" {
  for_each = local.lambda

  alarm_name          = "${var.stack.prefix}-router-${each.key}"
  alarm_description   = each.value.meaning
  namespace           = "AWS/Lambda"
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 60
  datapoints_to_alarm = each.value.periods[0]
  evaluation_periods  = each.value.periods[1]
  treat_missing_data  = "notBreaching"
  tags                = var.stack.tags

  dimensions = {
    FunctionName = module.function.name
  }
}

resource "aws_cloudwatch_metric_alarm" "counted" {
  for_each = local.counted

  alarm_name          = "${var.stack.prefix}-router-${each.key}"
  alarm_description   = each.value.meaning
  namespace           = "Cellstack"
  metric_name         = each.value.metric
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  datapoints_to_alarm = each.value.periods[0]
  evaluation_periods  = each.value.periods[1]
  treat_missing_data  = "notBreaching"
  alarm_actions       = each.key == "tenant-mismatch" ? var.stack.alarm_actions : []
  ok_actions          = each.key == "tenant-mismatch" ? var.stack.alarm_actions : []
  tags                = var.stack.tags

  dimensions = {
    service = "router"
    stack   = var.stack.prefix
  }
}

resource "aws_cloudwatch_composite_alarm" "unhealthy" {
  alarm_name        = "${var.stack.prefix}-router-unhealthy"
  alarm_description = "The router is unhealthy. The alarms ${var.stack.prefix}-router-* show the cause."
  alarm_rule        = join(" OR ", [for name in sort(local.unhealthy) : "ALARM(\"${name}\")"])
  alarm_actions     = var.stack.alarm_actions
  ok_actions        = var.stack.alarm_actions
  tags              = var.stack.tags
}
