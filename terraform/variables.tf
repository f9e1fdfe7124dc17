# The inputs of a stack, with their defaults. The rules stand in the modules that own them: modules/settings for what several
# modules share, modules/router for callers, tokens, CORS, the snapshot and standbys, modules/control-plane for a cell's share of
# tenants, modules/prober for its rounds. Only the artifacts are the root's own.

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
  description = "The cells by id. capacity: total weight of the tenants it takes (1 per tenant unless given); weight: its share of new tenants; wave: a number that the registry keeps and `cellctl cells ls` shows, for your own rollouts; tags: of its resources, for billing; ordering, kms_key_arn, deletion_protection: in place of the variables of these names."
}

variable "retire" {
  type        = set(string)
  description = "Ids of cells that may be deleted. A plan without the line of an existing cell is refused unless its id is here. An id may stay after its cell is gone; the registry keeps the cell as retired."
  default     = []
  nullable    = false
}

variable "prefix" {
  type        = string
  description = "First part of every name."
  default     = "cellstack"
  nullable    = false
}

variable "architecture" {
  type        = string
  description = "Instruction set of the functions: arm64 or x86_64."
  default     = "arm64"
  nullable    = false
}

variable "artifact_dir" {
  type        = string
  description = "Directory that holds, in a folder per architecture, manifest.json and router/bootstrap.zip, producer/bootstrap.zip, consumer/bootstrap.zip, with first_sight placer/bootstrap.zip, and for a prober prober/bootstrap.zip; null is the output directory of `make build`."
  default     = null

  validation {
    condition     = var.artifact_dir == null || try(length(var.artifact_dir) > 0, false)
    error_message = "The artifact directory is a path, or null."
  }
}

variable "artifact_bucket" {
  type        = string
  description = "Existing bucket for the zips of the functions; null makes one."
  default     = null

  validation {
    condition     = var.artifact_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.artifact_bucket))
    error_message = "A bucket name has 3 to 63 characters of a-z 0-9 . and -."
  }
}

variable "tenant_source" {
  type        = string
  description = "Source of the tenant's id: header (behind IAM-signed calls), body, or jwt (a claim of a verified token). One source, never a fallback."
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
  description = "Tokens that tenant_source = jwt accepts. issuer and audience: the value of `iss`, and values of which `aud` has one; algorithm: the only one accepted; tenant_claim: the claim with the tenant's id; header: the header with the token, as `Bearer TOKEN` in authorization; keys: the https URL of a JWK set, or a JWK set as JSON."
  default     = null
}

variable "router_auth_type" {
  type        = string
  description = "AWS_IAM: callers sign their requests. NONE: they do not. With tenant_source jwt the token still identifies the caller; with any other source, ANYONE WHO KNOWS THE URL CAN WRITE EVENTS FOR ANY TENANT, which is for a stack on your own machine."
  default     = "AWS_IAM"
  nullable    = false
}

variable "router_invokers" {
  type        = map(string)
  description = "Callers that router_auth_type AWS_IAM admits: a short name for each, and its IAM ARN or account id, or `*` for every principal of router_org_id."
  default     = {}
  nullable    = false
}

variable "operators" {
  type        = set(string)
  description = "ARNs of the IAM principals that may assume the role of cellctl (output operator_role_arn). Without any there is no role."
  default     = []
  nullable    = false
}

variable "router_snapshot" {
  type = object({
    bucket = optional(string)
    key    = optional(string)
  })
  description = "S3 object with a snapshot of the tenant map, for a router that starts while it cannot read the map. {} is an object in the bucket of the zips (output router_snapshot), null means no snapshot. `cellctl snapshot write` writes it."
  default     = null
}

variable "router_org_id" {
  type        = string
  description = "Id of the AWS organization that every invoker has to belong to; with it `*` in router_invokers is every principal of the organization. null requires none."
  default     = null
}

variable "router_cell_access" {
  type        = string
  description = "Form of the permission of router, placer, prober and operators to write cells. tag: all tables of this account and Region with a cell's name and the stack's tag. list: each table by its ARN, some 80 at most, for an account that has opted out of tags in DynamoDB's policies (ABAC)."
  default     = "tag"
  nullable    = false
}

variable "remote_cell_table_arns" {
  type        = list(string)
  description = "ARNs of tables of cells in other accounts that router, placer, prober and operators may write. Their own policies have to admit it as well."
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
  description = "Pages in browsers that may call the router: origins, methods, request headers, response headers they may read, and seconds a browser caches the response. null: none."
  default     = null
}

variable "standby" {
  type        = string
  description = "Handling of events that arrive at a standby while their tenant's cell is marked down. hold: the standby keeps them until they can be carried home. process: it processes them, without the tenant's state."
  default     = "hold"
  nullable    = false
}

