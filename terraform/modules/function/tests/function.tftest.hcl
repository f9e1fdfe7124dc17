mock_provider "aws" {
  override_during = plan
}

variables {
  name        = "cellstack-cell-alpha-producer"
  description = "Publishes."
  stack = {
    region       = "eu-west-1"
    dns_suffix   = "amazonaws.com"
    architecture = "arm64"
    iam          = { path = "/" }
    log_level    = "INFO"
    tags         = {}
  }
  log_group = {
    name = "/aws/lambda/cellstack-cell-alpha"
    arn  = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/cellstack-cell-alpha"
  }
  artifact = {
    bucket           = "code"
    key              = "cellstack/producer/abc.zip"
    source_code_hash = "abc="
  }
  memory               = 256
  timeout              = 30
  reserved_concurrency = 10
  environment          = { CELLSTACK_CELL_ID = "alpha" }
  statements = [{
    sid       = "Publish"
    actions   = ["sns:Publish"]
    resources = ["arn:aws:sns:eu-west-1:111122223333:cellstack-cell-alpha-events"]
  }]
}

run "runs_a_bootstrap_from_s3" {
  command = plan

  assert {
    condition = (
      aws_lambda_function.this.runtime == "provided.al2023" && aws_lambda_function.this.handler == "bootstrap" &&
      aws_lambda_function.this.architectures == tolist(["arm64"])
    )
    error_message = "A Rust function is a bootstrap on provided.al2023."
  }

  assert {
    condition     = aws_lambda_function.this.s3_key == var.artifact.key && aws_lambda_function.this.source_code_hash == "abc="
    error_message = "Code comes from S3, and its hash rolls it out."
  }

  assert {
    condition = (
      aws_lambda_function.this.logging_config[0].log_format == "JSON" &&
      aws_lambda_function.this.logging_config[0].log_group == "/aws/lambda/cellstack-cell-alpha"
    )
    error_message = "It logs JSON into the group it is given."
  }

  assert {
    condition     = one(aws_lambda_function.this.environment).variables == tomap({ CELLSTACK_CELL_ID = "alpha", RUST_LOG = "INFO" })
    error_message = "It gets its settings, and the level it logs at."
  }
}

# Lambda takes a line without a valid level and timestamp for INFO: a metric, for one.
run "errors_and_metrics_arrive_at_trace" {
  command = plan
  variables {
    stack = merge(var.stack, { log_level = "TRACE" })
  }
  assert {
    condition     = one(aws_lambda_function.this.environment).variables.RUST_LOG == "TRACE" && aws_lambda_function.this.logging_config[0].application_log_level == "TRACE"
    error_message = "Below INFO Lambda has to let pass what the program says."
  }
}

run "errors_and_metrics_arrive_at_debug" {
  command = plan
  variables {
    stack = merge(var.stack, { log_level = "DEBUG" })
  }
  assert {
    condition     = one(aws_lambda_function.this.environment).variables.RUST_LOG == "DEBUG" && aws_lambda_function.this.logging_config[0].application_log_level == "DEBUG"
    error_message = "Below INFO Lambda has to let pass what the program says."
  }
}

run "errors_and_metrics_arrive_at_info" {
  command = plan
  variables {
    stack = merge(var.stack, { log_level = "INFO" })
  }
  assert {
    condition     = one(aws_lambda_function.this.environment).variables.RUST_LOG == "INFO" && aws_lambda_function.this.logging_config[0].application_log_level == "INFO"
    error_message = "Metrics are INFO to Lambda."
  }
}

run "errors_and_metrics_arrive_at_warn" {
  command = plan
  variables {
    stack = merge(var.stack, { log_level = "WARN" })
  }
  assert {
    condition     = one(aws_lambda_function.this.environment).variables.RUST_LOG == "WARN" && aws_lambda_function.this.logging_config[0].application_log_level == "INFO"
    error_message = "The program drops what is below WARN; Lambda would drop the metrics."
  }
}

