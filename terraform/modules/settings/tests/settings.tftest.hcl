# Every rule that several modules share, each with a value that it must refuse, and the values that each cell gets.

variables {
  stack = {
    prefix              = "cellstack"
    account             = "111122223333"
    partition           = "aws"
    region              = "eu-west-1"
    dns_suffix          = "amazonaws.com"
    architecture        = "arm64"
    alarm_actions       = []
    deletion_protection = true
    iam                 = { path = "/" }
    kms_key_arn         = null
    log_level           = "INFO"
    log_retention_days  = 30
    local_stack         = false
    tags                = {}
  }
  cells    = { alpha = {} }
  ordering = "none"
  functions = {
    router   = { memory = 256, timeout = 10, reserved_concurrency = 100 }
    producer = { memory = 256, timeout = 30, reserved_concurrency = 10 }
    consumer = { memory = 256, timeout = 30, reserved_concurrency = 20 }
  }
  pipeline = {
    stream_batch_size         = 100
    stream_batching_window    = 0
    stream_parallelization    = 1
    stream_retries            = 10000
    stream_record_age         = 21600
    queue_batch_size          = 10
    queue_batching_window     = 0
    queue_maximum_concurrency = 10
    queue_retention           = 345600
    max_tries                 = 5
    max_receive_count         = 50
    event_timeout             = 10
    dlq_retention             = 1209600
  }
  alarms              = { iterator_age = 900, message_age = 900, letters_standing = 24 }
  account_concurrency = 1000
}

