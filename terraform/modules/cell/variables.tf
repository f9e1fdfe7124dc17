# The settings come checked from modules/settings, once for all cells; the rules here are those of a single cell.

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
  description = "Settings of the stack as they hold for this cell, as modules/settings returns them."
  nullable    = false
}

variable "cell_id" {
  type        = string
  description = "Id of the cell, part of all its names."

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.cell_id))
    error_message = "A cell id has 1 to 20 characters of a-z 0-9 and -, a letter first, no - last."
  }
}

variable "artifacts" {
  type = map(object({
    bucket           = string
    key              = string
    source_code_hash = string
  }))
  description = "The zips of `producer` and `consumer`: their bucket and key in S3, and their base64 SHA-256."

  validation {
    condition     = alltrue([for name in ["producer", "consumer"] : contains(keys(var.artifacts), name)])
    error_message = "A cell needs the artifacts `producer` and `consumer`."
  }
}

variable "functions" {
  type = object({
    producer = object({ memory = number, timeout = number, reserved_concurrency = number })
    consumer = object({ memory = number, timeout = number, reserved_concurrency = number, environment = optional(map(string), {}) })
  })
  description = "Memory in MB, timeout in seconds and reserved concurrency (-1: none) of producer and consumer. environment: variables of the consumer's processor."
  nullable    = false
}

variable "ordering" {
  type        = string
  description = "none: a tenant's events may overtake each other. tenant: they are processed in the order in which their table took them, over a FIFO topic and FIFO queues. An existing cell keeps its ordering."
  nullable    = false
}

variable "pipeline" {
  type = object({
    stream_batch_size         = number
    stream_batching_window    = number
    stream_parallelization    = number
    stream_retries            = number
    stream_record_age         = number
    queue_batch_size          = number
    queue_batching_window     = number
    queue_maximum_concurrency = number
    queue_visibility_timeout  = optional(number)
    queue_retention           = number
    max_tries                 = number
    max_receive_count         = number
    event_timeout             = number
    dlq_retention             = number
  })
  description = "Settings of an event's way through the cell: batches, tries, retention. Times in seconds. Without queue_visibility_timeout a message stays invisible for 6 x the consumer's timeout + queue_batching_window."
  nullable    = false
}

variable "alarms" {
  type        = object({ iterator_age = number, message_age = number, letters_standing = number })
  description = "Limits of the alarms: seconds of delay of the stream (iterator_age) and of the queue (message_age), and hours that dead letters stay untouched (letters_standing)."
  nullable    = false
}
