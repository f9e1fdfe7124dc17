# Each sign of trouble has an alarm; two of them are told to people: the router is unhealthy, and a caller claims another
# tenant's name.

locals {
  concurrency = var.settings.reserved_concurrency > 0 ? var.settings.reserved_concurrency : var.account_concurrency

  # What Lambda counts. periods: how many of how many minutes.
  lambda = {
    errors = {
      metric    = "Url5xxCount"
      statistic = "Sum"
      threshold = 0
      periods   = [3, 3]
      meaning   = "The router answers 5xx: callers must retry. Look at which cell x-cell-id names."
    }
    throttles = {
      metric    = "Throttles"
      statistic = "Sum"
      threshold = 0
      periods   = [2, 5]
      meaning   = "Lambda turns callers away with 429: the router has no more concurrency. A slow cell, or more load than functions.router.reserved_concurrency is for."
    }
    concurrency = {
      metric    = "ConcurrentExecutions"
      statistic = "Maximum"
      threshold = floor(0.8 * local.concurrency)
      periods   = [5, 5]
      meaning   = "The router uses more than 80 % of the ${local.concurrency} executions it may have. At 100 % callers get 429."
    }
  }

  # What the router counts itself, in the embedded metric format. A missing count is no count: the router is silent when all
  # is well.
  counted = {
    breaker-opened = {
      metric  = "BreakerOpened"
      periods = [1, 1]
      meaning = "A cell fails or is slow, and the router answers for it at once, with 503. The log names the cell."
    }
    fence-refused = {
      metric = "FenceRefused"
      # A move's last step refuses writes for seconds; minutes on end are routers that know an owner who no longer is.
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
    # Told by itself: no illness, but somebody's mistake or attempt.
    tenant-mismatch = {
      metric  = "TenantMismatch"
      periods = [1, 1]
      meaning = "Someone claims another tenant's name than the verified one. Look for tenant-mismatch in the router's log: a caller's mistake, or an attempt."
    }
  }

  unhealthy = concat(
    [for alarm in aws_cloudwatch_metric_alarm.lambda : alarm.alarm_name],
    [for name, alarm in aws_cloudwatch_metric_alarm.counted : alarm.alarm_name if name != "tenant-mismatch"],
  )
}

resource "aws_cloudwatch_metric_alarm" "lambda" {
  for_each = local.lambda

  alarm_name          = "${var.prefix}-router-${each.key}"
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
  tags                = var.tags

  dimensions = {
    FunctionName = module.function.name
  }
}

resource "aws_cloudwatch_metric_alarm" "counted" {
  for_each = local.counted

  alarm_name          = "${var.prefix}-router-${each.key}"
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
  alarm_actions       = each.key == "tenant-mismatch" ? var.alarm_actions : []
  ok_actions          = each.key == "tenant-mismatch" ? var.alarm_actions : []
  tags                = var.tags

  dimensions = {
    service = "router"
    stack   = var.prefix
  }
}

resource "aws_cloudwatch_composite_alarm" "unhealthy" {
  alarm_name        = "${var.prefix}-router-unhealthy"
  alarm_description = "The router is unhealthy. Which of the alarms ${var.prefix}-router-* is on says why."
  alarm_rule        = join(" OR ", [for name in sort(local.unhealthy) : "ALARM(\"${name}\")"])
  alarm_actions     = var.alarm_actions
  ok_actions        = var.alarm_actions
  tags              = var.tags
}
