# Three cells in one region, as a configuration of your own: copy this directory, point `source` at a release of this
# repository, and `terraform apply`. A fourth cell is one more line.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 6.0"
    }
  }

  # State is what undoes or repeats a deployment: keep it where your colleagues and your CI find it.
  # backend "s3" {
  #   bucket       = "your-terraform-state"
  #   key          = "cellstack.tfstate"
  #   region       = "eu-west-1"
  #   use_lockfile = true
  # }
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

variable "callers" {
  type        = map(string)
  description = "Callers that may send events: a short name for each, and its IAM ARN or account id."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for principal in values(var.callers) : principal != "*"])
    error_message = "Callers are named one by one."
  }
}

module "cellstack" {
  source = "../.."

  cells = {
    # Only few new tenants are placed in it: a share of 10 next to 100 of each other cell.
    alpha = { wave = 1, weight = 10 }
    beta  = { wave = 2 }
    gamma = { wave = 2, capacity = 50, tags = { tier = "dedicated" } }
  }

  artifact_dir    = var.artifact_dir
  router_invokers = var.callers
  tags            = { team = "platform" }
}

output "router_url" {
  description = "URL to which callers send signed events."
  value       = module.cellstack.router_url
}

output "cells" {
  description = "Resources of each cell."
  value       = module.cellstack.cells
}
