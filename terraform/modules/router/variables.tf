variable "prefix" {
  type        = string
  description = "First part of every name."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.prefix))
    error_message = "The prefix has 2 to 24 characters of a-z 0-9 and -, a letter first, no - last."
  }
}

variable "artifact" {
  type = object({
    bucket           = string
    key              = string
    source_code_hash = string
  })
  description = "The router's zip: its place in S3 and its base64 SHA-256."

  validation {
    condition     = alltrue([for part in values(var.artifact) : length(part) > 0])
    error_message = "An artifact needs a bucket, a key and a hash."
  }
}

variable "architecture" {
  type        = string
  description = "Instruction set the artifact was built for: arm64 or x86_64."
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
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

  validation {
    condition     = var.settings.timeout >= 5 && var.settings.timeout <= 30
    error_message = "The router's timeout is 5 to 30 seconds: its longest call with all retries takes 2.5 s, and a slow cell must not hold it for long."
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

variable "cell_table_arns" {
  type        = list(string)
  description = "ARNs of the cell tables the router may write, and of no others."

  validation {
    condition = length(var.cell_table_arns) > 0 && alltrue([
      for arn in var.cell_table_arns : can(regex("^arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[^/*]+$", arn))
    ])
    error_message = "At least one cell table, each as the full ARN of a table."
  }

  validation {
    condition     = length(var.cell_table_arns) <= 80
    error_message = "At most 80 cells a router: the ARNs must fit into the 10,240 characters of a role's inline policies."
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
  description = "Who may call the URL: a short name for each, and its IAM ARN or account id."
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name, principal in var.invokers :
      can(regex("^[a-zA-Z0-9-]{1,80}$", name)) && can(regex("^(arn:[a-z-]+:iam::[0-9]{12}:[^*]+|[0-9]{12})$", principal))
    ])
    error_message = "Invokers are IAM ARNs or 12-digit account ids, without wildcards, under names of A-Z a-z 0-9 and -."
  }
}

variable "kms_key_arn" {
  type        = string
  description = "Customer key for the log group and the environment, and the one the tables use; null uses AWS's own keys."
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "The key is given as the ARN of a KMS key, not as an alias or an id."
  }
}

variable "log_level" {
  type        = string
  description = "Lowest level of the router's own log lines."
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"], var.log_level)
    error_message = "The log level is TRACE, DEBUG, INFO, WARN or ERROR."
  }
}

variable "log_retention_days" {
  type        = number
  description = "Days the log is kept."
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "CloudWatch keeps logs 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731 days."
  }
}

variable "alarm_actions" {
  type        = list(string)
  description = "ARNs told when an alarm starts and when it ends, as a rule SNS topics."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_actions : startswith(arn, "arn:")])
    error_message = "Alarm actions are ARNs."
  }
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

  validation {
    condition     = length(var.tags) <= 45
    error_message = "AWS takes 50 tags a resource, and Cellstack adds some of its own."
  }
}
