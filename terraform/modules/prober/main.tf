# The function that probes the cells, and with `act` marks them. Nothing on the request path needs it.

locals {
  name           = "${var.stack.prefix}-prober"
  log_group_name = "/aws/lambda/${local.name}"

  tables_arn = "arn:${var.stack.partition}:dynamodb:${var.stack.region}:${var.stack.account}:table"
  own        = { StringEquals = { "aws:ResourceTag/cellstack:stack" = [var.stack.prefix] } }

  # As for the router: every table with a cell's name and the stack's tag, or each by its ARN.
  cells = concat(
    [for tables in [var.cell_table_arns] : { sid = "Listed", resources = tables, condition = {} } if length(tables) > 0],
    [for access in [var.cell_access] : {
      sid       = "Tagged"
      resources = ["${local.tables_arn}/${var.stack.prefix}-cell-*"]
      condition = local.own
    } if access == "tag"],
  )

  # A probe's event is of a reserved tenant: of all others, a prober that only measures reads and writes nothing.
  measures = concat(
    [
      { sid = "ReadRegistry", actions = ["dynamodb:GetItem", "dynamodb:Query"], resources = [var.registry.arn] },
      { sid = "ListCells", actions = ["dynamodb:Scan"], resources = ["${var.registry.arn}/index/cells"] },
      {
        sid       = "KeepResults"
        actions   = ["dynamodb:PutItem"]
        resources = [var.registry.arn]
        condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["cell#*"] } }
      },
    ],
    [for cells in local.cells : {
      sid       = "Probe${cells.sid}Cells"
      actions   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      resources = cells.resources
      condition = merge(cells.condition, { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["cellstack-probe"] } })
    }],
  )

  # A transaction is authorised by the actions of its items. Entries of the audit trail are put and never changed.
  marks = concat(
    [
      {
        sid       = "MarkCells"
        actions   = ["dynamodb:ConditionCheckItem", "dynamodb:UpdateItem"]
        resources = [var.registry.arn]
        condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["automation", "cell#*"] } }
      },
      {
        sid       = "RecordMarks"
        actions   = ["dynamodb:PutItem"]
        resources = [var.registry.arn]
        condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["audit"] } }
      },
      { sid = "ReadTenantMap", actions = ["dynamodb:Scan"], resources = [var.tenant_map.arn] },
    ],
    # A cell comes up when the events that standbys hold are home.
    [for cells in local.cells : {
      sid       = "CarryHome${cells.sid}Cells"
      actions   = ["dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
      resources = cells.resources
      condition = cells.condition
    }],
  )
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:It names cells and events of no tenant; log_retention_days says how long it is kept.
  name              = local.log_group_name
  retention_in_days = var.stack.log_retention_days
  kms_key_id        = var.stack.kms_key_arn
  tags              = var.stack.tags
}

module "function" {
  source = "../function"

  stack       = var.stack
  name        = local.name
  description = "Probes the stack's cells, and marks them by the results if it may."
  artifact    = var.artifact
  memory      = var.settings.memory
  timeout     = var.settings.timeout
  # Rounds at once are harmless, and probe twice. A round that comes while a cell's events are carried home is dropped.
  reserved_concurrency = 1
  data_keys            = { arns = var.cell_key_arns, services = ["dynamodb"] }

  log_group = {
    name = aws_cloudwatch_log_group.this.name
    arn  = "arn:${var.stack.partition}:logs:${var.stack.region}:${var.stack.account}:log-group:${local.log_group_name}"
  }

  environment = {
    CELLSTACK_STACK            = var.stack.prefix
    CELLSTACK_PROBE_ACT        = var.settings.act ? "on" : "off"
    CELLSTACK_PROBE_FAILURES   = tostring(var.settings.failures)
    CELLSTACK_PROBE_SUCCESSES  = tostring(var.settings.successes)
    CELLSTACK_PROBE_MAX_DOWN   = tostring(var.settings.max_down)
    CELLSTACK_PROBE_TIMEOUT_MS = tostring(var.settings.probe_timeout * 1000)
  }

  statements = concat(local.measures, [for statement in local.marks : statement if var.settings.act])
}

# Lambda would run a failed round twice more, and one that was throttled for six hours: the next round comes anyway.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = module.function.name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60
}
