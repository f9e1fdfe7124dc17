# Rules stand where they are owned. What all cells or several modules share is checked here, once: a wrong value is one error, not one
# for each cell. What only the router uses (tokens, callers, CORS, the snapshot, standby) is checked by modules/router.

variable "cells" {
  type = map(object({
    capacity            = optional(number, 1000)
    weight              = optional(number, 100)
    wave                = optional(number, 1)
    tags                = optional(map(string), {})
    ordering            = optional(string)
    kms_key_arn         = optional(string)
    deletion_protection = optional(bool)
  }))
  description = "The cells by id. capacity: tenants it takes; weight: its share of new tenants; wave: when a rollout reaches it; tags: for placement and billing; ordering, kms_key_arn, deletion_protection: in place of the variables of these names."

  validation {
    condition     = length(var.cells) >= 1
    error_message = "A stack has at least one cell."
  }

  validation {
    condition = alltrue(flatten([
      for cell in values(var.cells) : [
        for number in [cell.capacity, cell.weight, cell.wave] : number >= 0 && floor(number) == number
      ]
    ]))
    error_message = "Capacity, weight and wave are whole numbers, 0 or more."
  }

  validation {
    condition     = alltrue([for cell in values(var.cells) : contains(["none", "tenant"], coalesce(cell.ordering, "none"))])
    error_message = "A cell's ordering is none or tenant, or not given."
  }

  validation {
    condition = alltrue([
      for cell in values(var.cells) : cell.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", cell.kms_key_arn))
    ])
    error_message = "A cell's key is given as the ARN of a KMS key, not as an alias or an id."
  }
}

variable "retire" {
  type        = set(string)
  description = "Ids of cells that may go: a cell whose line is taken out of `cells` has to be named here, else the plan is refused. A name may stay when its cell is gone; the registry keeps it as retired."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.retire : can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", id))])
    error_message = "retire holds ids of cells: 1 to 20 characters of a-z 0-9 and -, a letter first, no - last."
  }
}

variable "prefix" {
  type        = string
  description = "First part of every name."
  default     = "cellstack"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.prefix))
    error_message = "The prefix has 2 to 24 characters of a-z 0-9 and -, a letter first, no - last."
  }
}

variable "architecture" {
  type        = string
  description = "Instruction set the artifacts were built for: arm64 or x86_64."
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
}

variable "artifact_dir" {
  type        = string
  description = "Directory that holds, in a folder for each architecture, manifest.json and router/bootstrap.zip, producer/bootstrap.zip and consumer/bootstrap.zip; null is where `make build` puts them."
  default     = null

  validation {
    condition     = var.artifact_dir == null || try(length(var.artifact_dir) > 0, false)
    error_message = "The artifact directory is a path, or null."
  }
}

variable "artifact_bucket" {
  type        = string
  description = "Bucket that takes the functions' zips; null makes one."
  default     = null

  validation {
    condition     = var.artifact_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.artifact_bucket))
    error_message = "A bucket name has 3 to 63 characters of a-z 0-9 . and -."
  }
}

variable "tenant_source" {
  type        = string
  description = "Where the tenant's id comes from: header (behind IAM-signed calls), body, or jwt (a claim of a verified token). One source, never a fallback."
  default     = "header"
  nullable    = false
}

variable "jwt" {
  type = object({
    issuer       = string
    audience     = list(string)
    algorithm    = optional(string, "RS256")
    tenant_claim = optional(string, "tenant_id")
    header       = optional(string, "authorization")
    keys         = string
  })
  description = "The tokens that tenant_source = jwt takes. issuer and audience: what `iss` is, and what `aud` names one of; algorithm: the only one; tenant_claim: the claim with the tenant's id; header: where the token stands, in authorization as Bearer and the token; keys: the https URL of a JWK set, or a JWK set as JSON."
  default     = null
}

variable "router_auth_type" {
  type        = string
  description = "AWS_IAM: callers sign their requests. NONE: they do not. With tenant_source jwt the token still says who calls; with any other, ANYONE WHO KNOWS THE URL CAN WRITE EVENTS FOR ANY TENANT, which is for a stack on one's own machine."
  default     = "AWS_IAM"
  nullable    = false
}

variable "router_invokers" {
  type        = map(string)
  description = "Who may call the router with router_auth_type AWS_IAM: a short name for each, and its IAM ARN or account id, or `*` for everybody of router_org_id."
  default     = {}
  nullable    = false
}

