# One Rust Lambda with all that belongs to it and to nothing else: its role, its log group, its code.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  log_group_name = "/aws/lambda/${var.name}"
  log_group_arn = join(":", [
    "arn", data.aws_partition.current.partition, "logs", data.aws_region.current.id,
    data.aws_caller_identity.current.account_id, "log-group", local.log_group_name,
  ])

  trust = concat(
    [{
      Sid       = "Lambda"
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = ["lambda.amazonaws.com"] }
    }],
    [for principals in [var.trusted_principals] : {
      Sid       = "NamedPrincipals"
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = principals }
    } if length(principals) > 0],
  )

  statements = concat(
    [for statement in var.statements : {
      Sid      = statement.sid
      Effect   = "Allow"
      Action   = statement.actions
      Resource = statement.resources
    }],
    [{
      Sid    = "OwnLogGroup"
      Effect = "Allow"
      Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
      # Lambda invents the stream's name, so the last part cannot be written out.
      Resource = ["${local.log_group_arn}:log-stream:*"]
    }],
    # DynamoDB, SNS and SQS call KMS as the caller of the request.
    [for key in compact([var.kms_key_arn]) : {
      Sid      = "CustomerKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [key]
    }],
  )
}

resource "aws_iam_role" "this" {
  name        = var.name
  description = "What ${var.name} may do. Used by this one function."
  tags        = var.tags

  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = local.trust })
}

resource "aws_iam_role_policy" "this" {
  name = "calls"
  role = aws_iam_role.this.name

  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Logs are tenant data and kept for a limited time; log_retention_days says how long.
  name              = local.log_group_name
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_116:Serves asynchronous invocations only. These functions have none; streams and queues have their own dead-letter queues.
  #checkov:skip=CKV_AWS_117:Calls nothing but public AWS endpoints. A VPC would add a NAT gateway, shared by cells that must share nothing.
  #checkov:skip=CKV_AWS_272:The artifact bucket is the deployer's own, and objects are named and checked by their SHA-256.
  function_name                  = var.name
  description                    = var.description
  role                           = aws_iam_role.this.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = var.memory
  timeout                        = var.timeout
  reserved_concurrent_executions = var.reserved_concurrency
  publish                        = var.publish
  s3_bucket                      = var.artifact.bucket
  s3_key                         = var.artifact.key
  source_code_hash               = var.artifact.source_code_hash
  kms_key_arn                    = var.kms_key_arn
  tags                           = var.tags

  environment {
    variables = var.environment
  }

  # Traces of callers are carried on; starting them would need permissions on all resources.
  tracing_config {
    mode = "PassThrough"
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = var.log_level
    # Lambda's own START, END and REPORT lines would cost more to store than the events they speak of.
    system_log_level = "WARN"
    log_group        = aws_cloudwatch_log_group.this.name
  }

  # A first invocation before the policy is attached would fail for want of permission.
  depends_on = [aws_iam_role_policy.this]
}
