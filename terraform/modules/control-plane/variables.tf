variable "prefix" {
  type        = string
  description = "First part of every name."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.prefix))
    error_message = "The prefix has 2 to 24 characters of a-z 0-9 and -, a letter first, no - last."
  }
}

variable "cells" {
  type = map(object({
    capacity = number
    weight   = number
    wave     = number
    tags     = map(string)
    resources = object({
      account        = string
      dlq_arn        = string
      dlq_url        = string
      queue_arn      = string
      queue_url      = string
      region         = string
      stream_dlq_url = string
      table          = string
      table_arn      = string
      topic_arn      = string
      topic_dlq_url  = string
    })
  }))
  description = "The cells by id: what the operator says of each (capacity, weight, wave, tags) and what it is made of."

  validation {
    condition     = alltrue([for id in keys(var.cells) : can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", id))])
    error_message = "A cell id has 1 to 20 characters of a-z 0-9 and -, a letter first, no - last."
  }

  validation {
    condition = alltrue(flatten([
      for cell in values(var.cells) : [
        for number in [cell.capacity, cell.weight, cell.wave] : number >= 0 && floor(number) == number
      ]
    ]))
    error_message = "Capacity, weight and wave are whole numbers, 0 or more."
  }
}

variable "kms_key_arn" {
  type        = string
  description = "Customer key for the two tables; null uses the AWS managed one."
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "The key is given as the ARN of a KMS key, not as an alias or an id."
  }
}

variable "deletion_protection" {
  type        = bool
  description = "Refuse to delete the tables, whoever asks."
  default     = true
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
