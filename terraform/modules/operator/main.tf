# The role of the operators' tool. Nothing on the request path uses it.

locals {
  # The name rule of modules/function: a role's name counts for the whole account.
  role_name = "${var.stack.prefix}-operator-${var.stack.region}"

  account    = "${var.stack.region}:${var.stack.account}"
  tables_arn = "arn:${var.stack.partition}:dynamodb:${local.account}:table"
  own        = { StringEquals = { "aws:ResourceTag/cellstack:stack" = [var.stack.prefix] } }

  # As for the router: every table with a cell's name and the stack's tag, or each by its ARN.
  cells = concat(
    [for tables in [var.cell_table_arns] : { sid = "Listed", resources = tables, condition = {} } if length(tables) > 0],
    [for access in [var.cell_access] : {
      sid       = "Tagged"
      resources = ["${local.tables_arn}/${var.stack.prefix}-cell-*"]
      condition = local.own
    } if access == "tag"],
  )

  # By the names that modules/cell gives; those of FIFO queues end in .fifo. Queues go by the tag with either cell_access, since an
  # account opts out of tags in policies for DynamoDB alone.
  cell_queue         = "arn:${var.stack.partition}:sqs:${local.account}:${var.stack.prefix}-cell-*"
  events_queues      = ["${local.cell_queue}-events", "${local.cell_queue}-events.fifo"]
  dead_letter_queues = ["${local.cell_queue}-dlq", "${local.cell_queue}-dlq.fifo"]

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
      # Denies updates and deletions. A put under a new key is allowed, and IAM does not distinguish it from one that replaces an
      # entry: the program puts each entry once, under a key of its own, and point-in-time recovery keeps what was there for 35 days.
      {
        Sid       = "AuditIsAppendOnly"
        Effect    = "Deny"
        Action    = ["dynamodb:DeleteItem", "dynamodb:UpdateItem"]
        Resource  = [var.registry.arn]
        Condition = { "ForAnyValue:StringEquals" = { "dynamodb:LeadingKeys" = ["audit"] } }
      },
    ],
    # A move deletes what it needs no longer of the journal, what is in its way in the destination, and a copy whose time is over. An
    # erasure deletes a tenant's items.
    [for cells in local.cells : merge(
      {
        Sid      = "Write${cells.sid}Cells"
        Effect   = "Allow"
        Action   = ["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem"]
        Resource = cells.resources
      },
      { for condition in [cells.condition] : "Condition" => condition if length(condition) > 0 },
    )],
    # A redrive takes letters from dead-letter queues and sends their events to events queues. Messages of an events queue are the
    # consumer's alone: a tool that took one would hide it from the consumer, or lose it.
    [
      {
        Sid       = "HandleDeadLetters"
        Effect    = "Allow"
        Action    = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]
        Resource  = local.dead_letter_queues
        Condition = local.own
      },
      {
        Sid       = "SendEventsAgain"
        Effect    = "Allow"
        Action    = ["sqs:SendMessage"]
        Resource  = local.events_queues
        Condition = local.own
      },
      {
        Sid       = "CountMessages"
        Effect    = "Allow"
        Action    = ["sqs:GetQueueAttributes"]
        Resource  = concat(local.dead_letter_queues, local.events_queues)
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
    # S3 returns 404 for a missing object to a role that may list the bucket, and 403 to any other: the first `cellctl snapshot write`
    # has to see that it replaces nothing. Without a condition on s3:prefix, which a read of the object does not have
    # (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
    [for snapshot in var.snapshot[*] : {
      Sid      = "FindSnapshot"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = ["arn:${var.stack.partition}:s3:::${snapshot.bucket}"]
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
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
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
  policy = local.policy

  lifecycle {
    # IAM counts no white space, and jsonencode writes none.
    precondition {
      condition     = length(local.policy) <= 10240
      error_message = "The policy of ${local.role_name} has ${length(local.policy)} characters; IAM takes 10,240. Name fewer tables, or let cells share keys."
    }
  }
}