variable "first_sight" {
  type = object({
    memory      = optional(number, 256)
    timeout     = optional(number, 60)
    batch_size  = optional(number, 25)
    record_age  = optional(number, 300)
    write_units = optional(number, 100)
  })
  description = "Placement on first sight: an event of a tenant without a cell requests one, and the placer places the tenant. {} turns it on, null off. Only behind callers that are authenticated. memory in MB and timeout in seconds of the placer; batch_size: requests per invocation; record_age: seconds for which a request is retried; write_units: write units per second that the table of requests takes at most, of which a new tenant costs two."
  default     = null
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
      environment          = optional(map(string), {})
    }), {})
  })
  description = "Memory in MB, timeout in seconds and reserved concurrency (-1: none) of the three functions; environment: variables that the processor of a consumer of your own reads. All reservations have to fit into account_concurrency."
  default     = {}
  nullable    = false
}

variable "prober" {
  type = object({
    schedule      = optional(string, "rate(1 minute)")
    failures      = optional(number, 3)
    successes     = optional(number, 5)
    max_down      = optional(number, 25)
    act           = optional(bool, false)
    probe_timeout = optional(number, 30)
    memory        = optional(number, 256)
    timeout       = optional(number, 300)
  })
  description = "A function that probes all cells on a schedule (`cellctl cells probe`); {} measures only, null: none. schedule: rate(1 minute) to rate(15 minutes); act: mark cells down and up by the results; failures, successes: results in a row that take a cell out or bring it back; max_down: percent of the cells that may be out of service, at least one cell; probe_timeout: seconds that a probe's event may take; memory in MB and timeout in seconds of the function."
  default     = null
}

variable "account_concurrency" {
  type        = number
  description = "Concurrent executions of the account in this Region (Service Quotas: Lambda, Concurrent executions). All reservations and the 100 executions that Lambda keeps unreserved have to fit."
  default     = 1000
  nullable    = false
}

variable "ordering" {
  type        = string
  description = "none: a tenant's events may overtake each other. tenant: they are processed in the order in which their table took them, over a FIFO topic and FIFO queues. A cell may differ (`cells`); a standing cell keeps its ordering."
  default     = "none"
  nullable    = false
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
  description = "Settings of an event's way through a cell: batches, tries, retention. Times in seconds. queue_visibility_timeout is 6 x the consumer's timeout + queue_batching_window unless given. max_tries: tries of an event before the consumer dead-letters it; event_timeout: the longest one try may take; max_receive_count: receives before the queue moves a message by itself, for failures that the consumer cannot count."
  default     = {}
  nullable    = false
}

variable "alarms" {
  type = object({
    iterator_age     = optional(number, 900)
    message_age      = optional(number, 900)
    letters_standing = optional(number, 24)
  })
  description = "Limits of a cell's alarms: seconds of delay of the stream (iterator_age) and of the queue (message_age), and hours that dead letters stay untouched (letters_standing)."
  default     = {}
  nullable    = false
}

variable "alarm_actions" {
  type        = list(string)
  description = "ARNs, as a rule of SNS topics, that CloudWatch notifies when a cell, the router or the prober becomes unhealthy or healthy again, when a cell fails its probes, when dead letters stay too long, when a caller claims another tenant, and when a tenant gets no cell on first sight."
  default     = []
  nullable    = false
}

variable "kms_key_arn" {
  type        = string
  description = "Customer key for all stored data; null uses AWS's own keys. A cell may have a key of its own (`cells`)."
  default     = null
}

variable "log_level" {
  type        = string
  description = "Lowest level of the functions' own log lines. Errors and metrics arrive at every level."
  default     = "INFO"
  nullable    = false
}

variable "log_retention_days" {
  type        = number
  description = "Days that CloudWatch keeps the logs."
  default     = 30
  nullable    = false
}

variable "deletion_protection" {
  type        = bool
  description = "Protects tables from deletion, and the artifact bucket while it holds code. A cell may differ (`cells`). To destroy the stack, apply with false first."
  default     = true
  nullable    = false
}

variable "iam" {
  type = object({
    path                 = optional(string, "/")
    permissions_boundary = optional(string)
  })
  description = "Path of the functions' roles, and the ARN of a policy that bounds their permissions."
  default     = {}
  nullable    = false
}

variable "local_stack" {
  type        = bool
  description = "Marks a stack on an emulator on your own machine: calls come without TLS, and tests may assume the functions' roles. Refused on AWS."
  default     = false
  nullable    = false
}

variable "tags" {
  type        = map(string)
  description = "Tags of every resource."
  default     = {}
  nullable    = false
}
