# Tables that routers read and only operators write: the tenant map (the cell of each tenant) and the registry of cells.

resource "aws_dynamodb_table" "tenant_map" {
  name                        = "${var.stack.prefix}-tenant-map"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "tenant_id"
  deletion_protection_enabled = var.stack.deletion_protection
  tags                        = var.stack.tags

  attribute {
    name = "tenant_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.stack.kms_key_arn
  }
}

resource "aws_dynamodb_table" "registry" {
  name                        = "${var.stack.prefix}-registry"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.stack.deletion_protection
  tags                        = var.stack.tags

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  attribute {
    name = "cell_id"
    type = "S"
  }

  # The cells, by which operators' tools list them: a scan of the table would read the audit trail as well.
  global_secondary_index {
    name            = "cells"
    hash_key        = "cell_id"
    projection_type = "KEYS_ONLY"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.stack.kms_key_arn
  }
}

# The item with `sk = state` belongs to the operators' tools: Terraform would undo their writes.
resource "aws_dynamodb_table_item" "cell" {
  for_each = var.cells

  table_name = aws_dynamodb_table.registry.name
  hash_key   = aws_dynamodb_table.registry.hash_key
  range_key  = aws_dynamodb_table.registry.range_key

  item = jsonencode(merge(
    {
      pk      = { S = "cell#${each.key}" }
      sk      = { S = "config" }
      cell_id = { S = each.key }
      tags    = { M = { for name, value in each.value.tags : name => { S = value } } }
    },
    # A cell about to be retired gets no new tenants.
    { for name in ["capacity", "weight", "wave"] : name => { N = tostring(name == "weight" && contains(var.retire, each.key) ? 0 : each.value[name]) } },
    { for name, value in each.value.resources : name => { S = value } },
  ))
}

# The mark that outlasts a cell. Terraform writes it before it deletes anything, since it depends on nothing of the cell. The
# `config` item is deleted first, so that no router ever reads of half a cell.
resource "aws_dynamodb_table_item" "retired" {
  for_each = var.retire

  table_name = aws_dynamodb_table.registry.name
  hash_key   = aws_dynamodb_table.registry.hash_key
  range_key  = aws_dynamodb_table.registry.range_key

  item = jsonencode({
    pk      = { S = "cell#${each.key}" }
    sk      = { S = "retired" }
    cell_id = { S = each.key }
  })
}
