# What a plan must not do by a slip of the hand. Terraform deletes what is no longer written down, in an order in which a cell's
# registry item, mappings, queues and dead letters are gone before its table's protection refuses. So each of these is refused
# while planning, before anything is touched.

# Which cells stand is asked of the account: it knows also when the state is lost or the guard is new. A cell's table has a name
# and two tags that nothing else has; a table that somebody restored from a backup has not the tags.
data "aws_dynamodb_tables" "standing" {}

locals {
  # In an account without tables the provider says null.
  standing = data.aws_dynamodb_tables.standing.names == null ? [] : data.aws_dynamodb_tables.standing.names
  # Tables with the name of a cell that has no line: as a rule none, and then nothing more is read.
  unlisted = {
    for name in local.standing : trimprefix(name, "${var.prefix}-cell-") => name
    if startswith(name, "${var.prefix}-cell-") && !contains(keys(var.cells), trimprefix(name, "${var.prefix}-cell-"))
  }
}

data "aws_dynamodb_table" "unlisted" {
  for_each = local.unlisted

  name = each.value

  lifecycle {
    postcondition {
      condition = (
        try(self.tags["cellstack:stack"], "") != var.prefix || try(self.tags["cellstack:cell"], "") != each.key ||
        contains(var.retire, each.key)
      )
      error_message = <<-EOT
        Cell ${each.key} stands, and its line is no longer in `cells`: this plan would delete it with every event and dead letter in it.
        If that is a slip, put the line back. To retire the cell (terraform/README.md, "Retiring a cell"):
          1. put the line back, move its tenants away, and see its queues empty;
          2. ${each.key} = { ..., deletion_protection = false } and retire = ["${each.key}"]: apply;
          3. take the line out, leave retire = ["${each.key}"]: apply.
      EOT
    }

    postcondition {
      condition = (
        try(self.tags["cellstack:stack"], "") != var.prefix || try(self.tags["cellstack:cell"], "") != each.key ||
        !contains(var.retire, each.key) || !self.deletion_protection_enabled
      )
      error_message = <<-EOT
        Cell ${each.key} is to be retired, and its table is still protected: the apply would delete everything else of the cell, and then stop.
        Put the line back with ${each.key} = { ..., deletion_protection = false }, apply, and take it out then.
      EOT
    }
  }
}

# What the stack was made as. Another prefix would be another stack in place of this one, and another account or Region under the
# same state would forget this one.
resource "terraform_data" "stack" {
  input = { prefix = var.prefix, account = local.context.account, region = local.context.region }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output.prefix == var.prefix
      error_message = "This state holds the stack \"${self.output.prefix}\", and prefix = \"${var.prefix}\" would delete it to make another. Give the second stack a state of its own."
    }

    postcondition {
      condition     = self.output.account == local.context.account && self.output.region == local.context.region
      error_message = "This state holds a stack in ${self.output.region} of account ${self.output.account}, and the credentials are for ${local.context.region} of ${local.context.account}. Set AWS_PROFILE and AWS_REGION as they were, or use another state."
    }
  }
}
