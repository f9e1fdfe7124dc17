variable "cells" {
  type = map(object({
    capacity = optional(number, 1000)
    weight   = optional(number, 100)
    wave     = optional(number, 1)
    tags     = optional(map(string), {})
    ordering = optional(string)
  }))
  description = "The cells by id. capacity: tenants it takes; weight: its share of new tenants; wave: when a rollout reaches it; tags: for placement and billing; ordering: in place of the variable `ordering`."

  validation {
    condition     = length(var.cells) >= 1 && length(var.cells) <= 80
    error_message = "1 to 80 cells: the router's role names each of their tables, and its policy has a size limit."
  }

  validation {
    condition     = alltrue([for id in keys(var.cells) : can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", id))])
    error_message = "A cell id has 1 to 20 characters of a-z 0-9 and -, a letter first, no - last."
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
  description = "Directory that holds router/bootstrap.zip, producer/bootstrap.zip and consumer/bootstrap.zip; null is where `make build` puts them."
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

  validation {
    condition     = contains(["header", "body", "jwt"], var.tenant_source)
    error_message = "The tenant source is header, body or jwt."
  }
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

  validation {
    condition     = (var.tenant_source == "jwt") == (var.jwt != null)
    error_message = "jwt says which tokens to trust: it is given with tenant_source = jwt, and with no other."
  }

  validation {
    condition     = try(length(var.jwt.issuer) > 0, var.jwt == null)
    error_message = "jwt.issuer is what the claim `iss` must be, to the letter; it is not empty."
  }

  validation {
    condition = try(
      length(var.jwt.audience) > 0 && alltrue([for audience in var.jwt.audience : can(regex("^[^,\\s]+$", audience))]),
      var.jwt == null,
    )
    error_message = "jwt.audience names at least one audience; none has a comma or white space in it."
  }

  validation {
    condition     = try(contains(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"], var.jwt.algorithm), var.jwt == null)
    error_message = "jwt.algorithm is RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA. Secrets shared with the issuer (HS256) and unsigned tokens (none) are not taken."
  }

  validation {
    condition     = try(length(var.jwt.tenant_claim) > 0, var.jwt == null)
    error_message = "jwt.tenant_claim names a claim."
  }

  validation {
    condition     = try(can(regex("^[a-z0-9-]+$", var.jwt.header)) && var.jwt.header != "x-tenant-id", var.jwt == null)
    error_message = "jwt.header is a header's name in small letters, and not x-tenant-id, which is what the token is compared with."
  }

  validation {
    condition     = try(var.jwt.header != "authorization" || var.router_auth_type != "AWS_IAM", var.jwt == null)
    error_message = "With router_auth_type AWS_IAM the header authorization holds the request's signature. Let the token come in a header of its own: jwt = { header = \"x-cellstack-token\", ... }."
  }

  validation {
    condition     = can(regex("^https://[^\\s]+$", var.jwt.keys)) || try(length(jsondecode(var.jwt.keys).keys) > 0, var.jwt == null)
    error_message = "jwt.keys is the https URL of a JWK set, or a JWK set as JSON with at least one key."
  }

  validation {
    condition = try(alltrue([
      for key in jsondecode(var.jwt.keys).keys : key.kty != "oct" && length(setintersection(keys(key), ["d", "k", "p", "q"])) == 0
    ]), true)
    error_message = "jwt.keys holds public keys only: a function's environment is no place for a private one."
  }

  validation {
    condition     = try(length(var.jwt.keys) <= 2560, var.jwt == null)
    error_message = "jwt.keys has at most 2,560 characters, since Lambda gives all environment variables together 4 KB. Leave out what is not needed (x5c), or give a URL."
  }
}

variable "router_auth_type" {
  type        = string
  description = "AWS_IAM: callers sign their requests. NONE: they do not. With tenant_source jwt the token still says who calls; with any other, ANYONE WHO KNOWS THE URL CAN WRITE EVENTS FOR ANY TENANT, which is for a stack on one's own machine."
  default     = "AWS_IAM"
  nullable    = false

  validation {
    condition     = contains(["AWS_IAM", "NONE"], var.router_auth_type)
    error_message = "The router's auth type is AWS_IAM or NONE."
  }
}

variable "router_invokers" {
  type        = map(string)
  description = "Who may call the router with router_auth_type AWS_IAM: a short name for each, and its IAM ARN or account id."
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name, principal in var.router_invokers :
      can(regex("^[a-zA-Z0-9-]{1,80}$", name)) && can(regex("^(arn:[a-z-]+:iam::[0-9]{12}:[^*]+|[0-9]{12})$", principal))
    ])
    error_message = "Invokers are IAM ARNs or 12-digit account ids, without wildcards, under names of A-Z a-z 0-9 and -."
  }
}

variable "router_snapshot" {
  type = object({
    bucket = optional(string)
    key    = optional(string)
  })
  description = "S3 object with a snapshot of the tenant map, from which a router starts that cannot read the map: {} is one in the bucket of the functions' zips (the output router_snapshot says where), null is none. `cellctl snapshot write` writes it."
  default     = null

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.router_snapshot.bucket)) || try(var.router_snapshot.bucket, null) == null
    error_message = "A bucket name has 3 to 63 characters of a-z 0-9 . and -."
  }

  # Stricter than S3: what stands here becomes part of an ARN in a policy.
  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$", var.router_snapshot.key)) || try(var.router_snapshot.key, null) == null
    error_message = "The snapshot's key is of A-Z a-z 0-9 _ . - and /, and names one object."
  }
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
  description = "Memory in MB, timeout in seconds and reserved concurrency (-1: none) of the three functions. The reservations of all cells come out of the account's limit, of which Lambda keeps 100 back."
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
    max_receive_count         = optional(number, 5)
    dlq_retention             = optional(number, 1209600)
  })
  description = "How events move through a cell: batches, retries, retention. Times in seconds. queue_visibility_timeout is 6 x the consumer's timeout + queue_batching_window unless given."
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
    condition     = var.pipeline.max_receive_count >= 5 && var.pipeline.max_receive_count <= 1000
    error_message = "max_receive_count is 5 to 1000: below 5, messages that Lambda merely throttled are given up."
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
    iterator_age = optional(number, 900)
    message_age  = optional(number, 900)
  })
  description = "Seconds of delay that ring: iterator_age for the stream, message_age for the queue."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for age in values(var.alarms) : age >= 60 && age <= 43200])
    error_message = "Alarm ages are 60 to 43200 seconds: past half a day too little of the stream's 24 hours is left."
  }
}

variable "alarm_actions" {
  type        = list(string)
  description = "ARNs told when an alarm starts and when it ends, as a rule SNS topics."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_actions : startswith(arn, "arn:")])
    error_message = "Alarm actions are ARNs."
  }
}

variable "kms_key_arn" {
  type        = string
  description = "Customer key for everything stored; null uses AWS's own keys."
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "The key is given as the ARN of a KMS key, not as an alias or an id."
  }
}

variable "log_level" {
  type        = string
  description = "Lowest level of the functions' own log lines."
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
  description = "Refuse to delete tables, whoever asks, and the artifact bucket while it holds code. To destroy the stack, apply with false first."
  default     = true
  nullable    = false
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
