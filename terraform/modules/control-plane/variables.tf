# The settings of the stack come checked from modules/settings; the rules here are those of the registry's records.

variable "stack" {
  type = object({
    prefix              = string
    kms_key_arn         = optional(string)
    deletion_protection = bool
    tags                = map(string)
  })
  description = "Settings of the stack that the control plane needs, as modules/settings returns them."
  nullable    = false
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
  description = "The cells by id: capacity, weight, wave and tags as the operator sets them, and the resources of each."
  nullable    = false

  validation {
    condition = alltrue(flatten([
      for cell in values(var.cells) : [
        for number in [cell.capacity, cell.weight, cell.wave] : number >= 0 && floor(number) == number
      ]
    ]))
    error_message = "Capacity, weight and wave are whole numbers, 0 or more."
  }
}

variable "retire" {
  type        = set(string)
  description = "Ids of cells that are being deleted or are deleted: marked as retired, with a weight of 0, so that no new tenant is placed there."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.retire : can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", id))])
    error_message = "retire holds ids of cells: 1 to 20 characters of a-z 0-9 and -, a letter first, no - last."
  }
}
