output "router_url" {
  description = "URL to which callers send events: POST <router_url>v1/events."
  value       = module.router.url
}

output "router" {
  description = "The router's function name, the alias its URL belongs to, and role ARN."
  value = {
    function_name = module.router.function_name
    alias         = module.router.alias
    role_arn      = module.router.role_arn
  }
}

output "router_snapshot" {
  description = "Place of the snapshot of the tenant map, for `cellctl snapshot write --to`; null without router_snapshot."
  value       = one([for snapshot in local.snapshot[*] : "s3://${snapshot.bucket}/${snapshot.key}"])
}

output "cells" {
  description = "The cells by id: table, topic, queues, functions and roles of each."
  value = {
    for id, cell in module.cell : id => {
      table             = cell.resources.table
      table_arn         = cell.resources.table_arn
      topic_arn         = cell.resources.topic_arn
      queue_url         = cell.resources.queue_url
      queue_arn         = cell.resources.queue_arn
      dlq_url           = cell.resources.dlq_url
      dlq_arn           = cell.resources.dlq_arn
      topic_dlq_url     = cell.resources.topic_dlq_url
      stream_dlq_url    = cell.resources.stream_dlq_url
      producer          = cell.functions.producer.name
      producer_role_arn = cell.functions.producer.role_arn
      consumer          = cell.functions.consumer.name
      consumer_role_arn = cell.functions.consumer.role_arn
    }
  }
}

output "tenant_map_table" {
  description = "Name of the tenant map: the cell of each tenant."
  value       = module.control_plane.tenant_map.name
}

output "registry_table" {
  description = "Name of the registry of cells."
  value       = module.control_plane.registry.name
}

output "operator_role_arn" {
  description = "ARN of the role that cellctl assumes; null without operators."
  value       = module.operator.role_arn
}

output "placer" {
  description = "The placer's function name and role ARN; null without one."
  value       = one([for placer in module.placer : { function_name = placer.function_name, role_arn = placer.role_arn }])
}

output "prober" {
  description = "The prober's function name and role ARN; null without one."
  value       = one([for prober in module.prober : { function_name = prober.function_name, role_arn = prober.role_arn }])
}

output "alarms" {
  description = "Names of the alarms that notify alarm_actions: those of each cell by its id, of the router, and of placer and prober, without one an empty list."
  value = {
    cells  = { for id, cell in module.cell : id => cell.alarms }
    router = module.router.alarms
    placer = flatten(module.placer[*].alarms)
    prober = flatten(module.prober[*].alarms)
  }
}

output "artifact_bucket" {
  description = "Bucket with the functions' zips."
  value       = local.artifacts.router.bucket
}
