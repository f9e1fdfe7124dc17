terraform {
  # Validations that look at a second variable came with 1.9.
  required_version = ">= 1.11"
}
