# Rules stand where they are owned: this module checks what is particular to a function; what a whole stack shares (context,
# iam, keys, log level, tags) is checked once, in the root.

variable "name" {
  type        = string
  description = "Name of the function, and first part of its role's."

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,64}$", var.name))
    error_message = "A function name has 1 to 64 characters of A-Z a-z 0-9 _ and -."
  }
}

variable "description" {
  type        = string
  description = "What the function is for, in a sentence."

  validation {
    condition     = length(var.description) <= 256
    error_message = "Lambda takes descriptions of at most 256 characters."
  }
}

variable "context" {
  type        = object({ account = string, partition = string, region = string, dns_suffix = string })
  description = "Where the stack is. Read once, by the root."
}

variable "iam" {
  type        = object({ path = string, permissions_boundary = optional(string) })
  description = "Path and permissions boundary of the role."
  default     = { path = "/" }
  nullable    = false
}

variable "artifact" {
  type = object({
    bucket           = string
    key              = string
    source_code_hash = string
  })
  description = "The zip with the bootstrap binary: its place in S3 and its base64 SHA-256, whose change rolls out new code."

  validation {
    condition     = alltrue([for part in values(var.artifact) : length(part) > 0])
    error_message = "An artifact needs a bucket, a key and a hash."
  }
}

variable "architecture" {
  type        = string
  description = "Instruction set the artifact was built for: arm64 or x86_64."
}

variable "memory" {
  type        = number
  description = "Memory in MB; the CPU share grows with it."

  validation {
    condition     = var.memory >= 128 && var.memory <= 10240 && floor(var.memory) == var.memory
    error_message = "Memory is a whole number from 128 to 10240 MB."
  }
}

variable "timeout" {
  type        = number
  description = "Seconds after which Lambda ends an invocation."

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900 && floor(var.timeout) == var.timeout
    error_message = "A timeout is a whole number from 1 to 900 seconds."
  }
}

variable "reserved_concurrency" {
  type        = number
  description = "Executions set aside for this function, at the same time the most it may use; -1 shares the account's pool."

  validation {
    condition     = var.reserved_concurrency == -1 || var.reserved_concurrency >= 1
    error_message = "Reserved concurrency is -1 (off) or at least 1; 0 would switch the function off."
  }
}

variable "publish" {
  type        = bool
  description = "Publish a numbered version at each change, for an alias to point at."
  default     = false
  nullable    = false
}

variable "environment" {
  type        = map(string)
  description = "Environment variables of the function."

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "Names of environment variables are of A-Z 0-9 and _."
  }
}

variable "statements" {
  type = list(object({
    sid       = string
    actions   = list(string)
    resources = list(string)
    condition = optional(map(map(list(string))), {})
  }))
  description = "What the function may do besides writing its log: exact actions on exact ARNs. A resource may end in `*` under a condition on what else must be true of it."

  validation {
    condition     = alltrue(flatten([for statement in var.statements : [for action in statement.actions : !strcontains(action, "*")]]))
    error_message = "Actions are named one by one, without wildcards."
  }

  validation {
    condition = alltrue(flatten([
      for statement in var.statements : [
        for resource in statement.resources :
        !strcontains(resource, "*") || (length(statement.condition) > 0 && can(regex("^arn:[^*]+[^*:/]\\*$", resource)))
      ]
    ]))
    error_message = "Resources are named one by one; only under a condition may the name of one end in a wildcard."
  }
}

variable "trusted_principals" {
  type        = list(string)
  description = "ARNs of principals that may assume the role besides Lambda. For tests of what it is refused, on an emulator; empty on AWS."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.trusted_principals : can(regex("^arn:[a-z-]+:(iam|sts)::[0-9]{12}:", arn))])
    error_message = "Trusted principals are full IAM or STS ARNs."
  }
}

variable "kms_key_arn" {
  type        = string
  description = "Customer key for the environment; null uses AWS's own."
  default     = null
}

variable "data_keys" {
  type        = object({ arns = optional(list(string), []), services = optional(list(string), []) })
  description = "Further customer keys that guard what the function reads and writes, and the services through which it may use any of them."
  default     = {}
  nullable    = false
}

variable "log_group" {
  type        = object({ name = string, arn = string })
  description = "Where the function logs."
}

variable "log_level" {
  type        = string
  description = "Lowest level of the function's own log lines. Errors and metrics arrive at each of them."
  default     = "INFO"
  nullable    = false
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything this module makes."
  default     = {}
  nullable    = false
}
