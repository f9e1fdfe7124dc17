# Plans that are refused because they would delete a cell or the stack by mistake. Terraform deletes a resource that is no longer
# configured, and a cell's registry item, mappings, queues and dead letters would be gone before its table's protection refused.
# So the plan itself fails, before anything is touched.

# The account has the list of existing cells, even if the state is lost. A cell's table has a name and two tags that nothing else
# has; a table restored from a backup lacks the tags.
data "aws_dynamodb_tables" "standing" {}

locals {
  # In an account without tables the provider returns null.
  standing = data.aws_dynamodb_tables.standing.names == null ? [] : data.aws_dynamodb_tables.standing.names
  # Tables with the name of a cell that has no line. Usually there are none, and nothing more is read.
  unlisted = {
    for name in local.standing : trimprefix(name, "${local.stack.prefix}-cell-") => name
    if startswith(name, "${local.stack.prefix}-cell-") && !contains(keys(var.cells), trimprefix(name, "${local.stack.prefix}-cell-"))
  }
}

data "aws_dynamodb_table" "unlisted" {
  for_each = local.unlisted

  name = each.value

  lifecycle {
    postcondition {
      condition = (
        try(self.tags["cellstack:stack"], "") != local.stack.prefix || try(self.tags["cellstack:cell"], "") != each.key ||
        contains(var.retire, each.key)
      )
      error_message = <<-EOT
        Cell ${each.key} exists, and its line is no longer in `cells`: this plan would delete it with every event and dead letter in it.
        If that is a slip, put the line back. To retire the cell (terraform/README.md, "Retiring a cell"):
          1. put the line back, move its tenants away, and see its queues empty;
          2. ${each.key} = { ..., deletion_protection = false } and retire = ["${each.key}"]: apply;
          3. take the line out, leave retire = ["${each.key}"]: apply.
      EOT
    }

    postcondition {
      condition = (
        try(self.tags["cellstack:stack"], "") != local.stack.prefix || try(self.tags["cellstack:cell"], "") != each.key ||
        !contains(var.retire, each.key) || !self.deletion_protection_enabled
      )
      error_message = <<-EOT
        Cell ${each.key} is to be retired, and its table is still protected: the apply would delete everything else of the cell, and then stop.
        Put the line back with ${each.key} = { ..., deletion_protection = false }, apply, and take it out then.
      EOT
    }
  }
}

# The stack's identity when it was made. Another prefix would replace the stack, and another account or Region under the same state
# would forget it.
resource "terraform_data" "stack" {
  input = { prefix = local.stack.prefix, account = local.stack.account, region = local.stack.region }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output.prefix == local.stack.prefix
      error_message = "This state holds the stack \"${self.output.prefix}\", and prefix = \"${local.stack.prefix}\" would delete it to make another. Give the second stack a state of its own."
    }

    postcondition {
      condition     = self.output.account == local.stack.account && self.output.region == local.stack.region
      error_message = "This state holds a stack in ${self.output.region} of account ${self.output.account}, and the credentials are for ${local.stack.region} of ${local.stack.account}. Set AWS_PROFILE and AWS_REGION as they were, or use another state."
    }
  }
}
