# Rules stand where they are owned: this module checks what is particular to a cell. What all cells of a stack share (functions,
# pipeline, alarms, keys, log level, tags) is checked once, in the root: a value that is wrong is one error there, not one for
# each cell.

variable "prefix" {
  type        = string
  description = "First part of every name."
}

variable "cell_id" {
  type        = string
  description = "The cell's id, part of all its names."

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.cell_id))
    error_message = "A cell id has 1 to 20 characters of a-z 0-9 and -, a letter first, no - last."
  }
}

variable "context" {
  type        = object({ account = string, partition = string, region = string, dns_suffix = string })
  description = "Where the stack is. Read once, by the root."
}

variable "iam" {
  type        = object({ path = string, permissions_boundary = optional(string) })
  description = "Path and permissions boundary of the roles."
  default     = { path = "/" }
  nullable    = false
}

variable "artifacts" {
  type = map(object({
    bucket           = string
    key              = string
    source_code_hash = string
  }))
  description = "The zips of `producer` and `consumer`: their place in S3 and their base64 SHA-256."

  validation {
    condition     = alltrue([for name in ["producer", "consumer"] : contains(keys(var.artifacts), name)])
    error_message = "A cell needs the artifacts `producer` and `consumer`."
  }
}

variable "architecture" {
  type        = string
  description = "Instruction set the artifacts were built for: arm64 or x86_64."
  default     = "arm64"
  nullable    = false
}

variable "functions" {
  type = object({
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
  description = "Memory in MB, timeout in seconds and reserved concurrency (-1: none) of producer and consumer."
  default     = {}
  nullable    = false
}

variable "ordering" {
  type        = string
  description = "none: events of a tenant may overtake each other. tenant: they are processed in the order their table took them; topic, queue and the dead-letter queues behind them become FIFO. A standing cell keeps its ordering."
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
  description = "How events move through a cell: batches, tries, retention. Times in seconds. queue_visibility_timeout is 6 x the consumer's timeout + queue_batching_window unless given. max_tries: tries of an event before the consumer gives it up; event_timeout: the longest one try may take; max_receive_count: receives before the queue moves a message by itself, for what the consumer can't even count."
  default     = {}
  nullable    = false
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
}

variable "alarm_actions" {
  type        = list(string)
  description = "ARNs told when the cell becomes unhealthy and when it is well again, and when dead letters lie too long; as a rule SNS topics."
  default     = []
  nullable    = false
}

variable "kms_key_arn" {
  type        = string
  description = "Customer key for everything the cell stores, shared with other cells or its own; null uses AWS's own keys."
  default     = null
}

variable "log_level" {
  type        = string
  description = "Lowest level of the functions' own log lines."
  default     = "INFO"
  nullable    = false
}

variable "log_retention_days" {
  type        = number
  description = "Days the logs are kept."
  default     = 30
  nullable    = false
}

variable "deletion_protection" {
  type        = bool
  description = "Refuse to delete the table, whoever asks."
  default     = true
  nullable    = false
}

variable "local_stack" {
  type        = bool
  description = "This is a cell on an emulator, not on AWS: topic and queues take calls without TLS, the account may assume the roles so that tests can show what they are refused, and what the emulator authorises differently is allowed."
  default     = false
  nullable    = false
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything this module makes."
  default     = {}
  nullable    = false
}
