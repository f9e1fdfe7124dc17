mock_provider "aws" {
  override_during = plan

  # ARNs have to pass the validations of the provider.
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:cellstack-prober" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mocked" }
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
    iam                = { path = "/ours/", permissions_boundary = "arn:aws:iam::111122223333:policy/boundary" }
    kms_key_arn        = null
    log_level          = "INFO"
    log_retention_days = 30
    tags               = { "cellstack:stack" = "cellstack" }
  }
  artifact = {
    bucket           = "code"
    key              = "cellstack/prober/abc.zip"
    source_code_hash = "abc="
  }
  cell_count = 4
  tenant_map = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-tenant-map" }
  registry   = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry" }
}

run "measuring_touches_no_tenant" {
  command = plan

  assert {
    condition = [for statement in jsondecode(jsonencode(output.statements)) : statement if statement.Sid != "OwnLogGroup"] == [
      {
        Sid      = "ReadRegistry", Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:Query"],
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry"]
      },
      {
        Sid      = "ListCells", Effect = "Allow", Action = ["dynamodb:Scan"],
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry/index/cells"]
      },
      {
        Sid       = "KeepResults", Effect = "Allow", Action = ["dynamodb:PutItem"],
        Resource  = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry"]
        Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["cell#*"] } }
      },
      {
        Sid      = "ProbeTaggedCells", Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:PutItem"],
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-*"]
        Condition = {
          StringEquals                = { "aws:ResourceTag/cellstack:stack" = ["cellstack"] }
          "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["cellstack-probe"] }
        }
      },
    ]
    error_message = "A prober that marks nothing writes results and the events of the reserved tenant."
  }

  assert {
    condition = output.environment == tomap({
      CELLSTACK_STACK            = "cellstack"
      CELLSTACK_PROBE_ACT        = "off"
      CELLSTACK_PROBE_FAILURES   = "3"
      CELLSTACK_PROBE_SUCCESSES  = "5"
      CELLSTACK_PROBE_MAX_DOWN   = "25"
      CELLSTACK_PROBE_TIMEOUT_MS = "30000"
    })
    error_message = "The settings reach the function, and automation is a choice."
  }
}

run "acting_marks_cells_and_carries_events_home" {
  command = plan

  variables {
    settings = { act = true, failures = 2, successes = 4, max_down = 50, probe_timeout = 10 }
  }

  assert {
    condition = { for statement in jsondecode(jsonencode(output.statements)) : statement.Sid => [statement.Action, statement.Resource, try(statement.Condition, null)] if !contains(["OwnLogGroup", "ReadRegistry", "ListCells", "KeepResults", "ProbeTaggedCells"], statement.Sid) } == {
      MarkCells = [
        ["dynamodb:ConditionCheckItem", "dynamodb:UpdateItem"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry"],
        { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["automation", "cell#*"] } },
      ]
      RecordMarks = [
        ["dynamodb:PutItem"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry"],
        { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["audit"] } },
      ]
      ReadTenantMap = [["dynamodb:Scan"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-tenant-map"], null]
      CarryHomeTaggedCells = [
        ["dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"], ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-*"],
        { StringEquals = { "aws:ResourceTag/cellstack:stack" = ["cellstack"] } },
      ]
    }
    error_message = "It changes marks and the lease, adds to the audit trail, and moves held events."
  }

  # Said again as what must not be, so that a statement added later fails here.
  assert {
    condition     = !anytrue(flatten([for statement in output.statements : [for action in statement.Action : strcontains(action, "Delete") || strcontains(action, "BatchWrite") || strcontains(action, "*")]]))
    error_message = "Automation deletes nothing."
  }

  assert {
    condition = [for name in ["ACT", "FAILURES", "SUCCESSES", "MAX_DOWN", "TIMEOUT_MS"] : output.environment["CELLSTACK_PROBE_${name}"]] == [
      "on", "2", "4", "50", "10000",
    ]
    error_message = "Each setting is its own variable."
  }
}

run "cells_by_their_arns" {
  command = plan

  variables {
    settings        = { act = true }
    cell_access     = "list"
    cell_table_arns = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha"]
    cell_key_arns   = ["arn:aws:kms:eu-west-1:111122223333:key/one"]
  }

  assert {
    condition = { for statement in output.statements : statement.Sid => statement.Resource if strcontains(statement.Sid, "Cells") && !contains(["ListCells", "MarkCells"], statement.Sid) } == {
      ProbeListedCells     = tolist(["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha"])
      CarryHomeListedCells = tolist(["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha"])
    }
    error_message = "No wildcard without a condition."
  }

  assert {
    condition     = one([for statement in jsondecode(jsonencode(output.statements)) : statement.Condition if statement.Sid == "ProbeListedCells"]) == { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["cellstack-probe"] } }
    error_message = "There, too, a probe is of the reserved tenant."
  }

  assert {
    condition     = one([for statement in jsondecode(jsonencode(output.statements)) : statement.Condition.StringEquals["kms:ViaService"] if statement.Sid == "CustomerKey"]) == ["dynamodb.eu-west-1.amazonaws.com", "lambda.eu-west-1.amazonaws.com"]
    error_message = "Cells may have keys of their own."
  }
}

run "one_round_at_a_time_and_none_is_repeated" {
  command = plan

  assert {
    condition     = module.function.reserved_concurrency == 1
    error_message = "Rounds at once probe twice."
  }

  assert {
    condition = (
      aws_lambda_function_event_invoke_config.this.function_name == "cellstack-prober" &&
      aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 0 &&
      aws_lambda_function_event_invoke_config.this.maximum_event_age_in_seconds == 60
    )
    error_message = "Lambda repeats no round: the next one comes anyway."
  }

  assert {
    condition = (
      aws_scheduler_schedule.rounds.schedule_expression == "rate(1 minute)" &&
      aws_scheduler_schedule.rounds.flexible_time_window[0].mode == "OFF" &&
      aws_scheduler_schedule.rounds.group_name == "cellstack-prober" &&
      aws_scheduler_schedule.rounds.target[0].arn == "arn:aws:lambda:eu-west-1:111122223333:function:cellstack-prober" &&
      aws_scheduler_schedule.rounds.target[0].retry_policy[0].maximum_retry_attempts == 0
    )
    error_message = "A round each minute, at an even pace."
  }
}

run "the_schedule_invokes_this_function_and_nothing_else" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role.schedule.assume_role_policy).Statement == [{
      Sid       = "Scheduler"
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = ["scheduler.amazonaws.com"] }
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = ["111122223333"]
          "aws:SourceArn"     = ["arn:aws:scheduler:eu-west-1:111122223333:schedule-group/cellstack-prober"]
        }
      }
    }]
    error_message = "The role is for the schedules of this group."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.schedule.policy).Statement == [{
      Sid      = "InvokeProber"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = ["arn:aws:lambda:eu-west-1:111122223333:function:cellstack-prober"]
    }]
    error_message = "It may invoke the prober."
  }

  assert {
    condition = (
      aws_iam_role.schedule.name == "cellstack-prober-schedule-eu-west-1" && aws_iam_role.schedule.path == "/ours/" &&
      aws_iam_role.schedule.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    )
    error_message = "It is named and bounded like the functions' roles."
  }
}

