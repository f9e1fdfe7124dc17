# Stamps one control plane, one router and a map of cells. There is no provider block: region and credentials come from the
# environment (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL), so that this root serves AWS, a local endpoint and, as a module,
# a configuration of your own.

locals {
  tags = merge({ "cellstack:stack" = var.prefix }, var.tags)

  snapshot = var.router_snapshot == null ? null : {
    bucket = coalesce(var.router_snapshot.bucket, var.artifact_bucket, local.bucket_name)
    key    = coalesce(var.router_snapshot.key, "${var.prefix}/tenant-map.snapshot")
  }
}

module "cell" {
  source   = "./modules/cell"
  for_each = var.cells

  prefix              = var.prefix
  cell_id             = each.key
  artifacts           = local.artifacts
  architecture        = var.architecture
  functions           = { producer = var.functions.producer, consumer = var.functions.consumer }
  ordering            = coalesce(each.value.ordering, var.ordering)
  pipeline            = var.pipeline
  alarms              = var.alarms
  alarm_actions       = var.alarm_actions
  kms_key_arn         = var.kms_key_arn
  log_level           = var.log_level
  log_retention_days  = var.log_retention_days
  deletion_protection = var.deletion_protection
  local_stack         = var.local_stack
  tags                = merge(each.value.tags, local.tags)
}

module "control_plane" {
  source = "./modules/control-plane"

  prefix              = var.prefix
  cells               = { for id, cell in var.cells : id => merge(cell, { resources = module.cell[id].resources }) }
  kms_key_arn         = var.kms_key_arn
  deletion_protection = var.deletion_protection
  tags                = local.tags
}

module "router" {
  source = "./modules/router"

  prefix             = var.prefix
  artifact           = local.artifacts.router
  architecture       = var.architecture
  settings           = var.functions.router
  tenant_source      = var.tenant_source
  jwt                = var.jwt
  snapshot           = local.snapshot
  tenant_map         = module.control_plane.tenant_map
  registry           = module.control_plane.registry
  cell_table_arns    = [for cell in module.cell : cell.table_arn]
  auth_type          = var.router_auth_type
  invokers           = var.router_invokers
  alarm_actions      = var.alarm_actions
  kms_key_arn        = var.kms_key_arn
  log_level          = var.log_level
  log_retention_days = var.log_retention_days
  local_stack        = var.local_stack
  tags               = local.tags
}

# A warning, not an error: behind an authenticator of your own it can be right. It comes with every plan. A verified token
# (tenant_source jwt) says who calls as well as a signature does.
check "router_asks_who_calls" {
  assert {
    condition     = var.router_auth_type == "AWS_IAM" || var.tenant_source == "jwt"
    error_message = "THE ROUTER IS OPEN: with router_auth_type NONE and tenant_source ${var.tenant_source} anyone who knows its URL can write events for any tenant. Only for a stack on one's own machine. Let callers sign (AWS_IAM), or verify a token (tenant_source jwt)."
  }
}
