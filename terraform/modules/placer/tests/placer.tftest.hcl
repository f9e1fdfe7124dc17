mock_provider "aws" {
  override_during = plan

  mock_resource "aws_dynamodb_table" {
    defaults = {
      arn        = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-placement-requests"
      stream_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-placement-requests/stream/2026-01-01T00:00:00.000"
    }
  }
}

variables {
  stack = {
    prefix             = "cellstack"
    account            = "111122223333"
    partition          = "aws"
    region             = "eu-west-1"
    dns_suffix         = "amazonaws.com"
    architecture       = "arm64"
    alarm_actions      = ["arn:aws:sns:eu-west-1:111122223333:ops"]
    iam                = { path = "/" }
    kms_key_arn        = null
    log_level          = "INFO"
    log_retention_days = 30
    local_stack        = false
    tags               = {}
  }
  artifact = {
    bucket           = "code"
    key              = "cellstack/placer/abc.zip"
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
}

run "the_role_places_tenants_and_nothing_else" {
  command = plan

  assert {
    condition = [for statement in jsondecode(jsonencode(output.statements)) : statement if statement.Sid != "OwnLogGroup"] == [
      {
        Sid      = "ReadStream", Effect = "Allow",
        Action   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-placement-requests/stream/2026-01-01T00:00:00.000"]
      },
      {
        Sid      = "SettleRequests", Effect = "Allow", Action = ["dynamodb:DeleteItem", "dynamodb:UpdateItem"],
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-placement-requests"]
      },
      {
        Sid      = "PlaceTenants", Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:PutItem"],
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-tenant-map"]
      },
      {
        Sid      = "ReadRegistry", Effect = "Allow", Action = ["dynamodb:Query"],
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry"]
      },
      {
        Sid      = "ListCells", Effect = "Allow", Action = ["dynamodb:Scan"],
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry/index/cells"]
      },
      {
        Sid       = "CountTenants", Effect = "Allow", Action = ["dynamodb:ConditionCheckItem", "dynamodb:UpdateItem"],
        Resource  = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry"]
        Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["cell#*", "pair#*"] } }
      },
      {
        Sid       = "WriteAuditTrail", Effect = "Allow", Action = ["dynamodb:PutItem"],
        Resource  = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry"]
        Condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["audit"] } }
      },
      {
        Sid       = "OpenFences", Effect = "Allow", Action = ["dynamodb:PutItem", "dynamodb:Query"],
        Resource  = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-*"]
        Condition = { StringEquals = { "aws:ResourceTag/cellstack:stack" = ["cellstack"] } }
      },
    ]
    error_message = "The placer settles requests, places tenants, counts them, records that, and opens fences."
  }
}

run "without_tags_in_policies_every_table_is_listed" {
  command = plan

  variables {
    cell_access     = "list"
    cell_table_arns = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha"]
  }

  assert {
    condition = [for statement in output.statements : statement.Resource if startswith(statement.Sid, "OpenFences")] == [
      tolist(["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha"]),
    ]
    error_message = "No wildcard without a condition."
  }
}

run "requests_expire_and_their_cost_is_bounded" {
  command = plan

  variables {
    settings = { write_units = 20 }
  }

  assert {
    condition = (
      aws_dynamodb_table.requests.ttl[0].enabled && aws_dynamodb_table.requests.ttl[0].attribute_name == "expires_at" &&
      aws_dynamodb_table.requests.on_demand_throughput[0].max_write_request_units == 20
    )
    error_message = "Callers can make the table neither grow without end nor cost without end."
  }
}

run "pending_requests_reach_the_placer" {
  command = plan

  assert {
    condition = (
      one(one(aws_lambda_event_source_mapping.requests.filter_criteria).filter).pattern == jsonencode({ dynamodb = { NewImage = { state = { S = ["pending"] } } } }) &&
      aws_dynamodb_table.requests.stream_view_type == "NEW_IMAGE"
    )
    error_message = "The placer's own writes must not invoke it again."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.requests.starting_position == "TRIM_HORIZON" &&
      aws_lambda_event_source_mapping.requests.maximum_record_age_in_seconds == 300 &&
      aws_lambda_event_source_mapping.requests.batch_size == 25 &&
      contains(aws_lambda_event_source_mapping.requests.function_response_types, "ReportBatchItemFailures")
    )
    error_message = "A request that fails comes again, for as long as it counts."
  }

  assert {
    condition = output.environment == tomap({
      CELLSTACK_STACK                    = "cellstack"
      CELLSTACK_TENANT_MAP_TABLE         = "cellstack-tenant-map"
      CELLSTACK_REGISTRY_TABLE           = "cellstack-registry"
      CELLSTACK_PLACEMENT_REQUESTS_TABLE = "cellstack-placement-requests"
    })
    error_message = "The placer knows its tables."
  }
}

run "people_are_told" {
  command = plan

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => [alarm.namespace, alarm.metric_name] } == {
      errors      = ["AWS/Lambda", "Errors"]
      failed      = ["Cellstack", "PlacementFailed"]
      late        = ["AWS/Lambda", "IteratorAge"]
      no-capacity = ["Cellstack", "NoCapacity"]
    }
    error_message = "There is an alarm for each way in which new tenants are kept waiting."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:111122223333:ops"]) && alarm.treat_missing_data == "notBreaching"])
    error_message = "Each of them notifies people, and silence is good."
  }

  assert {
    condition     = output.alarms == [for name in ["errors", "failed", "late", "no-capacity"] : "cellstack-placer-${name}"]
    error_message = "All of them are the alarms that the placer names."
  }
}

run "an_empty_batch_is_refused" {
  command = plan

  variables {
    settings = { batch_size = 0 }
  }

  expect_failures = [var.settings]
}

run "an_age_that_lambda_does_not_take_is_refused" {
  command = plan

  variables {
    settings = { record_age = 10 }
  }

  expect_failures = [var.settings]
}

run "a_part_of_a_write_unit_is_refused" {
  command = plan

  variables {
    settings = { write_units = 0.5 }
  }

  expect_failures = [var.settings]
}

run "another_way_to_cells_is_refused" {
  command = plan

  variables {
    cell_access = "any"
  }

  expect_failures = [var.cell_access]
}
