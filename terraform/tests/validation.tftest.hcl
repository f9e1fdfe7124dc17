# Every validation of the root, each with a value it must refuse. What a module owns is refused in that module's tests.

mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }

  mock_data "aws_region" {
    defaults = { id = "eu-west-1" }
  }

  # ARNs that come out of one module have to pass the validations of the next.
  mock_resource "aws_dynamodb_table" {
    defaults = {
      arn        = "arn:aws:dynamodb:eu-west-1:111122223333:table/mocked"
      stream_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/mocked/stream/2026-01-01T00:00:00.000"
    }
  }
}

variables {
  artifact_dir = "tests/fixtures/lambda"
  cells        = { alpha = {} }
}

run "refuses_no_cells" {
  command = plan
  variables {
    cells = {}
  }
  expect_failures = [var.cells]
}

run "refuses_half_a_capacity" {
  command = plan
  variables {
    cells = { alpha = { capacity = 0.5 } }
  }
  expect_failures = [var.cells]
}

run "refuses_a_bad_prefix" {
  command = plan
  variables {
    prefix = "1stack"
  }
  expect_failures = [var.prefix]
}

run "refuses_an_unknown_architecture" {
  command = plan
  variables {
    architecture = "amd64"
  }
  expect_failures = [var.architecture]
}

run "refuses_an_empty_artifact_dir" {
  command = plan
  variables {
    artifact_dir = ""
  }
  expect_failures = [var.artifact_dir]
}

run "refuses_a_bad_bucket_name" {
  command = plan
  variables {
    artifact_bucket = "Our_Releases"
  }
  expect_failures = [var.artifact_bucket]
}

run "refuses_a_timeout_below_its_own_calls" {
  command = plan
  variables {
    functions = { consumer = { timeout = 2 } }
  }
  expect_failures = [var.functions]
}

run "refuses_an_unknown_ordering" {
  command = plan
  variables {
    ordering = "fifo"
  }
  expect_failures = [var.ordering]
}

run "refuses_an_unknown_ordering_of_a_cell" {
  command = plan
  variables {
    cells = { alpha = { ordering = "fifo" } }
  }
  expect_failures = [var.cells]
}

