# One Rust Lambda with all that belongs to it and to nothing else: its role and its code.

locals {
  # A role's name counts for the whole account, a function's for its Region: without the Region in it, a second stack in
  # another Region would meet the roles of the first. IAM takes 64 characters; a longer name keeps its beginning and gets a
  # hash in place of the rest.
  role_name_long = "${var.name}-${var.context.region}"
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
      # Lambda invents the stream's name, so the last part cannot be written out.
      Resource = ["${var.log_group.arn}:log-stream:*"]
    }],
    # DynamoDB, SNS and SQS call KMS with the permissions of whoever called them; with the condition the role can't use the
    # key on its own (https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service).
    [for keys in [distinct(compact(concat([var.kms_key_arn], var.data_keys.arns)))] : {
      Sid      = "CustomerKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = keys
      Condition = {
        StringEquals = {
          "kms:ViaService" = [
            for service in sort(distinct(concat(["lambda"], var.data_keys.services))) :
            "${service}.${var.context.region}.${var.context.dns_suffix}"
          ]
        }
      }
    } if length(keys) > 0],
  )
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })

  # Lambda takes a line without a valid `level` and `timestamp` for INFO, and drops what is below this level: set to WARN it
  # would drop metrics, and with them every alarm on them
  # (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html). So above INFO the program does
  # the choosing, and Lambda lets pass whatever it is given.
  lambda_log_level = contains(["TRACE", "DEBUG"], var.log_level) ? var.log_level : "INFO"
}

resource "aws_iam_role" "this" {
  name                 = local.role_name
  path                 = var.iam.path
  permissions_boundary = var.iam.permissions_boundary
  description          = "What ${var.name} may do in ${var.context.region}. Used by this one function."
  tags                 = var.tags

  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = local.trust })
}

resource "aws_iam_role_policy" "this" {
  name   = "calls"
  role   = aws_iam_role.this.name
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
    # The program's own level, before the one that Lambda tells it of.
    variables = merge(var.environment, { RUST_LOG = var.log_level })
  }

  # Traces of callers are carried on; starting them would need permissions on all resources.
  tracing_config {
    mode = "PassThrough"
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = local.lambda_log_level
    # START, END and REPORT of what went well would cost more to store than the events they speak of. Time-outs and crashes
    # are WARN and ERROR, whatever the functions' own level is.
    system_log_level = "WARN"
    log_group        = var.log_group.name
  }

  # A first invocation before the policy is attached would fail for want of permission.
  depends_on = [aws_iam_role_policy.this]
}
