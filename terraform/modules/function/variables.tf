# The settings of the stack come checked from modules/settings; the rules here are those of a single function.

variable "stack" {
  type = object({
    region       = string
    dns_suffix   = string
    architecture = string
    iam          = object({ path = string, permissions_boundary = optional(string) })
    kms_key_arn  = optional(string)
    log_level    = string
    tags         = map(string)
  })
  description = "Settings of the stack that a function needs, as modules/settings returns them."
  nullable    = false
}

variable "name" {
  type        = string
  description = "Name of the function, and first part of its role's name."

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,64}$", var.name))
    error_message = "A function name has 1 to 64 characters of A-Z a-z 0-9 _ and -."
  }
}

variable "description" {
  type        = string
  description = "Purpose of the function, in one sentence."

  validation {
    condition     = length(var.description) <= 256
    error_message = "Lambda takes descriptions of at most 256 characters."
  }
}

variable "artifact" {
  type = object({
    bucket           = string
    key              = string
    source_code_hash = string
  })
  description = "The zip with the bootstrap binary: its bucket and key in S3, and its base64 SHA-256, whose change rolls out new code."

  validation {
    condition     = alltrue([for part in values(var.artifact) : length(part) > 0])
    error_message = "An artifact needs a bucket, a key and a hash."
  }
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
  description = "Executions reserved for this function, and its upper limit; -1 shares the account's pool."

  validation {
    condition     = var.reserved_concurrency == -1 || var.reserved_concurrency >= 1
    error_message = "Reserved concurrency is -1 (off) or at least 1; 0 would switch the function off."
  }
}

variable "publish" {
  type        = bool
  description = "Publishes a numbered version at each change, for an alias to point at."
  default     = false
  nullable    = false
}

variable "environment" {
  type        = map(string)
  description = "Environment variables of the function."

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[a-zA-Z][a-zA-Z0-9_]+$", name))])
    error_message = "Names of environment variables have two or more characters of A-Z a-z 0-9 and _, a letter first."
  }
}

variable "statements" {
  type = list(object({
    sid       = string
    actions   = list(string)
    resources = list(string)
    condition = optional(map(map(list(string))), {})
  }))
  description = "Permissions of the function besides writing its log: exact actions on exact ARNs. A resource may end in `*` only under a condition."

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
  description = "ARNs of principals besides Lambda that may assume the role: for tests of its limits on an emulator; empty on AWS."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.trusted_principals : can(regex("^arn:[a-z-]+:(iam|sts)::[0-9]{12}:", arn))])
    error_message = "Trusted principals are full IAM or STS ARNs."
  }
}

variable "data_keys" {
  type        = object({ arns = optional(list(string), []), services = optional(list(string), []) })
  description = "Further customer keys of the data that the function reads and writes, and the services through which it may use any key."
  default     = {}
  nullable    = false
}

variable "log_group" {
  type        = object({ name = string, arn = string })
  description = "Log group of the function."
}

