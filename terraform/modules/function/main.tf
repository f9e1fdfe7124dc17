# One Rust Lambda function with a role of its own.

locals {
  # A role's name counts for the whole account, a function's for its Region: without the Region in it, a second stack in
  # another Region would meet the roles of the first. IAM takes 64 characters; a longer name keeps its beginning and gets a
  # hash in place of the rest.
  role_name_long = "${var.name}-${var.stack.region}"
  role_name      = length(local.role_name_long) <= 64 ? local.role_name_long : "${substr(local.role_name_long, 0, 55)}-${substr(sha256(local.role_name_long), 0, 8)}"

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
    [for statement in var.statements : merge(
      {
        Sid      = statement.sid
        Effect   = "Allow"
        Action   = statement.actions
        Resource = statement.resources
      },
      { for condition in [statement.condition] : "Condition" => condition if length(condition) > 0 },
    )],
    [{
      Sid    = "OwnLogGroup"
      Effect = "Allow"
      Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
      # Lambda chooses the stream's name, so the last part cannot be written out.
      Resource = ["${var.log_group.arn}:log-stream:*"]
    }],
    # DynamoDB, SNS and SQS call KMS with the permissions of their caller; the condition keeps the role from using the key
    # directly (https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service).
    [for keys in [distinct(compact(concat([var.stack.kms_key_arn], var.data_keys.arns)))] : {
      Sid      = "CustomerKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = keys
      Condition = {
        StringEquals = {
          "kms:ViaService" = [
            for service in sort(distinct(concat(["lambda"], var.data_keys.services))) :
            "${service}.${var.stack.region}.${var.stack.dns_suffix}"
          ]
        }
      }
    } if length(keys) > 0],
  )
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })

  # Lambda treats a line without a valid `level` and `timestamp` as INFO, and drops lines below this level: set to WARN it
  # would drop metrics, and with them the data of every alarm on them
  # (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html). So above INFO the program
  # filters, and Lambda passes every line.
  lambda_log_level = contains(["TRACE", "DEBUG"], var.stack.log_level) ? var.stack.log_level : "INFO"
}

# By way of a local value, as in modules/cell: fewer edges in the graph of an apply.
locals {
  role = { name = aws_iam_role.this.name, arn = aws_iam_role.this.arn }
}

resource "aws_iam_role" "this" {
  name                 = local.role_name
  path                 = var.stack.iam.path
  permissions_boundary = var.stack.iam.permissions_boundary
  description          = "Permissions of ${var.name} in ${var.stack.region}. Used by this one function."
  tags                 = var.stack.tags

  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = local.trust })
}

resource "aws_iam_role_policy" "this" {
  name   = "calls"
  role   = local.role.name
  policy = local.policy

  lifecycle {
    # IAM counts no white space, and jsonencode writes none.
    precondition {
      condition     = length(local.policy) <= 10240
      error_message = "The policy of ${var.name} has ${length(local.policy)} characters; IAM takes 10,240. Name fewer tables, or let cells share keys."
    }
  }
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_116:Serves asynchronous invocations only: the prober's, and after a failed one the next comes anyway. Streams and queues have their own dead-letter queues.
  #checkov:skip=CKV_AWS_117:Calls nothing but public AWS endpoints. A VPC would add a NAT gateway, shared by cells that must share nothing.
  #checkov:skip=CKV_AWS_272:The artifact bucket is the deployer's own, and objects are named and checked by their SHA-256.
  function_name                  = var.name
  description                    = var.description
  role                           = local.role.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.stack.architecture]
  memory_size                    = var.memory
  timeout                        = var.timeout
  reserved_concurrent_executions = var.reserved_concurrency
  publish                        = var.publish
  s3_bucket                      = var.artifact.bucket
  s3_key                         = var.artifact.key
  source_code_hash               = var.artifact.source_code_hash
  kms_key_arn                    = var.stack.kms_key_arn
  tags                           = var.stack.tags

  environment {
    # The program prefers this level to the one that Lambda passes to it.
    variables = merge(var.environment, { RUST_LOG = var.stack.log_level })
  }

  # Traces of callers are carried on; starting them would need permissions on all resources.
  tracing_config {
    mode = "PassThrough"
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = local.lambda_log_level
    # START, END and REPORT of successful invocations would cost more to store than the events. Time-outs and crashes are WARN
    # and ERROR, independent of the function's own level.
    system_log_level = "WARN"
    log_group        = var.log_group.name
  }

  # An invocation before the policy is attached would lack permission.
  depends_on = [aws_iam_role_policy.this]
}