variable "router_snapshot" {
  type = object({
    bucket = optional(string)
    key    = optional(string)
  })
  description = "S3 object with a snapshot of the tenant map, from which a router starts that cannot read the map: {} is one in the bucket of the functions' zips (the output router_snapshot says where), null is none. `cellctl snapshot write` writes it."
  default     = null
}

variable "router_org_id" {
  type        = string
  description = "Id of the AWS organization that every invoker has to belong to, whatever router_invokers names; with it `*` in router_invokers is everybody of the organization. null asks for none."
  default     = null
}

variable "router_cell_access" {
  type        = string
  description = "How the router's role names the tables of cells. tag: all of this account and Region with a cell's name and the stack's tag, whatever their number. list: each by its ARN, some 80 at most; for an account that has opted out of tags in DynamoDB's policies (ABAC)."
  default     = "tag"
  nullable    = false
}

variable "remote_cell_table_arns" {
  type        = list(string)
  description = "ARNs of tables of cells in other accounts that the router may write. (Their own policies have to let it in as well.)"
  default     = []
  nullable    = false
}

variable "cors" {
  type = object({
    allow_origins  = list(string)
    allow_methods  = optional(list(string), ["GET", "POST"])
    allow_headers  = optional(list(string), ["authorization", "content-type", "idempotency-key"])
    expose_headers = optional(list(string), ["location", "retry-after", "x-cell-id", "x-request-id"])
    max_age        = optional(number, 3600)
  })
  description = "Which pages in browsers may call the router: origins, methods, request headers, response headers they may read, and seconds a browser remembers it. null: none."
  default     = null
}

variable "standby" {
  type        = string
  description = "What a standby does with the events of tenants whose cell is marked down. hold: keeps them until they can be carried home. process: processes them itself, without the tenants' state."
  default     = "hold"
  nullable    = false
}

variable "functions" {
  type = object({
    router = optional(object({
      memory               = optional(number, 256)
      timeout              = optional(number, 10)
      reserved_concurrency = optional(number, 100)
    }), {})
    producer = optional(object({
      memory               = optional(number, 256)
      timeout              = optional(number, 30)
      reserved_concurrency = optional(number, 10)
    }), {})
    consumer = optional(object({
      memory               = optional(number, 256)
      timeout              = optional(number, 30)
      reserved_concurrency = optional(number, 20)
    }), {})
  })
  description = "Memory in MB, timeout in seconds and reserved concurrency (-1: none) of the three functions. The reservations of all cells come out of account_concurrency."
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for function in [var.functions.producer, var.functions.consumer] :
      function.timeout >= 3 && function.timeout <= 300 && floor(function.timeout) == function.timeout
    ])
    error_message = "Timeouts are whole numbers from 3 to 300 seconds: one AWS call with all its retries takes up to 2.5 s."
  }
}

variable "account_concurrency" {
  type        = number
  description = "Concurrent executions that the account has in this Region (Service Quotas: Lambda, Concurrent executions). The functions' reservations have to fit into it, but for 100 that Lambda wants unreserved."
  default     = 1000
  nullable    = false

  validation {
    condition = (
      length(var.cells) * (max(var.functions.producer.reserved_concurrency, 0) + max(var.functions.consumer.reserved_concurrency, 0)) +
      max(var.functions.router.reserved_concurrency, 0) <= max(var.account_concurrency - 100, 0)
    )
    error_message = "${length(var.cells)} cells do not fit. A cell reserves ${max(var.functions.producer.reserved_concurrency, 0) + max(var.functions.consumer.reserved_concurrency, 0)} concurrent executions and the router ${max(var.functions.router.reserved_concurrency, 0)}; of account_concurrency = ${var.account_concurrency} Lambda wants 100 unreserved, so that ${max(floor((var.account_concurrency - 100 - max(var.functions.router.reserved_concurrency, 0)) / max(var.functions.producer.reserved_concurrency + var.functions.consumer.reserved_concurrency, 1)), 0)} cells fit. Ask AWS for a higher quota and set account_concurrency to it, or lower functions.*.reserved_concurrency (-1 shares what is unreserved)."
  }
}

variable "ordering" {
  type        = string
  description = "none: events of a tenant may overtake each other. tenant: they are processed in the order their table took them; topic, queue and the dead-letter queues behind them become FIFO. A cell may differ (`cells`); a standing one keeps its ordering."
  default     = "none"
  nullable    = false

  validation {
    condition     = contains(["none", "tenant"], var.ordering)
    error_message = "The ordering is none or tenant."
  }
}