run "people_hear_of_rounds_that_fail_or_do_not_come_and_of_cells_that_fail" {
  command = plan

  variables {
    settings = { schedule = "rate(2 minutes)" }
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.lambda : name => [
      alarm.metric_name, alarm.comparison_operator, alarm.threshold, alarm.period, alarm.datapoints_to_alarm, alarm.evaluation_periods, alarm.treat_missing_data
      ] } == {
      errors = ["Errors", "GreaterThanThreshold", 0, 120, 3, 5, "notBreaching"]
      silent = ["Invocations", "LessThanThreshold", 1, 120, 6, 6, "breaching"]
    }
    error_message = "Alarms count in rounds; silence outlasts the longest round by three."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.lambda : alarm.dimensions == tomap({ FunctionName = "cellstack-prober" })])
    error_message = "They look at this function."
  }

  assert {
    condition = (
      aws_cloudwatch_composite_alarm.unhealthy.alarm_rule == "ALARM(\"cellstack-prober-errors\") OR ALARM(\"cellstack-prober-silent\")" &&
      tolist(aws_cloudwatch_composite_alarm.unhealthy.alarm_actions) == tolist(["arn:aws:sns:eu-west-1:111122223333:ops"])
    )
    error_message = "Either of them notifies."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.probe_failed.namespace == "Cellstack" && aws_cloudwatch_metric_alarm.probe_failed.metric_name == "ProbeFailed" &&
      aws_cloudwatch_metric_alarm.probe_failed.dimensions == tomap({ service = "prober", stack = "cellstack" }) &&
      aws_cloudwatch_metric_alarm.probe_failed.period == 120 && aws_cloudwatch_metric_alarm.probe_failed.datapoints_to_alarm == 3 &&
      tolist(aws_cloudwatch_metric_alarm.probe_failed.alarm_actions) == tolist(["arn:aws:sns:eu-west-1:111122223333:ops"])
    )
    error_message = "A cell that fails three rounds on end notifies, whether the prober may mark it or not."
  }

  assert {
    condition     = output.alarms == ["cellstack-prober-unhealthy", "cellstack-prober-probe-failed"]
    error_message = "The two that notify are the alarms that the prober names."
  }
}

run "takes_the_least_share_that_is_a_cell" {
  command = plan
  variables {
    cell_count = 3
    settings   = { act = true, max_down = 34 }
  }
}

run "refuses_a_share_of_less_than_a_cell" {
  command = plan
  variables {
    cell_count = 3
    settings   = { act = true, max_down = 33 }
  }
  expect_failures = [var.settings]
}

run "takes_any_share_while_it_only_measures" {
  command = plan
  variables {
    cell_count = 3
    settings   = { max_down = 33 }
  }
}

run "refuses_more_than_the_fleet" {
  command = plan
  variables {
    settings = { max_down = 101 }
  }
  expect_failures = [var.settings]
}

run "refuses_an_uneven_pace" {
  command = plan
  variables {
    settings = { schedule = "cron(0 9 * * ? *)" }
  }
  expect_failures = [var.settings]
}

run "refuses_a_pace_that_finds_out_late" {
  command = plan
  variables {
    settings = { schedule = "rate(16 minutes)" }
  }
  expect_failures = [var.settings]
}

run "refuses_no_failures" {
  command = plan
  variables {
    settings = { failures = 0 }
  }
  expect_failures = [var.settings]
}

run "refuses_half_a_success" {
  command = plan
  variables {
    settings = { successes = 1.5 }
  }
  expect_failures = [var.settings]
}

run "refuses_a_probe_without_time" {
  command = plan
  variables {
    settings = { probe_timeout = 0 }
  }
  expect_failures = [var.settings]
}

run "refuses_a_function_that_ends_before_its_probes" {
  command = plan
  variables {
    settings = { probe_timeout = 30, timeout = 59 }
  }
  expect_failures = [var.settings]
}

run "refuses_another_form_of_access" {
  command = plan
  variables {
    cell_access = "any"
  }
  expect_failures = [var.cell_access]
}
