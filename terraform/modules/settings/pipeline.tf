# The pace of events through a cell: the rules that keep its numbers consistent with each other and with AWS.

variable "pipeline" {
  type = object({
    stream_batch_size         = number
    stream_batching_window    = number
    stream_parallelization    = number
    stream_retries            = number
    stream_record_age         = number
    queue_batch_size          = number
    queue_batching_window     = number
    queue_maximum_concurrency = number
    queue_visibility_timeout  = optional(number)
    queue_retention           = number
    max_tries                 = number
    max_receive_count         = number
    event_timeout             = number
    dlq_retention             = number
  })
  description = "Settings of an event's way through a cell: batches, tries, retention. Times in seconds. queue_visibility_timeout is 6 x the consumer's timeout + queue_batching_window unless given. max_tries: tries of an event before the consumer dead-letters it; event_timeout: the longest one try may take; max_receive_count: receives before the queue moves a message by itself, for failures that the consumer cannot count."
  nullable    = false

  validation {
    condition     = var.pipeline.stream_batch_size >= 1 && var.pipeline.stream_batch_size <= 10000
    error_message = "stream_batch_size is 1 to 10000 records."
  }

  validation {
    condition     = var.pipeline.stream_batching_window >= 0 && var.pipeline.stream_batching_window <= 300
    error_message = "stream_batching_window is 0 to 300 seconds."
  }

  validation {
    condition     = var.pipeline.stream_parallelization >= 1 && var.pipeline.stream_parallelization <= 10
    error_message = "stream_parallelization is 1 to 10 batches of a shard at once."
  }

  validation {
    condition     = var.pipeline.stream_retries >= 0 && var.pipeline.stream_retries <= 10000
    error_message = "stream_retries is 0 to 10000; -1 retries without end, and one bad record would hold up its shard for a day."
  }

  validation {
    condition     = var.pipeline.stream_record_age >= 60 && var.pipeline.stream_record_age <= 82800
    error_message = "stream_record_age is 60 to 82800 seconds: the stream itself forgets after 86400."
  }

  validation {
    condition = (
      var.pipeline.queue_batch_size >= 1 && var.pipeline.queue_batch_size <= 10000 &&
      (var.pipeline.queue_batch_size <= 10 || var.pipeline.queue_batching_window >= 1)
    )
    error_message = "queue_batch_size is 1 to 10000 messages; above 10 SQS wants a queue_batching_window of at least 1."
  }

  validation {
    condition     = var.pipeline.queue_batching_window >= 0 && var.pipeline.queue_batching_window <= 300
    error_message = "queue_batching_window is 0 to 300 seconds."
  }

  validation {
    condition     = var.pipeline.queue_maximum_concurrency >= 2 && var.pipeline.queue_maximum_concurrency <= 1000
    error_message = "queue_maximum_concurrency is 2 to 1000."
  }

  validation {
    condition = (
      var.functions.consumer.reserved_concurrency == -1 ||
      var.functions.consumer.reserved_concurrency >= var.pipeline.queue_maximum_concurrency
    )
    error_message = "queue_maximum_concurrency is at most the consumer's reserved concurrency (unless that is -1), else good messages are throttled into the dead-letter queue."
  }

  validation {
    condition = var.pipeline.queue_visibility_timeout == null || try(
      var.pipeline.queue_visibility_timeout >= var.functions.consumer.timeout && var.pipeline.queue_visibility_timeout <= 43200,
      false,
    )
    error_message = "queue_visibility_timeout is at least the consumer's timeout, else Lambda refuses the queue, and at most 43200 seconds."
  }

  validation {
    condition = alltrue([
      for retention in [var.pipeline.queue_retention, var.pipeline.dlq_retention] : retention >= 60 && retention <= 1209600
    ]) && var.pipeline.dlq_retention >= var.pipeline.queue_retention
    error_message = "Queues keep messages 60 to 1209600 seconds. dlq_retention is no shorter than queue_retention, since a message keeps its first enqueue time when it moves."
  }

  validation {
    condition     = var.pipeline.max_tries >= 1 && var.pipeline.max_tries <= 250 && floor(var.pipeline.max_tries) == var.pipeline.max_tries
    error_message = "max_tries is a whole number from 1 to 250."
  }

  # SQS deletes a message at the end of its retention, processed or not. All its receives have to come before, so that it becomes a
  # letter. The visibility timeout is the one that modules/cell sets.
  validation {
    condition     = var.pipeline.queue_retention > var.pipeline.max_receive_count * coalesce(var.pipeline.queue_visibility_timeout, 6 * var.functions.consumer.timeout + var.pipeline.queue_batching_window)
    error_message = "queue_retention is more than max_receive_count x queue_visibility_timeout (${var.pipeline.max_receive_count} x ${coalesce(var.pipeline.queue_visibility_timeout, 6 * var.functions.consumer.timeout + var.pipeline.queue_batching_window)} s), else SQS deletes a message that keeps failing before it becomes a dead letter; found ${var.pipeline.queue_retention} s. Raise queue_retention, or lower max_receive_count, queue_visibility_timeout or the consumer's timeout."
  }

  # A receive is not a try: throttled invocations and batches cut short receive as well.
  validation {
    condition     = var.pipeline.max_receive_count >= 4 * var.pipeline.max_tries && var.pipeline.max_receive_count <= 1000
    error_message = "max_receive_count is at least 4 x max_tries (${4 * var.pipeline.max_tries}), and at most 1000: below that the queue would dead-letter messages that were merely throttled or put back, without a reason, before the consumer has tried them max_tries times."
  }

  # Two events that hang must leave time for the rest of the batch. A decimal such as 8.1 has no exact value in binary, nor
  # has 1000 x it: what is next to a whole number of milliseconds counts as one, and modules/cell rounds it.
  validation {
    condition     = var.pipeline.event_timeout >= 0.1 && var.pipeline.event_timeout < var.functions.consumer.timeout / 2 && abs(var.pipeline.event_timeout * 1000 - floor(var.pipeline.event_timeout * 1000 + 0.5)) < 0.000001
    error_message = "event_timeout is at least 0.1 s, in whole milliseconds, and less than half of the consumer's timeout (${var.functions.consumer.timeout} s): one event that hangs must leave time for the others of its batch."
  }

  validation {
    condition     = alltrue([for cell in values(var.cells) : coalesce(cell.ordering, var.ordering) == "none"]) || (var.pipeline.queue_batch_size <= 10 && var.pipeline.queue_batching_window == 0)
    error_message = "With ordering = tenant, queue_batch_size is at most 10 and queue_batching_window is 0: Lambda takes at most 10 messages from a FIFO queue, and does not wait."
  }

  validation {
    condition     = alltrue([for cell in values(var.cells) : coalesce(cell.ordering, var.ordering) == "none"]) || var.pipeline.stream_parallelization == 1
    error_message = "With ordering = tenant, stream_parallelization is 1: parallel batches of a shard keep the order of one item, not of a tenant's items."
  }
}
