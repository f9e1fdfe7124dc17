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
  name        = "cellstack-cell-alpha-producer"
  description = "Publishes."
  artifact = {
    bucket           = "code"
    key              = "cellstack/producer/abc.zip"
    source_code_hash = "abc="
  }
  architecture         = "arm64"
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
      aws_lambda_function.this.logging_config[0].application_log_level == "INFO" &&
      aws_lambda_function.this.logging_config[0].log_group == "/aws/lambda/cellstack-cell-alpha-producer" &&
      aws_cloudwatch_log_group.this.retention_in_days == 30
    )
    error_message = "It logs JSON into its own group, which forgets."
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
          "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/cellstack-cell-alpha-producer:log-stream:*"
        ]
      },
    ]
    error_message = "The role's policy holds the given statements and the function's own log group, nothing else."
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [
      { Sid = "Lambda", Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = ["lambda.amazonaws.com"] } },
    ]
    error_message = "Nobody but Lambda assumes the role."
  }
}

run "a_customer_key_comes_with_the_right_to_use_it" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234"
  }

  assert {
    condition = contains(jsondecode(aws_iam_role_policy.this.policy).Statement[*].Resource, [
      "arn:aws:kms:eu-west-1:111122223333:key/1234"
    ])
    error_message = "The role may use the key."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn && aws_lambda_function.this.kms_key_arn == var.kms_key_arn
    error_message = "Log group and environment are encrypted with the key."
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

run "refuses_an_unknown_architecture" {
  command = plan
  variables {
    architecture = "riscv64"
  }
  expect_failures = [var.architecture]
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

run "refuses_a_principal_that_is_no_arn" {
  command = plan
  variables {
    trusted_principals = ["*"]
  }
  expect_failures = [var.trusted_principals]
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

run "refuses_logs_kept_for_ever" {
  command = plan
  variables {
    log_retention_days = 0
  }
  expect_failures = [var.log_retention_days]
}

run "refuses_too_many_tags" {
  command = plan
  variables {
    tags = { for n in range(46) : "tag${n}" => "x" }
  }
  expect_failures = [var.tags]
}
