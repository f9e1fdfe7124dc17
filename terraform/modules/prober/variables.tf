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
    tags               = map(string)
  })
  description = "Settings of the stack that the prober needs, as modules/settings returns them."
  nullable    = false
}

variable "artifact" {
  type        = object({ bucket = string, key = string, source_code_hash = string })
  description = "The prober's zip: its bucket and key in S3, and its base64 SHA-256."
  nullable    = false
}

variable "cell_count" {
  type        = number
  description = "Number of the stack's cells, of which max_down is a share."
  nullable    = false
}

variable "settings" {
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
  description = "Rounds of probes. schedule: time between two rounds; act: mark cells by the results, else only measure; failures, successes: results in a row that take a cell out or bring it back; max_down: percent of the cells that may be out of service; probe_timeout: seconds that a probe's event may take; memory in MB and timeout in seconds of the function."
  default     = {}
  nullable    = false

  # Results count in a row, so rounds come at an even pace; the alarms count in rounds.
  validation {
    condition     = can(regex("^rate\\((1 minute|([2-9]|1[0-5]) minutes)\\)$", var.settings.schedule))
    error_message = "schedule is rate(1 minute), or rate(2 minutes) to rate(15 minutes): results count in a row, so rounds come at an even pace."
  }

  validation {
    condition     = alltrue([for row in [var.settings.failures, var.settings.successes] : row >= 1 && row <= 1000 && floor(row) == row])
    error_message = "failures and successes are whole numbers from 1 to 1000."
  }

  validation {
    condition     = var.settings.max_down >= 0 && var.settings.max_down <= 100 && floor(var.settings.max_down) == var.settings.max_down
    error_message = "max_down is a whole number from 0 to 100: percent of the cells."
  }

  # Rounded down, so that the share is never exceeded. A share of less than one cell would be automation that never acts.
  validation {
    condition     = !var.settings.act || var.settings.max_down == 0 || floor(var.cell_count * var.settings.max_down / 100) >= 1
    error_message = "max_down = ${var.settings.max_down} of ${var.cell_count} cells is less than one cell: the prober would take none out. Set max_down to ${ceil(100 / max(var.cell_count, 1))} or more, or act to false."
  }

  validation {
    condition     = var.settings.probe_timeout >= 1 && var.settings.probe_timeout <= 600 && floor(var.settings.probe_timeout) == var.settings.probe_timeout
    error_message = "probe_timeout is a whole number from 1 to 600 seconds."
  }

  # A round ends 15 seconds before the function does, and has to mark cells before.
  validation {
    condition     = var.settings.timeout >= var.settings.probe_timeout + 30
    error_message = "timeout is at least probe_timeout + 30 (${var.settings.probe_timeout + 30}) seconds: a round waits for its slowest event, and then marks cells."
  }
}

variable "tenant_map" {
  type        = object({ arn = string })
  description = "The tenant map, which names the standbys of a cell's tenants."
  nullable    = false
}

variable "registry" {
  type        = object({ arn = string })
  description = "The registry of cells."
  nullable    = false
}

variable "cell_access" {
  type        = string
  description = "Form of the prober's permission to write cells. tag: every table of this account and Region with a cell's name and the stack's tag. list: the tables in cell_table_arns and no others."
  default     = "tag"
  nullable    = false

  validation {
    condition     = contains(["tag", "list"], var.cell_access)
    error_message = "cell_access is tag or list."
  }
}

variable "cell_table_arns" {
  type        = list(string)
  description = "ARNs of cell tables that the prober may write: with cell_access list all of them, with tag those in other accounts."
  default     = []
  nullable    = false
}

variable "cell_key_arns" {
  type        = list(string)
  description = "Customer keys of cells that have one of their own."
  default     = []
  nullable    = false
}