run "errors_and_metrics_arrive_at_error" {
  command = plan
  variables {
    stack = merge(var.stack, { log_level = "ERROR" })
  }
  assert {
    condition     = one(aws_lambda_function.this.environment).variables.RUST_LOG == "ERROR" && aws_lambda_function.this.logging_config[0].application_log_level == "INFO"
    error_message = "The program drops what is below ERROR; Lambda would drop the metrics."
  }
  assert {
    condition     = aws_lambda_function.this.logging_config[0].system_log_level == "WARN"
    error_message = "Lambda's own word of time-outs and crashes does not hang on the program's level."
  }
}

run "a_role_belongs_to_a_region" {
  command = plan

  assert {
    condition     = aws_iam_role.this.name == "cellstack-cell-alpha-producer-eu-west-1" && aws_iam_role.this.path == "/" && aws_iam_role.this.permissions_boundary == null
    error_message = "A second stack in another Region has roles of other names."
  }
}

run "the_longest_name_in_the_longest_region_fits" {
  command = plan

  variables {
    name  = "a-prefix-of-24-characters-cell-a-cell-id-of-20-char-producer"
    stack = merge(var.stack, { region = "ap-southeast-1" })
  }

  assert {
    condition     = length(aws_iam_role.this.name) == 64 && startswith(aws_iam_role.this.name, "a-prefix-of-24-characters-cell-a-cell-id-of-20-char-pro")
    error_message = "IAM takes 64 characters."
  }

  assert {
    condition     = !endswith(aws_iam_role.this.name, "ap-southeast-1") && can(regex("-[0-9a-f]{8}$", aws_iam_role.this.name))
    error_message = "A hash of the whole name tells such names apart."
  }
}

run "names_that_differ_at_their_end_stay_different" {
  command = plan

  variables {
    name  = "a-prefix-of-24-characters-cell-a-cell-id-of-20-char-producer"
    stack = merge(var.stack, { region = "ap-southeast-2" })
  }

  assert {
    condition     = aws_iam_role.this.name != run.the_longest_name_in_the_longest_region_fits.role_name
    error_message = "Two Regions, two roles."
  }
}

run "a_role_keeps_to_the_rules_of_its_account" {
  command = plan

  variables {
    stack = merge(var.stack, { iam = { path = "/cellstack/", permissions_boundary = "arn:aws:iam::111122223333:policy/boundary" } })
  }

  assert {
    condition     = aws_iam_role.this.path == "/cellstack/" && aws_iam_role.this.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    error_message = "Path and boundary are the role's."
  }
}

run "may_do_what_it_is_told_and_write_its_log" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role_policy.this.policy).Statement == [
      {
        Sid      = "Publish", Effect = "Allow", Action = ["sns:Publish"],
        Resource = ["arn:aws:sns:eu-west-1:111122223333:cellstack-cell-alpha-events"]
      },
      {
        Sid = "OwnLogGroup", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"],
        Resource = [
          "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/cellstack-cell-alpha:log-stream:*"
        ]
      },
    ]
    error_message = "The role's policy holds the given statements and the function's log group, nothing else."
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [
      { Sid = "Lambda", Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = ["lambda.amazonaws.com"] } },
    ]
    error_message = "Nobody but Lambda assumes the role."
  }
}

run "customer_keys_serve_through_services_only" {
  command = plan

  variables {
    stack = merge(var.stack, { kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234" })
    data_keys = {
      arns     = ["arn:aws:kms:eu-west-1:111122223333:key/5678", "arn:aws:kms:eu-west-1:111122223333:key/1234"]
      services = ["sqs", "dynamodb"]
    }
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement if statement.Sid == "CustomerKey"] == [{
      Sid       = "CustomerKey", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = ["arn:aws:kms:eu-west-1:111122223333:key/1234", "arn:aws:kms:eu-west-1:111122223333:key/5678"]
      Condition = { StringEquals = { "kms:ViaService" = ["dynamodb.eu-west-1.amazonaws.com", "lambda.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com"] } }
    }]
    error_message = "The role uses the keys through the services it works with, and in no other way."
  }

  assert {
    condition     = aws_lambda_function.this.kms_key_arn == var.stack.kms_key_arn
    error_message = "The environment is encrypted with the key."
  }
}

run "no_customer_key_no_permission" {
  command = plan

  assert {
    condition     = !strcontains(aws_iam_role_policy.this.policy, "kms:")
    error_message = "AWS's own keys need none."
  }
}

run "a_condition_may_stand_in_for_a_list" {
  command = plan

  variables {
    statements = [{
      sid       = "Tagged"
      actions   = ["dynamodb:PutItem"]
      resources = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-*"]
      condition = { StringEquals = { "aws:ResourceTag/cellstack:stack" = ["cellstack"] } }
    }]
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.this.policy).Statement[0].Condition == {
      StringEquals = { "aws:ResourceTag/cellstack:stack" = ["cellstack"] }
    }
    error_message = "The condition reaches the policy."
  }
}

