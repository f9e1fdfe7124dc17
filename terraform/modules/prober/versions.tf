terraform {
  # Validations that read a second variable came with 1.9, `use_lockfile` of the S3 backend with 1.10, and the
  # `override_during` of the tests with 1.11.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The versions that the tests run against. Provider 6: "Versions" in terraform/README.md.
      version = ">= 5.100, < 6.0"
    }
  }
}
