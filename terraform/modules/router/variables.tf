# Rules stand where they are owned: this module checks what is particular to the router, and the root passes it on unchecked. What
# the whole stack shares (prefix, keys, log level, tags) is checked once, in the root.

variable "prefix" {
  type        = string
  description = "First part of every name."
}

variable "artifact" {
  type = object({
    bucket           = string
    key              = string
    source_code_hash = string
  })
  description = "The router's zip: its place in S3 and its base64 SHA-256."
}

variable "architecture" {
  type        = string
  description = "Instruction set the artifact was built for: arm64 or x86_64."
  default     = "arm64"
  nullable    = false
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

variable "account_concurrency" {
  type        = number
  description = "Concurrent executions that the account has in this Region, for the alarm of a router without a reservation."
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

  # A tenant's move waits for a lease and for the longest write there can be before it closes a fence. An invocation is over when
  # it times out, so this is the longest write; what the move waits for is a constant of the program.
  validation {
    condition     = var.settings.timeout >= 5 && var.settings.timeout <= 10
    error_message = "The router's timeout is 5 to 10 seconds. Its longest call with all retries takes 2.5 s; and a tenant's move relies on the longest write to take no more than 10 s: one that ran longer could land in a cell the tenant has left."
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
    condition     = try(var.jwt.header != "authorization" || var.auth_type != "AWS_IAM", var.jwt == null)
    error_message = "With auth_type AWS_IAM the header authorization holds the request's signature. Let the token come in a header of its own: jwt = { header = \"x-cellstack-token\", ... }."
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

variable "cell_access" {
  type        = string
  description = "How the router's role names the cells it may write. tag: every table of this account and Region that has a cell's name and bears the stack's tag, whatever their number. list: the tables in cell_table_arns and no others."
  default     = "tag"
  nullable    = false

  validation {
    condition     = contains(["tag", "list"], var.cell_access)
    error_message = "The access to cells is tag or list."
  }
}

variable "cell_table_arns" {
  type        = list(string)
  description = "ARNs of cell tables the router may write: all of them with cell_access list; with tag those that it does not reach, in other accounts."
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
  description = "What the standby does with the events of tenants whose cell is marked down. hold: keeps them until they can be carried home. process: processes them itself, without the tenants' state."
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
  description = "Which pages in browsers may call the router: origins, methods, request headers, response headers they may read, and seconds a browser remembers it. null: none."
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
    error_message = "cors.allow_methods are of GET, HEAD and POST, which are all that the router answers. Lambda answers OPTIONS itself."
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
  description = "S3 object with a snapshot of the tenant map, from which a router starts that cannot read the map; null: there is none."
  default     = null

  validation {
    condition     = var.snapshot == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.snapshot.bucket))
    error_message = "A bucket name has 3 to 63 characters of a-z 0-9 . and -."
  }

  # Stricter than S3: what stands here becomes part of an ARN in a policy.
  validation {
    condition     = var.snapshot == null || can(regex("^[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$", var.snapshot.key))
    error_message = "The snapshot's key is of A-Z a-z 0-9 _ . - and /, and names one object."
  }
}

variable "auth_type" {
  type        = string
  description = "AWS_IAM: callers sign their requests. NONE: they do not. With tenant_source jwt the token still says who calls; with any other, ANYONE WHO KNOWS THE URL CAN WRITE EVENTS FOR ANY TENANT."
  default     = "AWS_IAM"
  nullable    = false

  validation {
    condition     = contains(["AWS_IAM", "NONE"], var.auth_type)
    error_message = "The router's auth type is AWS_IAM or NONE."
  }
}

variable "invokers" {
  type        = map(string)
  description = "Who may call the URL: a short name for each, and its IAM ARN or account id, or `*` for everybody of org_id."
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
  description = "Id of the AWS organization that every invoker has to belong to; null asks for none."
  default     = null

  validation {
    condition     = var.org_id == null || can(regex("^o-[a-z0-9]{10,32}$", var.org_id))
    error_message = "An organization's id is o- and 10 to 32 characters of a-z 0-9."
  }
}

variable "kms_key_arn" {
  type        = string
  description = "Customer key for the log group and the environment, and the one the tables use; null uses AWS's own keys."
  default     = null
}

variable "log_level" {
  type        = string
  description = "Lowest level of the router's own log lines."
  default     = "INFO"
  nullable    = false
}

variable "log_retention_days" {
  type        = number
  description = "Days the log is kept."
  default     = 30
  nullable    = false
}

variable "alarm_actions" {
  type        = list(string)
  description = "ARNs told when an alarm starts and when it ends, as a rule SNS topics."
  default     = []
  nullable    = false
}

variable "local_stack" {
  type        = bool
  description = "This is a router on an emulator, not on AWS: the account may assume the role so that tests can show what it is refused."
  default     = false
  nullable    = false
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything this module makes."
  default     = {}
  nullable    = false
}
