# The one function callers talk to. It reads the map and the registry, and writes the cells it is told of.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account_root = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"
}

module "function" {
  source = "../function"

  name                 = "${var.prefix}-router"
  description          = "Takes events from callers into their tenant's cell."
  artifact             = var.artifact
  architecture         = var.architecture
  memory               = var.settings.memory
  timeout              = var.settings.timeout
  reserved_concurrency = var.settings.reserved_concurrency
  publish              = true
  kms_key_arn          = var.kms_key_arn
  log_level            = var.log_level
  log_retention_days   = var.log_retention_days
  trusted_principals   = var.local_stack ? [local.account_root] : []
  tags                 = var.tags

  environment = merge(
    {
      CELLSTACK_STACK            = var.prefix
      CELLSTACK_TENANT_MAP_TABLE = var.tenant_map.name
      CELLSTACK_REGISTRY_TABLE   = var.registry.name
      CELLSTACK_TENANT_SOURCE    = var.tenant_source
    },
    var.jwt == null ? {} : {
      CELLSTACK_JWT_ISSUER       = var.jwt.issuer
      CELLSTACK_JWT_AUDIENCE     = join(",", var.jwt.audience)
      CELLSTACK_JWT_ALGORITHM    = var.jwt.algorithm
      CELLSTACK_JWT_TENANT_CLAIM = var.jwt.tenant_claim
      CELLSTACK_JWT_HEADER       = var.jwt.header
      CELLSTACK_JWT_KEYS         = var.jwt.keys
    },
    var.snapshot == null ? {} : { CELLSTACK_SNAPSHOT = "s3://${var.snapshot.bucket}/${var.snapshot.key}" },
  )

  statements = concat([
    { sid = "ReadTenantMap", actions = ["dynamodb:GetItem"], resources = [var.tenant_map.arn] },
    { sid = "ReadRegistry", actions = ["dynamodb:Query"], resources = [var.registry.arn] },
    {
      sid = "WriteCells"
      # A transaction is authorised by the actions of its items; it has none of its own.
      actions   = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      resources = var.cell_table_arns
    },
    ], [
    for snapshot in var.snapshot[*] : {
      sid       = "ReadSnapshot"
      actions   = ["s3:GetObject"]
      resources = ["arn:${data.aws_partition.current.partition}:s3:::${snapshot.bucket}/${snapshot.key}"]
    }
  ])
}

# Callers and permissions hang on the alias, so that a version can be put back without touching either.
resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "The version that serves callers."
  function_name    = module.function.arn
  function_version = module.function.version
}

resource "aws_lambda_function_url" "this" {
  function_name      = module.function.name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = var.auth_type
  invoke_mode        = "BUFFERED"
}

# An IAM-signed call needs both permissions. `lambda:InvokeFunction` is for named principals only: provider 5 cannot
# say "through the function URL", and without that condition the grant must not go to everyone.
resource "aws_lambda_permission" "url" {
  for_each = var.auth_type == "AWS_IAM" ? var.invokers : {}

  statement_id           = "url-${each.key}"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = module.function.name
  qualifier              = aws_lambda_alias.live.name
  principal              = each.value
  function_url_auth_type = "AWS_IAM"
}

resource "aws_lambda_permission" "invoke" {
  for_each = var.auth_type == "AWS_IAM" ? var.invokers : {}

  statement_id  = "invoke-${each.key}"
  action        = "lambda:InvokeFunction"
  function_name = module.function.name
  qualifier     = aws_lambda_alias.live.name
  principal     = each.value
}

# Only for a URL that asks for no signature. The condition on the URL's type keeps this from opening an IAM URL.
resource "aws_lambda_permission" "anyone" {
  count = var.auth_type == "NONE" ? 1 : 0

  #checkov:skip=CKV_AWS_301:Made only with auth_type NONE: behind it a verified token says who calls, or the root warns at each plan.
  statement_id           = "url-anyone"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = module.function.name
  qualifier              = aws_lambda_alias.live.name
  principal              = "*"
  function_url_auth_type = "NONE"
}

# Its second half: since October 2025 Lambda asks for `lambda:InvokeFunction` too. Provider 5 cannot grant it through the
# URL alone, CloudFormation can (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html). Emulators ask for the first
# half only.
resource "aws_cloudformation_stack" "anyone" {
  #checkov:skip=CKV_AWS_124:It holds one statement and changes with this configuration only; Terraform reports what becomes of it.
  count = var.auth_type == "NONE" && !var.local_stack ? 1 : 0

  name = "${var.prefix}-router-url-anyone"
  tags = var.tags

  template_body = jsonencode({
    Description = "Anyone may invoke the router through its function URL, and in no other way."
    Resources = {
      Invoke = {
        Type = "AWS::Lambda::Permission"
        Properties = {
          Action                = "lambda:InvokeFunction"
          FunctionName          = "${module.function.name}:${aws_lambda_alias.live.name}"
          Principal             = "*"
          InvokedViaFunctionUrl = true
        }
      }
    }
  })
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${var.prefix}-router-errors"
  alarm_description   = "The router answers 5xx: callers must retry. Look at which cell x-cell-id names."
  namespace           = "AWS/Lambda"
  metric_name         = "Url5xxCount"
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags

  dimensions = {
    FunctionName = module.function.name
  }
}

# What the router counts itself, in the embedded metric format. A missing count is no count: the router is silent when all
# is well.
resource "aws_cloudwatch_metric_alarm" "counted" {
  for_each = {
    tenant-mismatch = {
      metric  = "TenantMismatch"
      meaning = "Someone claims another tenant's name than the verified one. Look for tenant-mismatch in the router's log: a caller's mistake, or an attempt."
    }
    breaker-opened = {
      metric  = "BreakerOpened"
      meaning = "A cell fails or is slow, and the router answers for it at once, with 503. The log names the cell."
    }
  }

  alarm_name          = "${var.prefix}-router-${each.key}"
  alarm_description   = each.value.meaning
  namespace           = "Cellstack"
  metric_name         = each.value.metric
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags

  dimensions = {
    service = "router"
    stack   = var.prefix
  }
}
