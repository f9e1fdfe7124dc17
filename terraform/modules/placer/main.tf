# Placement on first sight: the table of requests that the router writes, and the function on its stream that places their tenants.

locals {
  name           = "${var.stack.prefix}-placer"
  account_root   = "arn:${var.stack.partition}:iam::${var.stack.account}:root"
  log_group_name = "/aws/lambda/${local.name}"

  # Pending requests alone. Without the filter the placer would be invoked for its own refusals and deletions.
  stream_filter = jsonencode({ dynamodb = { NewImage = { state = { S = ["pending"] } } } })

  # A transaction is authorised by the actions of its items; it has no action of its own.
  fence_actions = ["dynamodb:PutItem", "dynamodb:Query"]
  tables_arn    = "arn:${var.stack.partition}:dynamodb:${var.stack.region}:${var.stack.account}:table"

  # As the router's: one statement for any number of cells.
  cell_statements = concat(
    [for tables in [var.cell_table_arns] : {
      sid       = "OpenFencesOfListedCells"
      actions   = local.fence_actions
      resources = tables
    } if length(tables) > 0],
    [for access in [var.cell_access] : {
      sid       = "OpenFences"
      actions   = local.fence_actions
      resources = ["${local.tables_arn}/${var.stack.prefix}-cell-*"]
      condition = { StringEquals = { "aws:ResourceTag/cellstack:stack" = [var.stack.prefix] } }
    } if access == "tag"],
  )
}

# A table of its own: requests come from callers, however many, and must not use up the capacity of the tenant map or the registry.
# It is all that the router may write outside of cells.
resource "aws_dynamodb_table" "requests" {
  #checkov:skip=CKV_AWS_28:A request that is lost is made anew by its tenant's next call; there is nothing to restore.
  name             = "${var.stack.prefix}-placement-requests"
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "tenant_id"
  stream_enabled   = true
  stream_view_type = "NEW_IMAGE"
  tags             = var.stack.tags

  attribute {
    name = "tenant_id"
    type = "S"
  }

  # Bounds the cost that callers can cause.
  on_demand_throughput {
    max_write_request_units = var.settings.write_units
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.stack.kms_key_arn
  }
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

  stack       = var.stack
  name        = local.name
  description = "Places tenants on first sight, by the rule of cellctl tenants place."
  artifact    = var.artifact
  memory      = var.settings.memory
  timeout     = var.settings.timeout
  # The stream's shards bound it: one invocation each.
  reserved_concurrency = -1
  data_keys            = { arns = var.cell_key_arns, services = ["dynamodb"] }
  trusted_principals   = var.stack.local_stack ? [local.account_root] : []

  log_group = {
    name = aws_cloudwatch_log_group.this.name
    arn  = "arn:${var.stack.partition}:logs:${var.stack.region}:${var.stack.account}:log-group:${local.log_group_name}"
  }

  environment = {
    CELLSTACK_STACK                    = var.stack.prefix
    CELLSTACK_TENANT_MAP_TABLE         = var.tenant_map.name
    CELLSTACK_REGISTRY_TABLE           = var.registry.name
    CELLSTACK_PLACEMENT_REQUESTS_TABLE = aws_dynamodb_table.requests.name
  }

  statements = concat(
    [
      {
        sid       = "ReadStream"
        actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
        resources = [aws_dynamodb_table.requests.stream_arn]
      },
      { sid = "SettleRequests", actions = ["dynamodb:DeleteItem", "dynamodb:UpdateItem"], resources = [aws_dynamodb_table.requests.arn] },
      { sid = "PlaceTenants", actions = ["dynamodb:GetItem", "dynamodb:PutItem"], resources = [var.tenant_map.arn] },
      { sid = "ReadRegistry", actions = ["dynamodb:Query"], resources = [var.registry.arn] },
      { sid = "ListCells", actions = ["dynamodb:Scan"], resources = ["${var.registry.arn}/index/cells"] },
      {
        sid       = "CountTenants"
        actions   = ["dynamodb:ConditionCheckItem", "dynamodb:UpdateItem"]
        resources = [var.registry.arn]
        condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["cell#*", "pair#*"] } }
      },
      {
        sid       = "WriteAuditTrail"
        actions   = ["dynamodb:PutItem"]
        resources = [var.registry.arn]
        condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["audit"] } }
      },
    ],
    local.cell_statements,
  )
}

# Without an on-failure destination: a request that is abandoned holds no data, and its tenant's next call makes it anew. The alarms
# show that requests fail.
resource "aws_lambda_event_source_mapping" "requests" {
  event_source_arn              = aws_dynamodb_table.requests.stream_arn
  function_name                 = module.function.arn
  starting_position             = "TRIM_HORIZON"
  batch_size                    = var.settings.batch_size
  maximum_record_age_in_seconds = var.settings.record_age
  function_response_types       = ["ReportBatchItemFailures"]
  tags                          = var.stack.tags

  filter_criteria {
    filter {
      pattern = local.stream_filter
    }
  }
}
