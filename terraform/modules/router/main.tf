# The function that callers send requests to. It reads the tenant map and the registry, and writes the cells.

locals {
  account_root   = "arn:${var.stack.partition}:iam::${var.stack.account}:root"
  log_group_name = "/aws/lambda/${var.stack.prefix}-router"

  # A transaction is authorised by the actions of its items; it has no action of its own.
  cell_actions = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
  tables_arn   = "arn:${var.stack.partition}:dynamodb:${var.stack.region}:${var.stack.account}:table"

  # One statement for any number of cells: every table with a cell's name and the stack's tag. The name excludes all other
  # tables of the account, the tag excludes the cells of a stack whose prefix begins like this one's.
  cell_statements = concat(
    [for tables in [var.cell_table_arns] : {
      sid       = "WriteListedCells"
      actions   = local.cell_actions
      resources = tables
    } if length(tables) > 0],
    [for access in [var.cell_access] : {
      sid       = "WriteCells"
      actions   = local.cell_actions
      resources = ["${local.tables_arn}/${var.stack.prefix}-cell-*"]
      condition = { StringEquals = { "aws:ResourceTag/cellstack:stack" = [var.stack.prefix] } }
    } if access == "tag"],
  )
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Logs are tenant data and kept for a limited time; log_retention_days says how long.
  name              = local.log_group_name
  retention_in_days = var.stack.log_retention_days
  kms_key_id        = var.stack.kms_key_arn
  tags              = var.stack.tags
}

module "function" {
  source = "../function"

  stack                = var.stack
  name                 = "${var.stack.prefix}-router"
  description          = "Takes events from callers into their tenant's cell."
  artifact             = var.artifact
  memory               = var.settings.memory
  timeout              = var.settings.timeout
  reserved_concurrency = var.settings.reserved_concurrency
  publish              = true
  data_keys            = { arns = var.cell_key_arns, services = ["dynamodb", "s3"] }
  trusted_principals   = var.stack.local_stack ? [local.account_root] : []

  log_group = {
    name = aws_cloudwatch_log_group.this.name
    arn  = "arn:${var.stack.partition}:logs:${var.stack.region}:${var.stack.account}:log-group:${local.log_group_name}"
  }

  environment = merge(
    {
      CELLSTACK_STACK            = var.stack.prefix
      CELLSTACK_TENANT_MAP_TABLE = var.tenant_map.name
      CELLSTACK_REGISTRY_TABLE   = var.registry.name
      CELLSTACK_TENANT_SOURCE    = var.tenant_source
      CELLSTACK_STANDBY          = var.standby
    },
    var.jwt == null ? {} : {
      CELLSTACK_JWT_ISSUER       = var.jwt.issuer
      CELLSTACK_JWT_AUDIENCE     = join(",", var.jwt.audience)
      CELLSTACK_JWT_ALGORITHM    = var.jwt.algorithm
      CELLSTACK_JWT_TENANT_CLAIM = var.jwt.tenant_claim
      CELLSTACK_JWT_HEADER       = var.jwt.header
      CELLSTACK_JWT_KEYS         = var.jwt.keys
    },
    var.placement_requests == null ? {} : { CELLSTACK_PLACEMENT_REQUESTS_TABLE = var.placement_requests.name },
    var.snapshot == null ? {} : { CELLSTACK_SNAPSHOT = "s3://${var.snapshot.bucket}/${var.snapshot.key}" },
  )

  statements = concat(
    [
      { sid = "ReadTenantMap", actions = ["dynamodb:GetItem"], resources = [var.tenant_map.arn] },
      { sid = "ReadRegistry", actions = ["dynamodb:Query"], resources = [var.registry.arn] },
    ],
    local.cell_statements,
    # Its condition brings back the request that is there: no permission to read.
    [for requests in var.placement_requests[*] : { sid = "RequestPlacement", actions = ["dynamodb:PutItem"], resources = [requests.arn] }],
    [for snapshot in var.snapshot[*] : {
      sid       = "ReadSnapshot"
      actions   = ["s3:GetObject"]
      resources = ["arn:${var.stack.partition}:s3:::${snapshot.bucket}/${snapshot.key}"]
    }],
  )
}

# URL and permissions belong to the alias, so that an older version can be restored without touching either.
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

  # Lambda responds to preflights itself, unsigned as browsers send them, and adds the headers to every response.
  dynamic "cors" {
    for_each = var.cors[*]

    content {
      allow_origins  = cors.value.allow_origins
      allow_methods  = cors.value.allow_methods
      allow_headers  = cors.value.allow_headers
      expose_headers = cors.value.expose_headers
      max_age        = cors.value.max_age
    }
  }
}

# An IAM-signed call needs both permissions. `lambda:InvokeFunction` is for named principals only: provider 5 cannot
# express "through the function URL", and without that condition the grant must not go to everyone.
resource "aws_lambda_permission" "url" {
  #checkov:skip=CKV_AWS_301:`*` is taken with an organization id only, and then means that organization's principals.
  for_each = var.auth_type == "AWS_IAM" ? var.invokers : {}

  statement_id           = "url-${each.key}"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = module.function.name
  qualifier              = aws_lambda_alias.live.name
  principal              = each.value
  principal_org_id       = var.org_id
  function_url_auth_type = "AWS_IAM"
}

resource "aws_lambda_permission" "invoke" {
  #checkov:skip=CKV_AWS_301:As above.
  for_each = var.auth_type == "AWS_IAM" ? var.invokers : {}

  statement_id     = "invoke-${each.key}"
  action           = "lambda:InvokeFunction"
  function_name    = module.function.name
  qualifier        = aws_lambda_alias.live.name
  principal        = each.value
  principal_org_id = var.org_id
}

# Only for a URL without signatures. The condition on the URL's type keeps this from opening an IAM URL.
resource "aws_lambda_permission" "anyone" {
  count = var.auth_type == "NONE" ? 1 : 0

  #checkov:skip=CKV_AWS_301:Made only with auth_type NONE: a verified token identifies the caller, or the root warns at each plan.
  statement_id           = "url-anyone"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = module.function.name
  qualifier              = aws_lambda_alias.live.name
  principal              = "*"
  function_url_auth_type = "NONE"
}

# Its second half: since October 2025 Lambda requires `lambda:InvokeFunction` too. Provider 5 cannot grant it through the
# URL alone, CloudFormation can (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html). Emulators require the
# first half only.
resource "aws_cloudformation_stack" "anyone" {
  #checkov:skip=CKV_AWS_124:It holds one statement and changes with this configuration only; Terraform reports its state.
  count = var.auth_type == "NONE" && !var.stack.local_stack ? 1 : 0

  name = "${var.stack.prefix}-router-url-anyone"
  tags = var.stack.tags

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
