# The settings of the stack come checked from modules/settings; the rules here are the router's own. The root passes these inputs
# on unchecked. The tokens' rules are in tokens.tf.

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
  description = "Settings of the stack that the router needs, as modules/settings returns them."
  nullable    = false
}

variable "artifact" {
  type = object({
    bucket           = string
    key              = string
    source_code_hash = string
  })
  description = "The router's zip: its bucket and key in S3, and its base64 SHA-256."
}

variable "account_concurrency" {
  type        = number
  description = "Concurrent executions of the account in this Region, for the alarm of a router without a reservation."
  default     = 1000
  nullable    = false
}

variable "settings" {
  type = object({
    memory               = optional(number, 256)
    timeout              = optional(number, 10)
    reserved_concurrency = optional(number, 100)
  })
  description = "Memory in MB, timeout in seconds and reserved concurrency (-1: none) of the router."
  default     = {}
  nullable    = false

  # A tenant's move waits for a lease and for the longest possible write before it closes a fence. An invocation ends when it
  # times out, so this bounds the longest write; the move's wait is a constant of the program.
  validation {
    condition     = var.settings.timeout >= 5 && var.settings.timeout <= 10
    error_message = "The router's timeout is 5 to 10 seconds. Its longest call with all retries takes 2.5 s; and a tenant's move relies on the longest write to take no more than 10 s: one that ran longer could land in a cell the tenant has left."
  }
}

variable "tenant_map" {
  type        = object({ name = string, arn = string })
  description = "The tenant map: name and ARN of the table."

  validation {
    condition     = can(regex("^arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/", var.tenant_map.arn))
    error_message = "The tenant map is given with the full ARN of its table."
  }
}

variable "registry" {
  type        = object({ name = string, arn = string })
  description = "The registry of cells: name and ARN of the table."

  validation {
    condition     = can(regex("^arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/", var.registry.arn))
    error_message = "The registry is given with the full ARN of its table."
  }
}

variable "placement_requests" {
  type        = object({ name = string, arn = string })
  description = "The table of placement requests: name and ARN; null: no tenant is placed on first sight."
  default     = null
}

variable "cell_access" {
  type        = string
  description = "Form of the router's permission to write cells. tag: every table of this account and Region with a cell's name and the stack's tag. list: the tables in cell_table_arns and no others."
  default     = "tag"
  nullable    = false

  validation {
    condition     = contains(["tag", "list"], var.cell_access)
    error_message = "The access to cells is tag or list."
  }
}

variable "cell_table_arns" {
  type        = list(string)
  description = "ARNs of cell tables that the router may write: with cell_access list all of them, with tag those in other accounts."
  default     = []
  nullable    = false

  validation {
    condition     = var.cell_access == "tag" || length(var.cell_table_arns) > 0
    error_message = "With cell_access list at least one cell table is named."
  }

  validation {
    condition = alltrue([
      for arn in var.cell_table_arns : can(regex("^arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[^/*]+$", arn))
    ])
    error_message = "Cell tables are named one by one, each as the full ARN of a table."
  }
}

variable "cell_key_arns" {
  type        = list(string)
  description = "Customer keys of cells that have one of their own."
  default     = []
  nullable    = false
}

variable "standby" {
  type        = string
  description = "Handling of events that arrive at a standby while their tenant's cell is marked down. hold: the standby keeps them until they can be carried home. process: it processes them, without the tenant's state."
  default     = "hold"
  nullable    = false

  validation {
    condition     = contains(["hold", "process"], var.standby)
    error_message = "standby is hold or process."
  }
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

  validation {
    condition = try(
      length(var.cors.allow_origins) > 0 && alltrue([for origin in var.cors.allow_origins : can(regex("^(\\*|https?://[^/\\s]+)$", origin))]),
      var.cors == null,
    )
    error_message = "cors.allow_origins names at least one origin (https://app.example, without a path), or is [\"*\"]."
  }

  validation {
    condition = try(
      length(var.cors.allow_methods) > 0 && alltrue([for method in var.cors.allow_methods : contains(["GET", "HEAD", "POST"], method)]),
      var.cors == null,
    )
    error_message = "cors.allow_methods are of GET, HEAD and POST, which are all that the router serves. Lambda responds to OPTIONS itself."
  }

  validation {
    condition = try(
      alltrue([for header in concat(var.cors.allow_headers, var.cors.expose_headers) : can(regex("^[a-z0-9-]+$", header))]),
      var.cors == null,
    )
    error_message = "cors.allow_headers and cors.expose_headers are names of headers in small letters."
  }

  validation {
    condition     = try(var.cors.max_age >= 0 && var.cors.max_age <= 86400, var.cors == null)
    error_message = "cors.max_age is 0 to 86400 seconds."
  }
}

variable "snapshot" {
  type        = object({ bucket = string, key = string })
  description = "S3 object with a snapshot of the tenant map, for a router that starts while it cannot read the map; null: none."
  default     = null

  validation {
    condition     = var.snapshot == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.snapshot.bucket))
    error_message = "A bucket name has 3 to 63 characters of a-z 0-9 . and -."
  }

  # Stricter than S3: the key becomes part of an ARN in a policy.
  validation {
    condition     = var.snapshot == null || can(regex("^[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$", var.snapshot.key))
    error_message = "The snapshot's key is of A-Z a-z 0-9 _ . - and /, and names one object."
  }
}

variable "auth_type" {
  type        = string
  description = "AWS_IAM: callers sign their requests. NONE: they do not. With tenant_source jwt the token still identifies the caller; with any other source, ANYONE WHO KNOWS THE URL CAN WRITE EVENTS FOR ANY TENANT."
  default     = "AWS_IAM"
  nullable    = false

  validation {
    condition     = contains(["AWS_IAM", "NONE"], var.auth_type)
    error_message = "The router's auth type is AWS_IAM or NONE."
  }
}

variable "invokers" {
  type        = map(string)
  description = "Callers of the URL: a short name for each, and its IAM ARN or account id, or `*` for every principal of org_id."
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name, principal in var.invokers :
      can(regex("^[a-zA-Z0-9-]{1,80}$", name)) && can(regex("^(arn:[a-z-]+:iam::[0-9]{12}:[^*]+|[0-9]{12})$", principal)) ||
      (principal == "*" && var.org_id != null)
    ])
    error_message = "Invokers are IAM ARNs or 12-digit account ids, without wildcards, under names of A-Z a-z 0-9 and -. `*` is taken with an organization's id (router_org_id) only."
  }
}

variable "org_id" {
  type        = string
  description = "Id of the AWS organization that every invoker has to belong to; null requires none."
  default     = null

  validation {
    condition     = var.org_id == null || can(regex("^o-[a-z0-9]{10,32}$", var.org_id))
    error_message = "An organization's id is o- and 10 to 32 characters of a-z 0-9."
  }
}