variable "pipeline" {
  type = object({
    stream_batch_size         = optional(number, 100)
    stream_batching_window    = optional(number, 0)
    stream_parallelization    = optional(number, 1)
    stream_retries            = optional(number, 10000)
    stream_record_age         = optional(number, 21600)
    queue_batch_size          = optional(number, 10)
    queue_batching_window     = optional(number, 0)
    queue_maximum_concurrency = optional(number, 10)
    queue_visibility_timeout  = optional(number)
    queue_retention           = optional(number, 345600)
    max_tries                 = optional(number, 5)
    max_receive_count         = optional(number, 50)
    event_timeout             = optional(number, 10)
    dlq_retention             = optional(number, 1209600)
  })
  description = "How events move through a cell: batches, tries, retention. Times in seconds. queue_visibility_timeout is 6 x the consumer's timeout + queue_batching_window unless given. max_tries: tries of an event before the consumer gives it up; event_timeout: the longest one try may take; max_receive_count: receives before the queue moves a message by itself, for what the consumer can't even count."
  default     = {}
  nullable    = false

  validation {
    condition     = var.pipeline.stream_batch_size >= 1 && var.pipeline.stream_batch_size <= 10000
    error_message = "stream_batch_size is 1 to 10000 records."
  }

  validation {
    condition     = var.pipeline.stream_batching_window >= 0 && var.pipeline.stream_batching_window <= 300
    error_message = "stream_batching_window is 0 to 300 seconds."
  }

  validation {
    condition     = var.pipeline.stream_parallelization >= 1 && var.pipeline.stream_parallelization <= 10
    error_message = "stream_parallelization is 1 to 10 batches of a shard at once."
  }

  validation {
    condition     = var.pipeline.stream_retries >= 0 && var.pipeline.stream_retries <= 10000
    error_message = "stream_retries is 0 to 10000; -1, for ever, would let one record hold up its shard for a day."
  }

  validation {
    condition     = var.pipeline.stream_record_age >= 60 && var.pipeline.stream_record_age <= 82800
    error_message = "stream_record_age is 60 to 82800 seconds: the stream itself forgets after 86400."
  }

  validation {
    condition = (
      var.pipeline.queue_batch_size >= 1 && var.pipeline.queue_batch_size <= 10000 &&
      (var.pipeline.queue_batch_size <= 10 || var.pipeline.queue_batching_window >= 1)
    )
    error_message = "queue_batch_size is 1 to 10000 messages; above 10 SQS wants a queue_batching_window of at least 1."
  }

  validation {
    condition     = var.pipeline.queue_batching_window >= 0 && var.pipeline.queue_batching_window <= 300
    error_message = "queue_batching_window is 0 to 300 seconds."
  }

  validation {
    condition     = var.pipeline.queue_maximum_concurrency >= 2 && var.pipeline.queue_maximum_concurrency <= 1000
    error_message = "queue_maximum_concurrency is 2 to 1000."
  }

  validation {
    condition = (
      var.functions.consumer.reserved_concurrency == -1 ||
      var.functions.consumer.reserved_concurrency >= var.pipeline.queue_maximum_concurrency
    )
    error_message = "queue_maximum_concurrency is at most the consumer's reserved concurrency (unless that is -1), else good messages are throttled into the dead-letter queue."
  }

  validation {
    condition = var.pipeline.queue_visibility_timeout == null || try(
      var.pipeline.queue_visibility_timeout >= var.functions.consumer.timeout && var.pipeline.queue_visibility_timeout <= 43200,
      false,
    )
    error_message = "queue_visibility_timeout is at least the consumer's timeout, else Lambda refuses the queue, and at most 43200 seconds."
  }

  validation {
    condition = alltrue([
      for retention in [var.pipeline.queue_retention, var.pipeline.dlq_retention] : retention >= 60 && retention <= 1209600
    ]) && var.pipeline.dlq_retention >= var.pipeline.queue_retention
    error_message = "Queues keep messages 60 to 1209600 seconds. dlq_retention is no shorter than queue_retention, since a message keeps its first enqueue time when it moves."
  }

  validation {
    condition     = var.pipeline.max_tries >= 1 && var.pipeline.max_tries <= 250 && floor(var.pipeline.max_tries) == var.pipeline.max_tries
    error_message = "max_tries is a whole number from 1 to 250."
  }

  # A receive is no try: throttled invocations and batches cut short receive as well.
  validation {
    condition     = var.pipeline.max_receive_count >= 4 * var.pipeline.max_tries && var.pipeline.max_receive_count <= 1000
    error_message = "max_receive_count is at least 4 x max_tries (${4 * var.pipeline.max_tries}), and at most 1000: below that the queue would give up messages that were merely throttled or put back, without a reason, before the consumer has tried them max_tries times."
  }

  # Two events that hang must not take the whole of an invocation, or nothing of the batch would ever be done.
  validation {
    condition     = var.pipeline.event_timeout >= 0.1 && var.pipeline.event_timeout < var.functions.consumer.timeout / 2
    error_message = "event_timeout is at least 0.1 s and less than half of the consumer's timeout (${var.functions.consumer.timeout} s): one event that hangs must leave time for the others of its batch."
  }

  validation {
    condition     = alltrue([for cell in values(var.cells) : coalesce(cell.ordering, var.ordering) == "none"]) || (var.pipeline.queue_batch_size <= 10 && var.pipeline.queue_batching_window == 0)
    error_message = "With ordering = tenant, queue_batch_size is at most 10 and queue_batching_window is 0: Lambda takes no more from a FIFO queue, and does not wait."
  }

  validation {
    condition     = alltrue([for cell in values(var.cells) : coalesce(cell.ordering, var.ordering) == "none"]) || var.pipeline.stream_parallelization == 1
    error_message = "With ordering = tenant, stream_parallelization is 1: parallel batches of a shard keep the order of one item, not of a tenant's items."
  }
}

