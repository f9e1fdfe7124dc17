terraform {
  # Validations that read a second variable came with 1.9; the other modules need 1.11.
  required_version = ">= 1.11"
}