run "a_cell_gets_its_own_settings_and_the_stack_s_for_the_rest" {
  command = plan

  variables {
    stack = merge(var.stack, { kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/stack", tags = { team = "platform" } })
    cells = {
      alpha = {}
      beta = {
        ordering            = "tenant"
        kms_key_arn         = "arn:aws:kms:eu-west-1:111122223333:key/beta"
        deletion_protection = false
        tags                = { tier = "gold", team = "beta" }
      }
    }
  }

  assert {
    condition = { for id, cell in output.cells : id => [cell.ordering, cell.stack.kms_key_arn, tostring(cell.stack.deletion_protection)] } == {
      alpha = ["none", "arn:aws:kms:eu-west-1:111122223333:key/stack", "true"]
      beta  = ["tenant", "arn:aws:kms:eu-west-1:111122223333:key/beta", "false"]
    }
    error_message = "A cell's own setting wins over the stack's."
  }

  assert {
    condition = { for id, cell in output.cells : id => tomap(cell.stack.tags) } == {
      alpha = tomap({ team = "platform", "cellstack:stack" = "cellstack" })
      beta  = tomap({ tier = "gold", team = "platform", "cellstack:stack" = "cellstack" })
    }
    error_message = "A cell adds tags and changes none of the stack's."
  }

  assert {
    condition     = output.cells["beta"].stack.region == "eu-west-1" && output.cells["beta"].stack.log_level == "INFO"
    error_message = "All other settings are the stack's."
  }
}

run "nothing_overrides_the_tag_that_access_goes_by" {
  command = plan

  variables {
    stack = merge(var.stack, { tags = { "cellstack:stack" = "another" } })
  }

  assert {
    condition     = output.stack.tags["cellstack:stack"] == "cellstack"
    error_message = "The router reaches its cells by this tag."
  }
}

run "an_emulator_s_account_may_be_a_local_stack" {
  command = plan

  variables {
    stack = merge(var.stack, { account = "000000000000", local_stack = true })
  }
}

run "local_stack_is_refused_on_aws" {
  command = plan

  variables {
    stack = merge(var.stack, { local_stack = true })
  }

  expect_failures = [var.stack]
}

run "refuses_no_cells" {
  command = plan
  variables {
    cells = {}
  }
  expect_failures = [var.cells]
}

run "refuses_a_bad_prefix" {
  command = plan
  variables {
    stack = merge(var.stack, { prefix = "1stack" })
  }
  expect_failures = [var.stack]
}

run "refuses_an_unknown_architecture" {
  command = plan
  variables {
    stack = merge(var.stack, { architecture = "amd64" })
  }
  expect_failures = [var.stack]
}

run "refuses_a_timeout_below_its_own_calls" {
  command = plan
  variables {
    functions = merge(var.functions, { consumer = merge(var.functions.consumer, { timeout = 2 }) })
  }
  expect_failures = [var.functions]
}

run "refuses_a_variable_that_is_the_consumers_own" {
  command = plan
  variables {
    functions = merge(var.functions, { consumer = merge(var.functions.consumer, { environment = { CELLSTACK_TABLE = "mine" } }) })
  }
  expect_failures = [var.functions]
}

run "takes_a_variable_of_the_processor" {
  command = plan
  variables {
    functions = merge(var.functions, { consumer = merge(var.functions.consumer, { environment = { ORDERS_GATEWAY_URL = "https://pay.example" } }) })
  }
}

run "refuses_a_variable_that_lambda_sets" {
  command = plan
  variables {
    functions = merge(var.functions, { consumer = merge(var.functions.consumer, { environment = { LAMBDA_TASK_ROOT = "/tmp" } }) })
  }
  expect_failures = [var.functions]
}

run "refuses_a_log_level_past_the_stacks" {
  command = plan
  variables {
    functions = merge(var.functions, { consumer = merge(var.functions.consumer, { environment = { RUST_LOG = "debug" } }) })
  }
  expect_failures = [var.functions]
}

run "refuses_a_variable_of_one_letter" {
  command = plan
  variables {
    functions = merge(var.functions, { consumer = merge(var.functions.consumer, { environment = { A = "1" } }) })
  }
  expect_failures = [var.functions]
}

# One variable as JSON has seven bytes more than its name and its value.
run "refuses_more_variables_than_lambda_takes" {
  command = plan
  variables {
    functions = merge(var.functions, { consumer = merge(var.functions.consumer, { environment = { LONGER_NOTE = join("", [for n in range(512) : "1234567"]) } }) })
  }
  expect_failures = [var.functions]
}

# An umlaut is one character of two bytes.
run "counts_variables_in_bytes" {
  command = plan
  variables {
    functions = merge(var.functions, { consumer = merge(var.functions.consumer, { environment = { NOTE = join("", [for n in range(900) : "üü"]) } }) })
  }
  expect_failures = [var.functions]
}

run "takes_as_many_variables_as_lambda_does" {
  command = plan
  variables {
    functions = merge(var.functions, { consumer = merge(var.functions.consumer, { environment = { LONG_NOTE = join("", [for n in range(512) : "1234567"]) } }) })
  }
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
    pipeline = merge(var.pipeline, { queue_batch_size = 11, queue_batching_window = 1 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_window_where_one_cell_is_in_order" {
  command = plan
  variables {
    cells    = { alpha = {}, beta = { ordering = "tenant" } }
    pipeline = merge(var.pipeline, { queue_batching_window = 1 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_parallel_streams_in_order" {
  command = plan
  variables {
    ordering = "tenant"
    pipeline = merge(var.pipeline, { stream_parallelization = 2 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_an_empty_stream_batch" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { stream_batch_size = 0 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_long_stream_window" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { stream_batching_window = 301 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_too_much_parallelization" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { stream_parallelization = 11 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_endless_stream_retries" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { stream_retries = -1 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_record_age_past_the_stream" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { stream_record_age = 86400 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_big_queue_batches_without_window" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { queue_batch_size = 11 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_long_queue_window" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { queue_batching_window = 301 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_queue_concurrency_of_one" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { queue_maximum_concurrency = 1 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_more_concurrency_than_is_reserved" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { queue_maximum_concurrency = 21 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_visibility_below_the_consumers_timeout" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { queue_visibility_timeout = 29 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_dead_letters_that_die_before_the_queue" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { dlq_retention = 3600 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_queue_that_forgets_before_it_gives_up" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { queue_retention = 9000 })
  }
  expect_failures = [var.pipeline]
}

run "takes_a_queue_that_forgets_after_its_last_receive" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { queue_retention = 9001 })
  }
}

run "counts_a_given_visibility" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { queue_retention = 9001, queue_visibility_timeout = 181 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_to_try_nothing" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { max_tries = 0 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_half_a_try" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { max_tries = 2.5 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_a_queue_that_gives_up_before_the_consumer" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { max_receive_count = 19 })
  }
  expect_failures = [var.pipeline]
}

run "takes_four_receives_a_try" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { max_receive_count = 20 })
  }
}

run "refuses_an_event_that_may_take_half_an_invocation" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { event_timeout = 15 })
  }
  expect_failures = [var.pipeline]
}

run "refuses_parts_of_a_millisecond" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { event_timeout = 1.0005 })
  }
  expect_failures = [var.pipeline]
}

# 8.1 x 1000 is not quite 8100: numbers are binary.
run "takes_a_decimal_of_whole_milliseconds" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { event_timeout = 8.1 })
  }
}

run "refuses_an_event_without_time" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { event_timeout = 0 })
  }
  expect_failures = [var.pipeline]
}

