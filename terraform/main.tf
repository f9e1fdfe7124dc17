# Stamps one control plane, one router and a map of cells. There is no provider block: region and credentials come from the
# environment (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL), so that this root serves AWS, a local endpoint and, as a module,
# a configuration of your own.

# Read once, for all modules: in each of them these would be nine reads per cell.
data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# Shared inputs, gathered, checked and handed on. Every other module gets them from here.
module "settings" {
  source = "./modules/settings"

  stack = {
    prefix              = var.prefix
    account             = data.aws_caller_identity.current.account_id
    partition           = data.aws_partition.current.partition
    region              = data.aws_region.current.id
    dns_suffix          = data.aws_partition.current.dns_suffix
    architecture        = var.architecture
    alarm_actions       = var.alarm_actions
    deletion_protection = var.deletion_protection
    iam                 = var.iam
    kms_key_arn         = var.kms_key_arn
    log_level           = var.log_level
    log_retention_days  = var.log_retention_days
    local_stack         = var.local_stack
    tags                = var.tags
  }
  cells               = var.cells
  ordering            = var.ordering
  functions           = var.functions
  pipeline            = var.pipeline
  alarms              = var.alarms
  account_concurrency = var.account_concurrency
  other_reservations  = var.prober == null ? 0 : 1
}

locals {
  stack = module.settings.stack

  listed_cell_tables = concat(var.router_cell_access == "list" ? [for cell in module.cell : cell.table_arn] : [], var.remote_cell_table_arns)
  cell_keys          = distinct(compact([for cell in module.settings.cells : cell.stack.kms_key_arn]))

  snapshot = var.router_snapshot == null ? null : {
    bucket = coalesce(var.router_snapshot.bucket, var.artifact_bucket, local.bucket_name)
    key    = coalesce(var.router_snapshot.key, "${var.prefix}/tenant-map.snapshot")
  }
}

module "cell" {
  source   = "./modules/cell"
  for_each = module.settings.cells

  stack     = each.value.stack
  cell_id   = each.key
  artifacts = local.artifacts
  functions = module.settings.functions
  ordering  = each.value.ordering
  pipeline  = module.settings.pipeline
  alarms    = module.settings.alarms
}

module "control_plane" {
  source = "./modules/control-plane"

  stack  = local.stack
  cells  = { for id, cell in var.cells : id => merge(cell, { resources = module.cell[id].resources }) }
  retire = var.retire
}

module "placer" {
  source = "./modules/placer"
  count  = var.first_sight == null ? 0 : 1

  stack           = local.stack
  artifact        = local.artifacts.placer
  settings        = var.first_sight
  tenant_map      = module.control_plane.tenant_map
  registry        = module.control_plane.registry
  cell_access     = var.router_cell_access
  cell_table_arns = local.listed_cell_tables
  cell_key_arns   = local.cell_keys
}

module "router" {
  source = "./modules/router"

  stack               = local.stack
  account_concurrency = var.account_concurrency
  artifact            = local.artifacts.router
  settings            = module.settings.functions.router
  tenant_source       = var.tenant_source
  jwt                 = var.jwt
  standby             = var.standby
  cors                = var.cors
  snapshot            = local.snapshot
  tenant_map          = module.control_plane.tenant_map
  registry            = module.control_plane.registry
  placement_requests  = one(module.placer[*].requests)
  cell_access         = var.router_cell_access
  cell_table_arns     = local.listed_cell_tables
  cell_key_arns       = local.cell_keys
  auth_type           = var.router_auth_type
  invokers            = var.router_invokers
  org_id              = var.router_org_id
}

module "operator" {
  source = "./modules/operator"

  stack           = local.stack
  operators       = var.operators
  tenant_map      = module.control_plane.tenant_map
  registry        = module.control_plane.registry
  snapshot        = local.snapshot
  cell_access     = var.router_cell_access
  cell_table_arns = local.listed_cell_tables
  cell_key_arns   = local.cell_keys
}

module "prober" {
  source = "./modules/prober"
  count  = var.prober == null ? 0 : 1

  stack           = local.stack
  artifact        = local.artifacts.prober
  settings        = var.prober
  cell_count      = length(var.cells)
  tenant_map      = module.control_plane.tenant_map
  registry        = module.control_plane.registry
  cell_access     = var.router_cell_access
  cell_table_arns = local.listed_cell_tables
  cell_key_arns   = local.cell_keys
}

# A warning, not an error: behind an authenticator of your own it can be right. Every plan repeats it. A verified token
# (tenant_source jwt) identifies the caller as well as a signature does.
check "router_asks_who_calls" {
  assert {
    condition     = var.router_auth_type == "AWS_IAM" || var.tenant_source == "jwt"
    error_message = "THE ROUTER IS OPEN: with router_auth_type NONE and tenant_source ${var.tenant_source} anyone who knows its URL can write events for any tenant. Only for a stack on your own machine. Let callers sign (AWS_IAM), or verify a token (tenant_source jwt)."
  }
}
