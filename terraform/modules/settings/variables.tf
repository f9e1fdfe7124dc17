# Inputs that several modules share. Each is checked here, once for the whole stack: a wrong value is one error, not one per cell.
# The rules of `pipeline` are in pipeline.tf.

variable "stack" {
  type = object({
    prefix              = string
    account             = string
    partition           = string
    region              = string
    dns_suffix          = string
    architecture        = string
    alarm_actions       = list(string)
    deletion_protection = bool
    iam                 = object({ path = string, permissions_boundary = optional(string) })
    kms_key_arn         = optional(string)
    log_level           = string
    log_retention_days  = number
    local_stack         = bool
    tags                = map(string)
  })
  description = "Settings of the whole stack: its names, its place in AWS, its code's architecture, its roles, key, logs, alarms and tags."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.stack.prefix))
    error_message = "The prefix has 2 to 24 characters of a-z 0-9 and -, a letter first, no - last."
  }

  validation {
    condition     = contains(["arm64", "x86_64"], var.stack.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }

  validation {
    condition     = alltrue([for arn in var.stack.alarm_actions : startswith(arn, "arn:")])
    error_message = "Alarm actions are ARNs."
  }

  validation {
    condition     = can(regex("^/([a-zA-Z0-9+=,.@_-]+/)*$", var.stack.iam.path)) && length(var.stack.iam.path) <= 512
    error_message = "iam.path begins and ends with a slash: /cellstack/."
  }

  validation {
    condition     = var.stack.iam.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", var.stack.iam.permissions_boundary))
    error_message = "iam.permissions_boundary is the ARN of a managed policy."
  }

  validation {
    condition     = var.stack.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.stack.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key, not an alias or an id."
  }

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"], var.stack.log_level)
    error_message = "The log level is TRACE, DEBUG, INFO, WARN or ERROR."
  }

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.stack.log_retention_days)
    error_message = "CloudWatch keeps logs 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731 days."
  }

  # Emulators give this account id to the key `test`; AWS gives it to no account.
  validation {
    condition     = !var.stack.local_stack || var.stack.account == "000000000000"
    error_message = "local_stack removes protection and is for an emulator only, but these credentials belong to the AWS account ${var.stack.account}. Leave local_stack false."
  }

  validation {
    condition     = alltrue([for name in keys(var.stack.tags) : !startswith(lower(name), "aws:")])
    error_message = "Keys that begin with aws:, in large or small letters, are for AWS's own tags. Rename these of tags: ${join(", ", [for name in keys(var.stack.tags) : name if startswith(lower(name), "aws:")])}."
  }

  validation {
    condition     = length(var.stack.tags) <= 45
    error_message = "tags holds at most 45 tags: AWS takes 50 per resource, and Cellstack adds its own."
  }
}

variable "ordering" {
  type        = string
  description = "Ordering of the cells that choose none of their own: none or tenant."
  nullable    = false

  validation {
    condition     = contains(["none", "tenant"], var.ordering)
    error_message = "Set ordering to none or tenant."
  }
}

variable "cells" {
  type = map(object({
    ordering            = optional(string)
    kms_key_arn         = optional(string)
    deletion_protection = optional(bool)
    tags                = optional(map(string), {})
  }))
  description = "The cells by id, with the settings that a cell may choose in place of the stack's."
  nullable    = false

  validation {
    condition     = length(var.cells) >= 1
    error_message = "A stack has at least one cell."
  }

  validation {
    condition     = alltrue([for cell in values(var.cells) : contains(["none", "tenant"], coalesce(cell.ordering, "none"))])
    error_message = "Set a cell's ordering to none or tenant, or leave it out."
  }

  validation {
    condition = alltrue([
      for cell in values(var.cells) : cell.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", cell.kms_key_arn))
    ])
    error_message = "A cell's kms_key_arn is the ARN of a KMS key, not an alias or an id."
  }

  validation {
    condition     = alltrue(flatten([for cell in values(var.cells) : [for name in keys(cell.tags) : !startswith(lower(name), "aws:")]]))
    error_message = "Keys that begin with aws:, in large or small letters, are for AWS's own tags. Rename these of cells[*].tags: ${join(", ", flatten([for id, cell in var.cells : [for name in keys(cell.tags) : "${name} of ${id}" if startswith(lower(name), "aws:")]]))}."
  }

  # A cell's resources have its own tags, the stack's, and the two that Cellstack adds: cellstack:stack and cellstack:cell.
  validation {
    condition     = alltrue([for cell in values(var.cells) : length(merge(cell.tags, local.stack.tags, { "cellstack:cell" = "" })) <= 50])
    error_message = "A cell's resources take at most 50 tags: its own, the stack's and two that Cellstack adds. Found ${join(", ", [for id, cell in var.cells : "${length(merge(cell.tags, local.stack.tags, { "cellstack:cell" = "" }))} of ${id}" if length(merge(cell.tags, local.stack.tags, { "cellstack:cell" = "" })) > 50])}. Remove some from cells[*].tags, or from tags."
  }
}

