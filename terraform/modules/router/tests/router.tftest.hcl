mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { id = "eu-west-1" }
  }
}

variables {
  prefix = "cellstack"
  artifact = {
    bucket           = "code"
    key              = "cellstack/router/abc.zip"
    source_code_hash = "abc="
  }
  tenant_map = {
    name = "cellstack-tenant-map"
    arn  = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-tenant-map"
  }
  registry = {
    name = "cellstack-registry"
    arn  = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry"
  }
  cell_table_arns = [
    "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha",
    "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-beta",
  ]
}

run "reads_the_control_plane_and_writes_cells" {
  command = plan

  assert {
    condition = [for statement in jsondecode(jsonencode(output.statements)) : statement if statement.Sid != "OwnLogGroup"] == [
      {
        Sid      = "ReadTenantMap", Effect = "Allow", Action = ["dynamodb:GetItem"],
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-tenant-map"]
      },
      {
        Sid      = "ReadRegistry", Effect = "Allow", Action = ["dynamodb:Query"],
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry"]
      },
      {
        Sid    = "WriteCells", Effect = "Allow",
        Action = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
        Resource = [
          "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha",
          "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-beta",
        ]
      },
    ]
    error_message = "The router reads the map and the registry and writes the cells it is told of, nothing else."
  }

  # Said again as what must not be, so that a statement added later fails here.
  assert {
    condition = alltrue([
      for statement in output.statements : alltrue([
        for action in statement.Action : contains(["dynamodb:GetItem", "dynamodb:Query"], action)
      ])
      if length(setintersection(statement.Resource, [var.tenant_map.arn, var.registry.arn])) > 0
    ])
    error_message = "The router must not write the tenant map or the registry."
  }
}

run "callers_reach_the_live_alias_and_sign" {
  command = plan

  variables {
    invokers = { orders = "arn:aws:iam::444455556666:role/orders" }
  }

  assert {
    condition     = aws_lambda_function_url.this.qualifier == "live" && aws_lambda_function_url.this.authorization_type == "AWS_IAM"
    error_message = "The URL belongs to the alias and asks for a signature."
  }

  assert {
    condition = (
      aws_lambda_permission.url["orders"].action == "lambda:InvokeFunctionUrl" &&
      aws_lambda_permission.url["orders"].function_url_auth_type == "AWS_IAM" &&
      aws_lambda_permission.invoke["orders"].action == "lambda:InvokeFunction" &&
      alltrue([
        for permission in [aws_lambda_permission.url["orders"], aws_lambda_permission.invoke["orders"]] :
        permission.principal == "arn:aws:iam::444455556666:role/orders" && permission.qualifier == "live"
      ])
    )
    error_message = "A named caller gets both permissions an IAM-signed call needs, on the alias."
  }

  assert {
    condition     = length(aws_lambda_permission.anyone) == 0
    error_message = "Nobody else gets in."
  }
}

run "an_open_url_names_nobody_else" {
  command = plan

  variables {
    auth_type = "NONE"
    invokers  = { orders = "arn:aws:iam::444455556666:role/orders" }
  }

  assert {
    condition = (
      aws_lambda_permission.anyone[0].function_url_auth_type == "NONE" &&
      aws_lambda_permission.anyone[0].action == "lambda:InvokeFunctionUrl" &&
      length(aws_lambda_permission.url) + length(aws_lambda_permission.invoke) == 0
    )
    error_message = "The grant to everyone holds for a URL of type NONE only, and never for InvokeFunction."
  }
}

run "refuses_a_bad_prefix" {
  command = plan
  variables {
    prefix = "c"
  }
  expect_failures = [var.prefix]
}

run "refuses_an_artifact_without_key" {
  command = plan
  variables {
    artifact = { bucket = "code", key = "", source_code_hash = "abc=" }
  }
  expect_failures = [var.artifact]
}

run "refuses_an_unknown_architecture" {
  command = plan
  variables {
    architecture = "amd64"
  }
  expect_failures = [var.architecture]
}

run "refuses_a_timeout_below_its_own_calls" {
  command = plan
  variables {
    settings = { timeout = 3 }
  }
  expect_failures = [var.settings]
}

run "refuses_an_unknown_tenant_source" {
  command = plan
  variables {
    tenant_source = "cookie"
  }
  expect_failures = [var.tenant_source]
}

run "refuses_a_tenant_map_without_arn" {
  command = plan
  variables {
    tenant_map = { name = "cellstack-tenant-map", arn = "cellstack-tenant-map" }
  }
  expect_failures = [var.tenant_map]
}

run "refuses_a_registry_without_arn" {
  command = plan
  variables {
    registry = { name = "cellstack-registry", arn = "cellstack-registry" }
  }
  expect_failures = [var.registry]
}

run "refuses_wildcard_tables" {
  command = plan
  variables {
    cell_table_arns = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-*"]
  }
  expect_failures = [var.cell_table_arns]
}

run "refuses_more_cells_than_the_policy_holds" {
  command = plan
  variables {
    cell_table_arns = [for n in range(81) : "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-${n}"]
  }
  expect_failures = [var.cell_table_arns]
}

run "the_policy_of_the_most_and_longest_fits" {
  command = plan

  variables {
    cell_table_arns = [
      for n in range(80) : "arn:aws-us-gov:dynamodb:us-gov-east-1:111122223333:table/a-prefix-of-24-characters-cell-a-cell-id-of-20-ch-${10 + n}"
    ]
  }

  # IAM counts no white space, and jsonencode writes none.
  assert {
    condition     = length(jsonencode(output.statements)) < 10240
    error_message = "The inline policies of a role may have 10,240 characters together."
  }
}

run "refuses_an_unknown_auth_type" {
  command = plan
  variables {
    auth_type = "OPEN"
  }
  expect_failures = [var.auth_type]
}

run "refuses_everyone_as_invoker" {
  command = plan
  variables {
    invokers = { all = "*" }
  }
  expect_failures = [var.invokers]
}

run "refuses_a_key_alias" {
  command = plan
  variables {
    kms_key_arn = "alias/mine"
  }
  expect_failures = [var.kms_key_arn]
}

run "refuses_an_unknown_log_level" {
  command = plan
  variables {
    log_level = "LOUD"
  }
  expect_failures = [var.log_level]
}

run "refuses_odd_log_retention" {
  command = plan
  variables {
    log_retention_days = 31
  }
  expect_failures = [var.log_retention_days]
}

run "refuses_alarm_actions_that_are_no_arns" {
  command = plan
  variables {
    alarm_actions = ["ops@example.com"]
  }
  expect_failures = [var.alarm_actions]
}

run "refuses_too_many_tags" {
  command = plan
  variables {
    tags = { for n in range(46) : "tag${n}" => "x" }
  }
  expect_failures = [var.tags]
}
