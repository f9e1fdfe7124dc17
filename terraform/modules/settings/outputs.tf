locals {
  # The router's access to tables and the guard go by this tag, so no other value overrides it.
  stack = merge(var.stack, { tags = merge(var.stack.tags, { "cellstack:stack" = var.stack.prefix }) })
}

output "stack" {
  description = "The settings of the whole stack, checked, with the stack's own tag."
  value       = local.stack
}

locals {
  reserved_executions = (
    length(var.cells) * (max(var.functions.producer.reserved_concurrency, 0) + max(var.functions.consumer.reserved_concurrency, 0)) +
    max(var.functions.router.reserved_concurrency, 0) + var.other_reservations
  )
}

output "cells" {
  description = "The cells by id: the ordering of each, and the stack's settings as they hold for it."
  value = {
    for id, cell in var.cells : id => {
      ordering = coalesce(cell.ordering, var.ordering)
      stack = merge(local.stack, {
        kms_key_arn         = try(coalesce(cell.kms_key_arn, local.stack.kms_key_arn), null)
        deletion_protection = coalesce(cell.deletion_protection, local.stack.deletion_protection)
        tags                = merge(cell.tags, local.stack.tags)
      })
    }
  }
}

output "functions" {
  description = "The settings of the three functions, checked."
  value       = var.functions
}

output "pipeline" {
  description = "The settings of the pipeline, checked."
  value       = var.pipeline
}

output "alarms" {
  description = "The limits of the alarms, checked."
  value       = var.alarms
}

output "reserved_executions" {
  description = "Executions that all functions of the stack reserve."
  value       = local.reserved_executions
}