run "named_principals_may_assume_the_role" {
  command = plan

  variables {
    trusted_principals = ["arn:aws:iam::111122223333:root"]
  }

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[1].Principal == { AWS = ["arn:aws:iam::111122223333:root"] }
    error_message = "The trust policy names them."
  }
}

run "refuses_a_long_name" {
  command = plan
  variables {
    name = "cellstack-cell-a-cell-with-a-name-that-is-longer-than-lambda-takes"
  }
  expect_failures = [var.name]
}

run "refuses_a_long_description" {
  command = plan
  variables {
    description = join("", [for n in range(257) : "x"])
  }
  expect_failures = [var.description]
}

run "refuses_an_artifact_without_hash" {
  command = plan
  variables {
    artifact = { bucket = "code", key = "k", source_code_hash = "" }
  }
  expect_failures = [var.artifact]
}

run "refuses_too_little_memory" {
  command = plan
  variables {
    memory = 64
  }
  expect_failures = [var.memory]
}

run "refuses_a_timeout_over_fifteen_minutes" {
  command = plan
  variables {
    timeout = 901
  }
  expect_failures = [var.timeout]
}

run "refuses_reserved_concurrency_that_switches_off" {
  command = plan
  variables {
    reserved_concurrency = 0
  }
  expect_failures = [var.reserved_concurrency]
}

run "refuses_odd_environment_names" {
  command = plan
  variables {
    environment = { "cell-id" = "alpha" }
  }
  expect_failures = [var.environment]
}

run "takes_an_environment_name_in_small_letters" {
  command = plan
  variables {
    environment = { orders_gateway_url = "https://pay.example" }
  }
}

run "refuses_wildcard_actions" {
  command = plan
  variables {
    statements = [{ sid = "Any", actions = ["sqs:*"], resources = ["arn:aws:sqs:eu-west-1:111122223333:q"] }]
  }
  expect_failures = [var.statements]
}

run "refuses_wildcard_resources" {
  command = plan
  variables {
    statements = [{ sid = "Any", actions = ["sqs:SendMessage"], resources = ["*"] }]
  }
  expect_failures = [var.statements]
}

run "refuses_a_wildcard_name_without_a_condition" {
  command = plan
  variables {
    statements = [{ sid = "Any", actions = ["sqs:SendMessage"], resources = ["arn:aws:sqs:eu-west-1:111122223333:cellstack-*"] }]
  }
  expect_failures = [var.statements]
}

run "refuses_any_resource_even_under_a_condition" {
  command = plan
  variables {
    statements = [{
      sid       = "Any"
      actions   = ["dynamodb:PutItem"]
      resources = ["arn:aws:dynamodb:eu-west-1:111122223333:table/*"]
      condition = { StringEquals = { "aws:ResourceTag/cellstack:stack" = ["cellstack"] } }
    }]
  }
  expect_failures = [var.statements]
}

run "refuses_a_policy_over_its_limit" {
  command = plan
  variables {
    statements = [{
      sid       = "Many"
      actions   = ["dynamodb:PutItem"]
      resources = [for n in range(200) : "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-${n}"]
    }]
  }
  expect_failures = [aws_iam_role_policy.this]
}

run "refuses_a_principal_that_is_no_arn" {
  command = plan
  variables {
    trusted_principals = ["*"]
  }
  expect_failures = [var.trusted_principals]
}

