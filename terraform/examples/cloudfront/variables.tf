variable "prefix" {
  type        = string
  description = "First part of every name."
  default     = "cellstack"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.prefix))
    error_message = "The prefix has 2 to 24 characters of a-z 0-9 and -, a letter first, no - last."
  }
}

variable "artifact_dir" {
  type        = string
  description = "Directory that holds arm64/manifest.json and the zips next to it, as `make build ARCH=arm64` makes them."
  default     = "../../../target/lambda"
  nullable    = false

  validation {
    condition     = length(var.artifact_dir) > 0
    error_message = "The artifact directory is a path."
  }
}

variable "jwt" {
  type = object({
    issuer       = string
    audience     = list(string)
    algorithm    = optional(string, "RS256")
    tenant_claim = optional(string, "tenant_id")
    keys         = string
  })
  description = "Accepted tokens, as the root's variable jwt; they come in the header x-cellstack-token."

  validation {
    condition     = length(var.jwt.issuer) > 0 && length(var.jwt.audience) > 0
    error_message = "Name the issuer and at least one audience."
  }
}

variable "tenant_rate" {
  type        = number
  description = "Requests per minute that one tenant may send; more get 429."
  default     = 6000
  nullable    = false

  validation {
    condition     = var.tenant_rate >= 10 && var.tenant_rate <= 2000000000 && floor(var.tenant_rate) == var.tenant_rate
    error_message = "WAF counts whole limits from 10 to 2,000,000,000."
  }
}

variable "address_rate" {
  type        = number
  description = "Requests per minute that one address may send, for all tenants together; more get 429."
  default     = 30000
  nullable    = false

  validation {
    condition     = var.address_rate >= 10 && var.address_rate <= 2000000000 && floor(var.address_rate) == var.address_rate
    error_message = "WAF counts whole limits from 10 to 2,000,000,000."
  }
}

variable "body_limit" {
  type        = number
  description = "Largest body in bytes; longer ones get 413. The router itself takes 224 KiB, but WAF sees 64 KiB at most, and charges for more than 16."
  default     = 65536
  nullable    = false

  validation {
    condition     = var.body_limit >= 1024 && var.body_limit <= 65536 && floor(var.body_limit) == var.body_limit
    error_message = "The body limit is a whole number from 1024 to 65536 bytes: WAF sees no more of a body."
  }
}
