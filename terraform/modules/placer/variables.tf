# The settings of the stack come checked from modules/settings; the rules here are the placer's own.

variable "stack" {
  type = object({
    prefix             = string
    account            = string
    partition          = string
    region             = string
    dns_suffix         = string
    architecture       = string
    alarm_actions      = list(string)
    iam                = object({ path = string, permissions_boundary = optional(string) })
    kms_key_arn        = optional(string)
    log_level          = string
    log_retention_days = number
    local_stack        = bool
    tags               = map(string)
  })
  description = "Settings of the stack that the placer needs, as modules/settings returns them."
  nullable    = false
}

variable "artifact" {
  type = object({
    bucket           = string
    key              = string
    source_code_hash = string
  })
  description = "The placer's zip: its bucket and key in S3, and its base64 SHA-256."
}

variable "settings" {
  type = object({
    memory      = optional(number, 256)
    timeout     = optional(number, 60)
    batch_size  = optional(number, 25)
    record_age  = optional(number, 300)
    write_units = optional(number, 100)
  })
  description = "Memory in MB, timeout in seconds, requests per invocation, seconds for which a request is retried, and the write units per second that the table of requests takes at most: a new tenant costs two."
  default     = {}
  nullable    = false

  validation {
    condition     = var.settings.batch_size >= 1 && var.settings.batch_size <= 1000 && floor(var.settings.batch_size) == var.settings.batch_size
    error_message = "batch_size is a whole number from 1 to 1000 requests."
  }

  validation {
    condition     = var.settings.record_age >= 60 && var.settings.record_age <= 86400 && floor(var.settings.record_age) == var.settings.record_age
    error_message = "record_age is a whole number from 60 to 86400 seconds: Lambda takes no less, and the stream keeps no record longer."
  }

  validation {
    condition     = var.settings.write_units >= 1 && floor(var.settings.write_units) == var.settings.write_units
    error_message = "write_units is a whole number of write units per second, 1 or more."
  }
}

variable "tenant_map" {
  type        = object({ name = string, arn = string })
  description = "The tenant map: name and ARN of the table."
}

variable "registry" {
  type        = object({ name = string, arn = string })
  description = "The registry of cells: name and ARN of the table."
}

variable "cell_access" {
  type        = string
  description = "Form of the permission to open fences in cells. tag: every table of this account and Region with a cell's name and the stack's tag. list: the tables in cell_table_arns and no others."
  default     = "tag"
  nullable    = false

  validation {
    condition     = contains(["tag", "list"], var.cell_access)
    error_message = "Cells are reached by tag or by list."
  }
}

variable "cell_table_arns" {
  type        = list(string)
  description = "ARNs of cell tables in which tenants are placed: with cell_access list all of them, with tag those in other accounts."
  default     = []
  nullable    = false
}

variable "cell_key_arns" {
  type        = list(string)
  description = "Customer keys of cells that have one of their own."
  default     = []
  nullable    = false
}