run "takes_any_concurrency_from_the_shared_pool" {
  command = plan
  variables {
    pipeline  = merge(var.pipeline, { queue_maximum_concurrency = 21 })
    functions = merge(var.functions, { consumer = merge(var.functions.consumer, { reserved_concurrency = -1 }) })
  }
}

run "takes_big_parallel_batches_without_order" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { queue_batch_size = 11, queue_batching_window = 1, stream_parallelization = 2 })
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

run "counts_what_other_functions_reserve" {
  command = plan
  variables {
    cells              = { for n in range(26) : "cell-${n}" => {} }
    other_reservations = 21
  }
  expect_failures = [var.account_concurrency]
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
    functions           = { for name, function in var.functions : name => merge(function, { reserved_concurrency = -1 }) }
  }
}

run "refuses_a_key_alias_of_a_cell" {
  command = plan
  variables {
    cells = { alpha = { kms_key_arn = "alias/mine" } }
  }
  expect_failures = [var.cells]
}

run "refuses_a_tag_of_awss_own_on_a_cell" {
  command = plan
  variables {
    cells = { alpha = { tags = { "AWS:team" = "platform" } } }
  }
  expect_failures = [var.cells]
}

run "refuses_more_tags_than_fit_with_the_stacks" {
  command = plan
  variables {
    stack = merge(var.stack, { tags = { for n in range(40) : "tag${n}" => "x" } })
    cells = { alpha = { tags = { for n in range(9) : "own${n}" => "x" } } }
  }
  expect_failures = [var.cells]
}

run "takes_as_many_tags_as_fit_with_the_stacks" {
  command = plan
  variables {
    stack = merge(var.stack, { tags = { for n in range(40) : "tag${n}" => "x" } })
    cells = { alpha = { tags = merge({ for n in range(8) : "own${n}" => "x" }, { tag0 = "y" }) } }
  }
}

run "refuses_a_path_without_slashes" {
  command = plan
  variables {
    stack = merge(var.stack, { iam = { path = "cellstack" } })
  }
  expect_failures = [var.stack]
}

run "refuses_a_boundary_by_name" {
  command = plan
  variables {
    stack = merge(var.stack, { iam = { path = "/", permissions_boundary = "boundary" } })
  }
  expect_failures = [var.stack]
}

run "refuses_letters_forgotten_for_a_month" {
  command = plan
  variables {
    alarms = merge(var.alarms, { letters_standing = 720 })
  }
  expect_failures = [var.alarms]
}

run "refuses_alarms_that_ring_too_late" {
  command = plan
  variables {
    alarms = merge(var.alarms, { message_age = 80000 })
  }
  expect_failures = [var.alarms]
}

run "refuses_an_alarm_past_the_end_of_a_record" {
  command = plan
  variables {
    alarms = merge(var.alarms, { iterator_age = 21600 })
  }
  expect_failures = [var.alarms]
}

run "refuses_an_alarm_past_the_end_of_a_message" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { queue_retention = 10000 })
    alarms   = merge(var.alarms, { message_age = 10000 })
  }
  expect_failures = [var.alarms]
}

run "refuses_an_alarm_past_the_end_of_a_letter" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { dlq_retention = 345600 })
    alarms   = merge(var.alarms, { letters_standing = 96 })
  }
  expect_failures = [var.alarms]
}

run "takes_alarms_before_the_end" {
  command = plan
  variables {
    pipeline = merge(var.pipeline, { queue_retention = 10000, dlq_retention = 345600 })
    alarms   = { iterator_age = 21599, message_age = 9999, letters_standing = 95 }
  }
}

run "refuses_alarm_actions_that_are_no_arns" {
  command = plan
  variables {
    stack = merge(var.stack, { alarm_actions = ["ops@example.com"] })
  }
  expect_failures = [var.stack]
}

run "refuses_a_key_alias" {
  command = plan
  variables {
    stack = merge(var.stack, { kms_key_arn = "alias/mine" })
  }
  expect_failures = [var.stack]
}

run "refuses_an_unknown_log_level" {
  command = plan
  variables {
    stack = merge(var.stack, { log_level = "LOUD" })
  }
  expect_failures = [var.stack]
}

run "refuses_odd_log_retention" {
  command = plan
  variables {
    stack = merge(var.stack, { log_retention_days = 31 })
  }
  expect_failures = [var.stack]
}

run "refuses_a_tag_of_awss_own" {
  command = plan
  variables {
    stack = merge(var.stack, { tags = { "aws:team" = "platform" } })
  }
  expect_failures = [var.stack]
}

run "refuses_too_many_tags" {
  command = plan
  variables {
    stack = merge(var.stack, { tags = { for n in range(46) : "tag${n}" => "x" } })
  }
  expect_failures = [var.stack]
}