variable "alarms" {
  type = object({
    iterator_age     = optional(number, 900)
    message_age      = optional(number, 900)
    letters_standing = optional(number, 24)
  })
  description = "What rings: seconds of delay of the stream (iterator_age) and of the queue (message_age), and hours that dead letters lie untouched (letters_standing)."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for age in [var.alarms.iterator_age, var.alarms.message_age] : age >= 60 && age <= 43200])
    error_message = "Alarm ages are 60 to 43200 seconds: past half a day too little of the stream's 24 hours is left."
  }

  validation {
    condition     = var.alarms.letters_standing >= 1 && var.alarms.letters_standing <= 168 && floor(var.alarms.letters_standing) == var.alarms.letters_standing
    error_message = "letters_standing is a whole number of hours from 1 to 168: CloudWatch looks back a week."
  }
}

variable "alarm_actions" {
  type        = list(string)
  description = "ARNs told when a cell or the router becomes unhealthy and when it is well again, when dead letters lie too long, and when a caller claims another's tenant; as a rule SNS topics."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_actions : startswith(arn, "arn:")])
    error_message = "Alarm actions are ARNs."
  }
}

variable "kms_key_arn" {
  type        = string
  description = "Customer key for everything stored; null uses AWS's own keys. A cell may have one of its own (`cells`)."
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "The key is given as the ARN of a KMS key, not as an alias or an id."
  }
}

variable "log_level" {
  type        = string
  description = "Lowest level of the functions' own log lines. Errors and metrics arrive at each of them."
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"], var.log_level)
    error_message = "The log level is TRACE, DEBUG, INFO, WARN or ERROR."
  }
}

variable "log_retention_days" {
  type        = number
  description = "Days the logs are kept."
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "CloudWatch keeps logs 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731 days."
  }
}

variable "deletion_protection" {
  type        = bool
  description = "Refuse to delete tables, whoever asks, and the artifact bucket while it holds code. A cell may differ (`cells`). To destroy the stack, apply with false first."
  default     = true
  nullable    = false
}

variable "iam" {
  type = object({
    path                 = optional(string, "/")
    permissions_boundary = optional(string)
  })
  description = "Path of the functions' roles, and the ARN of a policy that bounds what they may be allowed."
  default     = {}
  nullable    = false

  validation {
    condition     = can(regex("^/([a-zA-Z0-9+=,.@_-]+/)*$", var.iam.path)) && length(var.iam.path) <= 512
    error_message = "iam.path begins and ends with a slash: /cellstack/."
  }

  validation {
    condition     = var.iam.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", var.iam.permissions_boundary))
    error_message = "iam.permissions_boundary is the ARN of a managed policy."
  }
}

variable "local_stack" {
  type        = bool
  description = "The stack stands on an emulator on one's own machine: calls come without TLS, and tests may assume the functions' roles. Refused on AWS."
  default     = false
  nullable    = false

  # Emulators give this account id to the key `test`; AWS gives it to nobody.
  validation {
    condition     = !var.local_stack || data.aws_caller_identity.current.account_id == "000000000000"
    error_message = "local_stack takes protection away and is for an emulator only, but these credentials belong to an account of AWS."
  }
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything this module makes."
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.tags) <= 45
    error_message = "AWS takes 50 tags a resource, and Cellstack adds some of its own."
  }
}
