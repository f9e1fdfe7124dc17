# Stamps one control plane, one router and a map of cells. There is no provider block: region and credentials come from the
# environment (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL), so that this root serves AWS, a local endpoint and, as a module,
# a configuration of your own.

# Read once, for all modules: in each of them these would be nine reads a cell.
data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  context = {
    account    = data.aws_caller_identity.current.account_id
    partition  = data.aws_partition.current.partition
    dns_suffix = data.aws_partition.current.dns_suffix
    region     = data.aws_region.current.id
  }
  # The router's access and the guard go by this tag: nothing overrides it.
  tags = merge(var.tags, { "cellstack:stack" = var.prefix })

  # What a cell's line leaves open is as the variable of the same name says for all.
  cells = {
    for id, cell in var.cells : id => merge(cell, {
      ordering            = coalesce(cell.ordering, var.ordering)
      kms_key_arn         = try(coalesce(cell.kms_key_arn, var.kms_key_arn), null)
      deletion_protection = coalesce(cell.deletion_protection, var.deletion_protection)
    })
  }

  snapshot = var.router_snapshot == null ? null : {
    bucket = coalesce(var.router_snapshot.bucket, var.artifact_bucket, local.bucket_name)
    key    = coalesce(var.router_snapshot.key, "${var.prefix}/tenant-map.snapshot")
  }
}

module "cell" {
  source   = "./modules/cell"
  for_each = local.cells

  prefix              = var.prefix
  cell_id             = each.key
  context             = local.context
  iam                 = var.iam
  artifacts           = local.artifacts
  architecture        = var.architecture
  functions           = { producer = var.functions.producer, consumer = var.functions.consumer }
  ordering            = each.value.ordering
  pipeline            = var.pipeline
  alarms              = var.alarms
  alarm_actions       = var.alarm_actions
  kms_key_arn         = each.value.kms_key_arn
  log_level           = var.log_level
  log_retention_days  = var.log_retention_days
  deletion_protection = each.value.deletion_protection
  local_stack         = var.local_stack
  tags                = merge(each.value.tags, local.tags)
}

module "control_plane" {
  source = "./modules/control-plane"

  prefix              = var.prefix
  cells               = { for id, cell in var.cells : id => merge(cell, { resources = module.cell[id].resources }) }
  retire              = var.retire
  kms_key_arn         = var.kms_key_arn
  deletion_protection = var.deletion_protection
  tags                = local.tags
}

module "router" {
  source = "./modules/router"

  prefix              = var.prefix
  context             = local.context
  iam                 = var.iam
  account_concurrency = var.account_concurrency
  artifact            = local.artifacts.router
  architecture        = var.architecture
  settings            = var.functions.router
  tenant_source       = var.tenant_source
  jwt                 = var.jwt
  standby             = var.standby
  cors                = var.cors
  snapshot            = local.snapshot
  tenant_map          = module.control_plane.tenant_map
  registry            = module.control_plane.registry
  cell_access         = var.router_cell_access
  cell_table_arns     = concat(var.router_cell_access == "list" ? [for cell in module.cell : cell.table_arn] : [], var.remote_cell_table_arns)
  cell_key_arns       = distinct(compact([for cell in local.cells : cell.kms_key_arn]))
  auth_type           = var.router_auth_type
  invokers            = var.router_invokers
  org_id              = var.router_org_id
  alarm_actions       = var.alarm_actions
  kms_key_arn         = var.kms_key_arn
  log_level           = var.log_level
  log_retention_days  = var.log_retention_days
  local_stack         = var.local_stack
  tags                = local.tags
}

# A warning, not an error: behind an authenticator of your own it can be right. It comes with every plan. A verified token
# (tenant_source jwt) says who calls as well as a signature does.
check "router_asks_who_calls" {
  assert {
    condition     = var.router_auth_type == "AWS_IAM" || var.tenant_source == "jwt"
    error_message = "THE ROUTER IS OPEN: with router_auth_type NONE and tenant_source ${var.tenant_source} anyone who knows its URL can write events for any tenant. Only for a stack on one's own machine. Let callers sign (AWS_IAM), or verify a token (tenant_source jwt)."
  }
}
