# The values come from the root, which checks them.

variable "prefix" {
  type        = string
  description = "First part of every name."
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
}

variable "retire" {
  type        = set(string)
  description = "Ids of cells that are going or gone: marked as retired, and out of the running for new tenants."
  default     = []
  nullable    = false
}

variable "kms_key_arn" {
  type        = string
  description = "Customer key for the two tables; null uses the AWS managed one."
  default     = null
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
}