variable "functions" {
  type = object({
    router   = object({ memory = number, timeout = number, reserved_concurrency = number })
    producer = object({ memory = number, timeout = number, reserved_concurrency = number })
    consumer = object({ memory = number, timeout = number, reserved_concurrency = number, environment = optional(map(string), {}) })
  })
  description = "Memory in MB, timeout in seconds and reserved concurrency (-1: none) of the three functions. environment: variables of the consumer's processor."
  nullable    = false

  validation {
    condition = alltrue([
      for function in [var.functions.producer, var.functions.consumer] :
      function.timeout >= 3 && function.timeout <= 300 && floor(function.timeout) == function.timeout
    ])
    error_message = "Timeouts are whole numbers from 3 to 300 seconds: one AWS call with all its retries takes up to 2.5 s."
  }

  validation {
    condition = alltrue([
      for name in keys(var.functions.consumer.environment) :
      can(regex("^[a-zA-Z][a-zA-Z0-9_]+$", name)) && !can(regex("^(AWS|CELLSTACK|LAMBDA)_|^RUST_LOG$", name))
    ])
    error_message = "Variables in functions.consumer.environment begin with a letter and have letters, digits and _ only, two characters at least. Names that begin with AWS_ or LAMBDA_ are Lambda's, those that begin with CELLSTACK_ the consumer's, and RUST_LOG has the value of log_level."
  }

  # Lambda takes 4,096 bytes of variables, measured as one JSON object. With the longest names the consumer's own take 489 of them.
  # Terraform counts characters; base64 has four of them for three bytes.
  validation {
    condition     = length(base64encode(jsonencode(var.functions.consumer.environment))) <= 4800
    error_message = "functions.consumer.environment has at most 3,600 bytes as JSON, since Lambda takes 4 KB of variables with the consumer's own; found about ${length(base64encode(jsonencode(var.functions.consumer.environment))) / 4 * 3}. Store long values elsewhere, and pass their names."
  }
}

variable "account_concurrency" {
  type        = number
  description = "Concurrent executions of the account in this Region. All reservations and the 100 executions that Lambda keeps unreserved have to fit."
  nullable    = false

  validation {
    condition     = local.reserved_executions <= max(var.account_concurrency - 100, 0)
    error_message = "${length(var.cells)} cells do not fit. A cell reserves ${max(var.functions.producer.reserved_concurrency, 0) + max(var.functions.consumer.reserved_concurrency, 0)} concurrent executions and the stack's own functions ${max(var.functions.router.reserved_concurrency, 0) + var.other_reservations}; of account_concurrency = ${var.account_concurrency} Lambda keeps 100 unreserved, so that ${max(floor((var.account_concurrency - 100 - max(var.functions.router.reserved_concurrency, 0) - var.other_reservations) / max(var.functions.producer.reserved_concurrency + var.functions.consumer.reserved_concurrency, 1)), 0)} cells fit. Ask AWS for a higher quota and set account_concurrency to it, or lower functions.*.reserved_concurrency (-1 shares the unreserved executions)."
  }
}

variable "other_reservations" {
  type        = number
  description = "Executions that the functions besides router, producer and consumer reserve."
  default     = 0
  nullable    = false
}

variable "alarms" {
  type        = object({ iterator_age = number, message_age = number, letters_standing = number })
  description = "Limits of a cell's alarms: seconds of delay of the stream (iterator_age) and of the queue (message_age), and hours that dead letters stay untouched (letters_standing)."
  nullable    = false

  # An alarm past the end of what it watches never goes off.
  validation {
    condition     = var.alarms.iterator_age < var.pipeline.stream_record_age
    error_message = "iterator_age is less than pipeline.stream_record_age (${var.pipeline.stream_record_age} s), after which the producer's mapping skips a record; found ${var.alarms.iterator_age} s. Lower iterator_age, or raise stream_record_age."
  }

  validation {
    condition     = var.alarms.message_age < var.pipeline.queue_retention
    error_message = "message_age is less than pipeline.queue_retention (${var.pipeline.queue_retention} s), after which SQS deletes a message; found ${var.alarms.message_age} s. Lower message_age, or raise queue_retention."
  }

  validation {
    condition     = var.alarms.letters_standing * 3600 < var.pipeline.dlq_retention
    error_message = "letters_standing is less than pipeline.dlq_retention (${floor(var.pipeline.dlq_retention / 3600)} hours), after which SQS deletes a letter; found ${var.alarms.letters_standing} hours. Lower letters_standing, or raise dlq_retention."
  }

  validation {
    condition     = alltrue([for age in [var.alarms.iterator_age, var.alarms.message_age] : age >= 60 && age <= 43200])
    error_message = "Alarm ages are 60 to 43200 seconds: past half a day too little of the stream's 24 hours is left."
  }

  validation {
    condition     = var.alarms.letters_standing >= 1 && var.alarms.letters_standing <= 168 && floor(var.alarms.letters_standing) == var.alarms.letters_standing
    error_message = "letters_standing is a whole number of hours from 1 to 168: CloudWatch looks back a week."
  }
}
