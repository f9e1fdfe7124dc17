# The role of the operators' tool. Nothing on the request path uses it.

locals {
  # The name rule of modules/function: a role's name counts for the whole account.
  role_name = "${var.stack.prefix}-operator-${var.stack.region}"

  account    = "${var.stack.region}:${var.stack.account}"
  cell_table = "arn:${var.stack.partition}:dynamodb:${local.account}:table/${var.stack.prefix}-cell-*"
  cell_queue = "arn:${var.stack.partition}:sqs:${local.account}:${var.stack.prefix}-cell-*"
  own        = { StringEquals = { "aws:ResourceTag/cellstack:stack" = [var.stack.prefix] } }

  # A transaction is authorised by the actions of its items; it has no action of its own.
  statements = concat(
    [
      {
        Sid      = "WriteTenantMap"
        Effect   = "Allow"
        Action   = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem"]
        Resource = [var.tenant_map.arn]
      },
      {
        Sid      = "WriteRegistry"
        Effect   = "Allow"
        Action   = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
        Resource = [var.registry.arn]
      },
      {
        Sid      = "ListCells"
        Effect   = "Allow"
        Action   = ["dynamodb:Scan"]
        Resource = ["${var.registry.arn}/index/cells"]
      },
      # An entry of the audit trail is put once, under a key of its own, and never updated. Nothing of the registry is deleted.
      {
        Sid       = "AuditIsAppendOnly"
        Effect    = "Deny"
        Action    = ["dynamodb:DeleteItem", "dynamodb:UpdateItem"]
        Resource  = [var.registry.arn]
        Condition = { "ForAnyValue:StringEquals" = { "dynamodb:LeadingKeys" = ["audit"] } }
      },
      {
        # A move deletes what it needs no longer of the journal, what is in its way in the destination, and a copy whose time is
        # over. An erasure deletes a tenant's items.
        Sid       = "WriteCells"
        Effect    = "Allow"
        Action    = ["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem"]
        Resource  = [local.cell_table]
        Condition = local.own
      },
      {
        Sid       = "HandleDeadLetters"
        Effect    = "Allow"
        Action    = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"]
        Resource  = [local.cell_queue]
        Condition = local.own
      },
    ],
    # The age of messages and stream records. The action has no resources
    # (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html).
    [{
      Sid      = "ReadAges"
      Effect   = "Allow"
      Action   = ["cloudwatch:GetMetricData"]
      Resource = ["*"]
    }],
    [for snapshot in var.snapshot[*] : {
      Sid      = "WriteSnapshot"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = ["arn:${var.stack.partition}:s3:::${snapshot.bucket}/${snapshot.key}"]
    }],
    [for keys in [distinct(compact(concat([var.stack.kms_key_arn], var.cell_key_arns)))] : {
      Sid      = "CustomerKeys"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = keys
      Condition = {
        StringEquals = {
          "kms:ViaService" = [for service in ["dynamodb", "s3", "sqs"] : "${service}.${var.stack.region}.${var.stack.dns_suffix}"]
        }
      }
    } if length(keys) > 0],
  )
}

resource "aws_iam_role" "this" {
  count = length(var.operators) > 0 ? 1 : 0

  name                 = local.role_name
  path                 = var.stack.iam.path
  permissions_boundary = var.stack.iam.permissions_boundary
  description          = "Permissions of cellctl for the stack ${var.stack.prefix} in ${var.stack.region}."
  tags                 = var.stack.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Operators"
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = sort(var.operators) }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  count = length(var.operators) > 0 ? 1 : 0

  name   = "cellctl"
  role   = aws_iam_role.this[0].name
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
