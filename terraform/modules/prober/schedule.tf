# The pace of the rounds. EventBridge Scheduler, since AWS calls scheduled rules of EventBridge its legacy; its role may invoke this
# one function, where a rule would need a permission on the function.

locals {
  # The name rule of modules/function: a role's name counts for the whole account.
  schedule_role_name = "${local.name}-schedule-${var.stack.region}"
}

resource "aws_scheduler_schedule_group" "this" {
  name = local.name
  tags = var.stack.tags
}

resource "aws_scheduler_schedule" "rounds" {
  #checkov:skip=CKV_AWS_297:It holds a pace and an empty payload: no data to encrypt.
  name                = "rounds"
  group_name          = aws_scheduler_schedule_group.this.name
  description         = "A round of probes at each time."
  schedule_expression = var.settings.schedule

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = module.function.arn
    role_arn = aws_iam_role.schedule.arn
    input    = "{}"

    retry_policy {
      maximum_retry_attempts       = 0
      maximum_event_age_in_seconds = 60
    }
  }

  # A round before that would be repeated where it fails.
  depends_on = [aws_iam_role_policy.schedule, aws_lambda_function_event_invoke_config.this]
}

resource "aws_iam_role" "schedule" {
  name                 = local.schedule_role_name
  path                 = var.stack.iam.path
  permissions_boundary = var.stack.iam.permissions_boundary
  description          = "Lets EventBridge Scheduler invoke ${local.name} in ${var.stack.region}."
  tags                 = var.stack.tags

  # The account and the group keep other schedules from using it, those of other accounts included.
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Scheduler"
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = ["scheduler.amazonaws.com"] }
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = [var.stack.account]
          "aws:SourceArn"     = ["arn:${var.stack.partition}:scheduler:${var.stack.region}:${var.stack.account}:schedule-group/${local.name}"]
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "schedule" {
  name = "invoke"
  role = aws_iam_role.schedule.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "InvokeProber"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = [module.function.arn]
    }]
  })
}
