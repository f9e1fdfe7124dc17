# Every validation of the root, each with a value it must refuse. Values that a module validates again are refused there too.

mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
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
  cells = {
    alpha = {}
    beta  = { capacity = 50, weight = 10, wave = 2, tags = { tier = "gold" } }
  }
}

run "refuses_no_cells" {
  command = plan
  variables {
    cells = {}
  }
  expect_failures = [var.cells]
}

run "refuses_a_bad_cell_id" {
  command = plan
  variables {
    cells = { Alpha = {} }
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

run "refuses_an_unknown_tenant_source" {
  command = plan
  variables {
    tenant_source = "cookie"
  }
  expect_failures = [var.tenant_source]
}

run "refuses_jwt_without_saying_which_tokens" {
  command = plan
  variables {
    tenant_source = "jwt"
  }
  expect_failures = [var.jwt]
}

run "refuses_tokens_that_nobody_asks_for" {
  command = plan
  variables {
    jwt = { issuer = "i", audience = ["a"], header = "x-cellstack-token", keys = "https://id.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "refuses_tokens_where_the_signature_stands" {
  command = plan
  variables {
    tenant_source = "jwt"
    jwt           = { issuer = "i", audience = ["a"], keys = "https://id.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "refuses_a_token_header_that_names_the_tenant" {
  command = plan
  variables {
    tenant_source = "jwt"
    jwt           = { issuer = "i", audience = ["a"], header = "x-tenant-id", keys = "https://id.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "refuses_a_token_header_in_capitals" {
  command = plan
  variables {
    tenant_source = "jwt"
    jwt           = { issuer = "i", audience = ["a"], header = "X-Token", keys = "https://id.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "refuses_tokens_of_any_issuer" {
  command = plan
  variables {
    tenant_source = "jwt"
    jwt           = { issuer = "", audience = ["a"], header = "x-cellstack-token", keys = "https://id.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "refuses_tokens_for_any_audience" {
  command = plan
  variables {
    tenant_source = "jwt"
    jwt           = { issuer = "i", audience = [], header = "x-cellstack-token", keys = "https://id.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "refuses_an_audience_with_a_comma" {
  command = plan
  variables {
    tenant_source = "jwt"
    jwt           = { issuer = "i", audience = ["a,b"], header = "x-cellstack-token", keys = "https://id.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "refuses_unsigned_tokens" {
  command = plan
  variables {
    tenant_source = "jwt"
    jwt           = { issuer = "i", audience = ["a"], algorithm = "none", header = "x-cellstack-token", keys = "https://id.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "refuses_shared_secrets" {
  command = plan
  variables {
    tenant_source = "jwt"
    jwt           = { issuer = "i", audience = ["a"], algorithm = "HS256", header = "x-cellstack-token", keys = "https://id.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "refuses_an_empty_claim" {
  command = plan
  variables {
    tenant_source = "jwt"
    jwt           = { issuer = "i", audience = ["a"], tenant_claim = "", header = "x-cellstack-token", keys = "https://id.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "refuses_keys_fetched_without_tls" {
  command = plan
  variables {
    tenant_source = "jwt"
    jwt           = { issuer = "i", audience = ["a"], header = "x-cellstack-token", keys = "http://id.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "refuses_an_empty_key_set" {
  command = plan
  variables {
    tenant_source = "jwt"
    jwt           = { issuer = "i", audience = ["a"], header = "x-cellstack-token", keys = "{\"keys\":[]}" }
  }
  expect_failures = [var.jwt]
}

run "refuses_a_private_key" {
  command = plan
  variables {
    tenant_source = "jwt"
    jwt           = { issuer = "i", audience = ["a"], header = "x-cellstack-token", keys = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"AA\"}]}" }
  }
  expect_failures = [var.jwt]
}

run "refuses_more_keys_than_an_environment_holds" {
  command = plan
  variables {
    tenant_source = "jwt"
    jwt           = { issuer = "i", audience = ["a"], header = "x-cellstack-token", keys = "{\"keys\":[{\"kty\":\"EC\",\"x5c\":\"${join("", [for n in range(1024) : "AAA"])}\"}]}" }
  }
  expect_failures = [var.jwt]
}

run "refuses_a_snapshot_in_no_bucket" {
  command = plan
  variables {
    router_snapshot = { bucket = "Our_Bucket" }
  }
  expect_failures = [var.router_snapshot]
}

run "refuses_many_snapshots" {
  command = plan
  variables {
    router_snapshot = { key = "cellstack/*" }
  }
  expect_failures = [var.router_snapshot]
}

run "refuses_an_unknown_auth_type" {
  command = plan
  variables {
    router_auth_type = "OPEN"
  }
  expect_failures = [var.router_auth_type]
}

run "refuses_everyone_as_invoker" {
  command = plan
  variables {
    router_invokers = { all = "*" }
  }
  expect_failures = [var.router_invokers]
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

run "refuses_giving_up_early" {
  command = plan
  variables {
    pipeline = { max_receive_count = 4 }
  }
  expect_failures = [var.pipeline]
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