run "refuses_big_batches_in_order" {
  command = plan
  variables {
    ordering = "tenant"
    pipeline = { queue_batch_size = 11, queue_batching_window = 1 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_window_where_one_cell_is_in_order" {
  command = plan
  variables {
    cells    = { alpha = {}, beta = { ordering = "tenant" } }
    pipeline = { queue_batching_window = 1 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_parallel_streams_in_order" {
  command = plan
  variables {
    ordering = "tenant"
    pipeline = { stream_parallelization = 2 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_an_empty_stream_batch" {
  command = plan
  variables {
    pipeline = { stream_batch_size = 0 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_long_stream_window" {
  command = plan
  variables {
    pipeline = { stream_batching_window = 301 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_too_much_parallelization" {
  command = plan
  variables {
    pipeline = { stream_parallelization = 11 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_endless_stream_retries" {
  command = plan
  variables {
    pipeline = { stream_retries = -1 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_record_age_past_the_stream" {
  command = plan
  variables {
    pipeline = { stream_record_age = 86400 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_big_queue_batches_without_window" {
  command = plan
  variables {
    pipeline = { queue_batch_size = 11 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_long_queue_window" {
  command = plan
  variables {
    pipeline = { queue_batching_window = 301 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_queue_concurrency_of_one" {
  command = plan
  variables {
    pipeline = { queue_maximum_concurrency = 1 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_more_concurrency_than_is_reserved" {
  command = plan
  variables {
    pipeline = { queue_maximum_concurrency = 21 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_visibility_below_the_consumers_timeout" {
  command = plan
  variables {
    pipeline = { queue_visibility_timeout = 29 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_dead_letters_that_die_before_the_queue" {
  command = plan
  variables {
    pipeline = { dlq_retention = 3600 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_to_try_nothing" {
  command = plan
  variables {
    pipeline = { max_tries = 0 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_half_a_try" {
  command = plan
  variables {
    pipeline = { max_tries = 2.5 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_queue_that_gives_up_before_the_consumer" {
  command = plan
  variables {
    pipeline = { max_receive_count = 19 }
  }
  expect_failures = [var.pipeline]
}

run "takes_four_receives_a_try" {
  command = plan
  variables {
    pipeline = { max_receive_count = 20 }
  }
}

run "refuses_an_event_that_may_take_half_an_invocation" {
  command = plan
  variables {
    pipeline = { event_timeout = 15 }
  }
  expect_failures = [var.pipeline]
}

run "refuses_an_event_without_time" {
  command = plan
  variables {
    pipeline = { event_timeout = 0 }
  }
  expect_failures = [var.pipeline]
}

run "takes_any_concurrency_from_the_shared_pool" {
  command = plan
  variables {
    pipeline  = { queue_maximum_concurrency = 21 }
    functions = { consumer = { reserved_concurrency = -1 } }
  }
}

run "takes_big_parallel_batches_without_order" {
  command = plan
  variables {
    pipeline = { queue_batch_size = 11, queue_batching_window = 1, stream_parallelization = 2 }
  }
}

run "refuses_more_cells_than_the_account_can_run" {
  command = plan
  variables {
    cells = { for n in range(27) : "cell-${n}" => {} }
  }
  expect_failures = [var.account_concurrency]
}

run "takes_as_many_cells_as_the_account_can_run" {
  command = plan
  variables {
    cells = { for n in range(26) : "cell-${n}" => {} }
  }
}

run "refuses_the_smallest_account" {
  command = plan
  variables {
    account_concurrency = 10
  }
  expect_failures = [var.account_concurrency]
}

run "takes_the_smallest_account_without_reservations" {
  command = plan
  variables {
    account_concurrency = 10
    functions = {
      router   = { reserved_concurrency = -1 }
      producer = { reserved_concurrency = -1 }
      consumer = { reserved_concurrency = -1 }
    }
  }
}

run "refuses_a_key_alias_of_a_cell" {
  command = plan
  variables {
    cells = { alpha = { kms_key_arn = "alias/mine" } }
  }
  expect_failures = [var.cells]
}

run "refuses_to_retire_what_cannot_be_a_cell" {
  command = plan
  variables {
    retire = ["Alpha"]
  }
  expect_failures = [var.retire]
}

run "refuses_a_path_without_slashes" {
  command = plan
  variables {
    iam = { path = "cellstack" }
  }
  expect_failures = [var.iam]
}

run "refuses_a_boundary_by_name" {
  command = plan
  variables {
    iam = { permissions_boundary = "boundary" }
  }
  expect_failures = [var.iam]
}

run "refuses_letters_forgotten_for_a_month" {
  command = plan
  variables {
    alarms = { letters_standing = 720 }
  }
  expect_failures = [var.alarms]
}

run "refuses_alarms_that_ring_too_late" {
  command = plan
  variables {
    alarms = { message_age = 80000 }
  }
  expect_failures = [var.alarms]
}

run "refuses_alarm_actions_that_are_no_arns" {
  command = plan
  variables {
    alarm_actions = ["ops@example.com"]
  }
  expect_failures = [var.alarm_actions]
}

run "refuses_a_key_alias" {
  command = plan
  variables {
    kms_key_arn = "alias/mine"
  }
  expect_failures = [var.kms_key_arn]
}

run "refuses_an_unknown_log_level" {
  command = plan
  variables {
    log_level = "LOUD"
  }
  expect_failures = [var.log_level]
}

run "refuses_odd_log_retention" {
  command = plan
  variables {
    log_retention_days = 31
  }
  expect_failures = [var.log_retention_days]
}

run "refuses_too_many_tags" {
  command = plan
  variables {
    tags = { for n in range(46) : "tag${n}" => "x" }
  }
  expect_failures = [var.tags]
}
