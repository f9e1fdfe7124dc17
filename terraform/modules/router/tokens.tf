# The source of a tenant's id, and the tokens that may prove it.

variable "tenant_source" {
  type        = string
  description = "Source of the tenant's id: header (behind IAM-signed calls), body, or jwt (a claim of a verified token). One source, never a fallback."
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
  description = "Tokens that tenant_source = jwt accepts. issuer and audience: the value of `iss`, and values of which `aud` has one; algorithm: the only one accepted; tenant_claim: the claim with the tenant's id; header: the header with the token, as `Bearer TOKEN` in authorization; keys: the https URL of a JWK set, or a JWK set as JSON."
  default     = null

  validation {
    condition     = (var.tenant_source == "jwt") == (var.jwt != null)
    error_message = "jwt says which tokens to trust: it is given with tenant_source = jwt, and with no other."
  }

  validation {
    condition     = try(length(var.jwt.issuer) > 0, var.jwt == null)
    error_message = "jwt.issuer is the value of the claim `iss`, to the letter, and not empty."
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
    error_message = "jwt.header is a header's name in small letters, and not x-tenant-id, with which the router compares the token."
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
    error_message = "jwt.keys holds public keys only: do not put a private key into a function's environment."
  }

  validation {
    condition     = try(length(var.jwt.keys) <= 2560, var.jwt == null)
    error_message = "jwt.keys has at most 2,560 characters, since Lambda gives all environment variables together 4 KB. Leave out what is not needed (x5c), or give a URL."
  }
}
