terraform {
  # Validations that look at a second variable came with 1.9. The tests beside this file use `override_during`: 1.11.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}
