variable "stack" {
  type = object({
    prefix      = string
    account     = string
    partition   = string
    region      = string
    dns_suffix  = string
    iam         = object({ path = string, permissions_boundary = optional(string) })
    kms_key_arn = optional(string)
    tags        = map(string)
  })
  description = "Settings of the stack that the role needs, as modules/settings returns them."
  nullable    = false
}

variable "operators" {
  type        = set(string)
  description = "ARNs of the IAM principals that may assume the role of cellctl. Without any there is no role."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.operators : can(regex("^arn:[a-z-]+:(iam|sts)::[0-9]{12}:[^*]+$", arn))])
    error_message = "operators holds ARNs of IAM principals, such as arn:aws:iam::111122223333:role/platform, without wildcards."
  }
}

variable "tenant_map" {
  type        = object({ arn = string })
  description = "The tenant map."
  nullable    = false
}

variable "registry" {
  type        = object({ arn = string })
  description = "The registry of cells."
  nullable    = false
}

variable "snapshot" {
  type        = object({ bucket = string, key = string })
  description = "The object with the snapshot of the tenant map; null without one."
  default     = null
}

variable "cell_access" {
  type        = string
  description = "Form of the permission to read and write cells. tag: every table of this account and Region with a cell's name and the stack's tag. list: the tables in cell_table_arns and no others."
  default     = "tag"
  nullable    = false

  validation {
    condition     = contains(["tag", "list"], var.cell_access)
    error_message = "cell_access is tag or list."
  }
}

variable "cell_table_arns" {
  type        = list(string)
  description = "ARNs of cell tables that cellctl may read and write: with cell_access list all of them, with tag those in other accounts."
  default     = []
  nullable    = false
}

variable "cell_key_arns" {
  type        = list(string)
  description = "Customer keys of cells that have a key of their own."
  default     = []
  nullable    = false
}
