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

  environment = {
    CELLSTACK_TENANT_MAP_TABLE = var.tenant_map.name
    CELLSTACK_REGISTRY_TABLE   = var.registry.name
    CELLSTACK_TENANT_SOURCE    = var.tenant_source
  }

  statements = [
    { sid = "ReadTenantMap", actions = ["dynamodb:GetItem"], resources = [var.tenant_map.arn] },
    { sid = "ReadRegistry", actions = ["dynamodb:Query"], resources = [var.registry.arn] },
    {
      sid = "WriteCells"
      # A transaction is authorised by the actions of its items; it has none of its own.
      actions   = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      resources = var.cell_table_arns
    },
  ]
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

  #checkov:skip=CKV_AWS_301:Made only with auth_type NONE, which is for a stack on one's own machine; the root warns at each plan.
  statement_id           = "url-anyone"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = module.function.name
  qualifier              = aws_lambda_alias.live.name
  principal              = "*"
  function_url_auth_type = "NONE"
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
