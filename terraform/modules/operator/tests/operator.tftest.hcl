mock_provider "aws" {
  override_during = plan
}

variables {
  stack = {
    prefix     = "cellstack"
    account    = "111122223333"
    partition  = "aws"
    region     = "eu-west-1"
    dns_suffix = "amazonaws.com"
    iam        = { path = "/" }
    tags       = { "cellstack:stack" = "cellstack" }
  }
  operators  = ["arn:aws:iam::111122223333:role/platform"]
  tenant_map = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-tenant-map" }
  registry   = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry" }
}

run "named_principals_assume_it" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role.this[0].assume_role_policy).Statement[0].Principal.AWS == ["arn:aws:iam::111122223333:role/platform"]
    error_message = "The role is for the principals that are named, and nobody else."
  }

  assert {
    condition     = aws_iam_role.this[0].name == "cellstack-operator-eu-west-1"
    error_message = "A role's name counts for the whole account, so it carries the Region."
  }
}

run "nothing_but_items_in_cells_is_deleted_and_no_entry_of_the_audit_trail_is_updated" {
  command = plan

  assert {
    condition = alltrue([
      for statement in output.statements :
      statement.Effect == "Deny" || length([for action in statement.Action : action if strcontains(action, "*") || (can(regex("DeleteItem|BatchWriteItem", action)) && statement.Sid != "WriteTaggedCells")]) == 0
    ])
    error_message = "The role names each action, and deletes items in cells only."
  }

  assert {
    condition = [for statement in jsondecode(jsonencode(output.statements)) : statement if statement.Effect == "Deny"] == [{
      Sid       = "AuditIsAppendOnly", Effect = "Deny", Action = ["dynamodb:DeleteItem", "dynamodb:UpdateItem"]
      Resource  = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry"]
      Condition = { "ForAnyValue:StringEquals" = { "dynamodb:LeadingKeys" = ["audit"] } }
    }]
    error_message = "Entries of the audit trail are neither updated nor deleted, and can be put."
  }

  assert {
    condition = alltrue([
      for action in ["dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:Query"] :
      contains(one([for statement in output.statements : statement.Action if statement.Sid == "WriteTaggedCells"]), action)
    ])
    error_message = "cellctl tenants erase reads and deletes a tenant's items; a move clears its journal."
  }

  assert {
    condition = alltrue([
      for statement in output.statements : try(statement.Condition.StringEquals["aws:ResourceTag/cellstack:stack"], []) == ["cellstack"]
      if length([for resource in statement.Resource : resource if strcontains(resource, "*") && resource != "*"]) > 0
      ]) && alltrue([
      for statement in output.statements : statement.Action == ["cloudwatch:GetMetricData"] if contains(statement.Resource, "*")
    ])
    error_message = "Tables and queues by name also carry the stack's tag: the cells of another stack are out of reach. Of other stacks only metrics can be read."
  }
}

run "letters_are_taken_from_dead_letter_queues_and_sent_to_events_queues" {
  command = plan

  assert {
    condition = { for statement in jsondecode(jsonencode(output.statements)) : statement.Sid => [statement.Action, statement.Resource] if startswith(statement.Action[0], "sqs:") } == {
      HandleDeadLetters = [
        ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"],
        ["arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-*-dlq", "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-*-dlq.fifo"],
      ]
      SendEventsAgain = [
        ["sqs:SendMessage"],
        ["arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-*-events", "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-*-events.fifo"],
      ]
      CountMessages = [
        ["sqs:GetQueueAttributes"],
        [
          "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-*-dlq", "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-*-dlq.fifo",
          "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-*-events", "arn:aws:sqs:eu-west-1:111122223333:cellstack-cell-*-events.fifo",
        ],
      ]
    }
    error_message = "Messages on their way to a consumer are never taken, and letters are never made."
  }
}

run "cells_by_their_arns" {
  command = plan

  variables {
    cell_access     = "list"
    cell_table_arns = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha"]
  }

  assert {
    condition = [for statement in jsondecode(jsonencode(output.statements)) : [statement.Sid, statement.Resource, try(statement.Condition, null)] if startswith(statement.Sid, "Write") && endswith(statement.Sid, "Cells")] == [
      ["WriteListedCells", ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha"], null],
    ]
    error_message = "No wildcard without a condition, and no condition on a tag that counts for nothing."
  }
}

run "cells_elsewhere_are_listed_besides" {
  command = plan

  variables {
    cell_table_arns = ["arn:aws:dynamodb:eu-west-1:444455556666:table/cellstack-cell-far"]
  }

  assert {
    condition = [for statement in jsondecode(jsonencode(output.statements)) : [statement.Sid, statement.Resource, try(statement.Condition, null)] if startswith(statement.Sid, "Write") && endswith(statement.Sid, "Cells")] == [
      ["WriteListedCells", ["arn:aws:dynamodb:eu-west-1:444455556666:table/cellstack-cell-far"], null],
      [
        "WriteTaggedCells", ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-*"],
        { StringEquals = { "aws:ResourceTag/cellstack:stack" = ["cellstack"] } },
      ],
    ]
    error_message = "Names of this account say nothing of another's."
  }
}

run "cells_are_listed_past_the_audit_trail" {
  command = plan

  assert {
    condition = [for statement in output.statements : statement.Resource if contains(statement.Action, "dynamodb:Scan") && statement.Sid != "WriteTenantMap" && statement.Sid != "WriteTaggedCells"] == [
      ["${var.registry.arn}/index/cells"]
    ]
    error_message = "A listing that scans the registry takes the longer the older the stack is."
  }
}

run "keys_and_snapshot_come_with_them" {
  command = plan

  variables {
    snapshot      = { bucket = "code", key = "cellstack/tenant-map.snapshot" }
    cell_key_arns = ["arn:aws:kms:eu-west-1:111122223333:key/one"]
  }

  assert {
    condition     = one([for statement in output.statements : statement.Resource if statement.Sid == "WriteSnapshot"]) == ["arn:aws:s3:::code/cellstack/tenant-map.snapshot"]
    error_message = "The snapshot's object, and no other."
  }

  assert {
    condition = [for statement in jsondecode(jsonencode(output.statements)) : statement if contains(statement.Action, "s3:ListBucket")] == [
      { Sid = "FindSnapshot", Effect = "Allow", Action = ["s3:ListBucket"], Resource = ["arn:aws:s3:::code"] },
    ]
    error_message = "Without it, or under a condition, S3 calls a missing object forbidden, and the first snapshot is not written."
  }

  assert {
    condition = one([
      for statement in output.statements : statement.Condition.StringEquals["kms:ViaService"] if statement.Sid == "CustomerKeys"
    ]) == ["dynamodb.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com"]
    error_message = "Customer keys serve through the services that cellctl works with."
  }
}

run "without_operators_there_is_no_role" {
  command = plan

  variables {
    operators = []
  }

  assert {
    condition     = length(aws_iam_role.this) == 0 && length(aws_iam_role_policy.this) == 0 && output.role_arn == null
    error_message = "No operators, no role."
  }
}

run "refuses_a_policy_over_its_limit" {
  command = plan

  variables {
    cell_access     = "list"
    cell_table_arns = [for n in range(200) : "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-${n}"]
  }

  expect_failures = [aws_iam_role_policy.this]
}

run "refuses_another_form_of_access" {
  command = plan

  variables {
    cell_access = "any"
  }

  expect_failures = [var.cell_access]
}

run "refuses_everyone" {
  command = plan

  variables {
    operators = ["*"]
  }

  expect_failures = [var.operators]
}
