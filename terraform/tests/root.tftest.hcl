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
  cells = {
    alpha = {}
    beta  = { capacity = 50, weight = 10, wave = 2, tags = { tier = "gold" } }
  }
}

run "stamps_every_cell_and_records_it" {
  command = plan

  assert {
    condition = { for id, cell in output.cells : id => [cell.table, cell.producer, cell.consumer] } == {
      alpha = ["cellstack-cell-alpha", "cellstack-cell-alpha-producer", "cellstack-cell-alpha-consumer"]
      beta  = ["cellstack-cell-beta", "cellstack-cell-beta-producer", "cellstack-cell-beta-consumer"]
    }
    error_message = "A line in `cells` is a cell."
  }

  assert {
    condition     = output.tenant_map_table == "cellstack-tenant-map" && output.registry_table == "cellstack-registry"
    error_message = "There is one control plane."
  }

  assert {
    condition     = output.router.function_name == "cellstack-router"
    error_message = "There is one router."
  }
}

run "placement_on_first_sight_is_off_until_it_is_wanted" {
  command = plan

  assert {
    condition     = length(module.placer) == 0 && !contains(keys(module.router.environment), "CELLSTACK_PLACEMENT_REQUESTS_TABLE")
    error_message = "Without the variable there is no placer, and the router requests nothing."
  }

  assert {
    condition     = output.placer == null
    error_message = "And the root names none."
  }
}

run "placement_on_first_sight_connects_router_and_placer" {
  command = plan

  variables {
    first_sight            = { write_units = 10 }
    remote_cell_table_arns = ["arn:aws:dynamodb:eu-west-1:444455556666:table/cellstack-cell-far"]
  }

  assert {
    condition = (
      module.router.environment.CELLSTACK_PLACEMENT_REQUESTS_TABLE == module.placer[0].requests.name &&
      module.placer[0].requests.name == "cellstack-placement-requests" && module.placer[0].function_name == "cellstack-placer"
    )
    error_message = "The router writes the table that the placer reads."
  }

  assert {
    condition     = output.placer.function_name == "cellstack-placer"
    error_message = "The root names the placer, as it names the prober."
  }

  assert {
    condition = [for statement in module.placer[0].statements : statement.Resource if statement.Sid == "OpenFencesOfListedCells"] == [
      tolist(["arn:aws:dynamodb:eu-west-1:444455556666:table/cellstack-cell-far"]),
    ]
    error_message = "Tenants are placed wherever the router serves them."
  }
}

run "one_line_more_is_one_cell_more" {
  command = plan

  variables {
    cells = { alpha = {}, beta = {}, gamma = {} }
  }

  assert {
    condition     = keys(output.cells) == ["alpha", "beta", "gamma"]
    error_message = "All values of a cell have defaults."
  }
}

# Each rule is tested in the module that owns it; here, that every shared input gets there.
run "shared_inputs_reach_the_modules" {
  command = plan

  variables {
    prefix              = "ours"
    alarm_actions       = ["arn:aws:sns:eu-west-1:111122223333:ops"]
    deletion_protection = false
    iam                 = { path = "/ours/", permissions_boundary = "arn:aws:iam::111122223333:policy/boundary" }
    kms_key_arn         = "arn:aws:kms:eu-west-1:111122223333:key/ours"
    log_level           = "WARN"
    log_retention_days  = 90
    tags                = { team = "platform" }
    ordering            = "tenant"
    functions           = { router = { memory = 512 }, producer = { memory = 384 }, consumer = { timeout = 25 } }
    pipeline            = { max_tries = 7 }
    alarms              = { letters_standing = 48 }
  }

  assert {
    condition = jsonencode(module.settings.stack) == jsonencode({
      prefix              = "ours"
      account             = "111122223333"
      partition           = "aws"
      region              = "eu-west-1"
      dns_suffix          = "amazonaws.com"
      architecture        = "arm64"
      alarm_actions       = ["arn:aws:sns:eu-west-1:111122223333:ops"]
      deletion_protection = false
      iam                 = { path = "/ours/", permissions_boundary = "arn:aws:iam::111122223333:policy/boundary" }
      kms_key_arn         = "arn:aws:kms:eu-west-1:111122223333:key/ours"
      log_level           = "WARN"
      log_retention_days  = 90
      local_stack         = false
      tags                = { team = "platform", "cellstack:stack" = "ours" }
    })
    error_message = "Settings of the stack arrive as they were given, with the place that the credentials are for."
  }

  assert {
    condition = (
      module.settings.functions.router.memory == 512 && module.settings.functions.producer.memory == 384 &&
      module.settings.functions.consumer.timeout == 25 && module.settings.pipeline.max_tries == 7 &&
      module.settings.alarms.letters_standing == 48
    )
    error_message = "So do those of functions, pipeline and alarms."
  }

  assert {
    condition = alltrue([
      for statements in [module.router.statements, module.cell["alpha"].functions.producer.statements, module.cell["alpha"].functions.consumer.statements] :
      one([for statement in statements : statement.Resource if statement.Sid == "CustomerKey"]) == tolist(["arn:aws:kms:eu-west-1:111122223333:key/ours"])
    ])
    error_message = "The modules use them: each function has the stack's key."
  }

  assert {
    condition = (
      module.cell["alpha"].functions.consumer.environment.CELLSTACK_MAX_TRIES == "7" && !module.cell["alpha"].deletion_protection &&
      endswith(module.cell["alpha"].functions.producer.environment.CELLSTACK_TOPIC_ARN, ".fifo") &&
      module.control_plane.registry.name == "ours-registry" && output.router.function_name == "ours-router"
    )
    error_message = "And the cell has its pipeline, ordering and protection, and everybody the prefix."
  }
}

run "order_is_a_choice_of_the_root_and_of_each_cell" {
  command = plan

  variables {
    ordering = "tenant"
    cells    = { alpha = {}, beta = { ordering = "none" } }
  }

  assert {
    condition = { for id, cell in module.cell : id => cell.functions.producer.environment.CELLSTACK_TOPIC_ARN } == {
      alpha = "arn:aws:sns:eu-west-1:111122223333:cellstack-cell-alpha-events.fifo"
      beta  = "arn:aws:sns:eu-west-1:111122223333:cellstack-cell-beta-events"
    }
    error_message = "A cell's own word wins over the variable."
  }
}

run "cells_are_unordered_by_default" {
  command = plan

  assert {
    condition     = !anytrue([for cell in module.cell : endswith(cell.functions.producer.environment.CELLSTACK_TOPIC_ARN, ".fifo")])
    error_message = "Order has a price; nobody pays it unasked."
  }
}

run "no_prober_unless_asked_for" {
  command = plan

  assert {
    condition     = output.prober == null && !contains(keys(aws_s3_object.zip), "prober")
    error_message = "Nor its zip."
  }
}

run "a_prober_gets_its_settings_and_the_fleet_s" {
  command = plan

  variables {
    prober        = { schedule = "rate(5 minutes)", act = true, max_down = 50, failures = 2, successes = 4, probe_timeout = 20, timeout = 120, memory = 512 }
    cells         = { alpha = {}, beta = { kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/beta" } }
    alarm_actions = ["arn:aws:sns:eu-west-1:111122223333:ops"]
  }

  assert {
    condition = (
      output.prober.function_name == "cellstack-prober" &&
      module.prober[0].environment == tomap({
        CELLSTACK_STACK            = "cellstack"
        CELLSTACK_PROBE_ACT        = "on"
        CELLSTACK_PROBE_FAILURES   = "2"
        CELLSTACK_PROBE_SUCCESSES  = "4"
        CELLSTACK_PROBE_MAX_DOWN   = "50"
        CELLSTACK_PROBE_TIMEOUT_MS = "20000"
      })
    )
    error_message = "The variable reaches the function."
  }

  assert {
    condition = (
      one([for statement in module.prober[0].statements : statement.Resource if statement.Sid == "ReadTenantMap"]) == tolist([module.control_plane.tenant_map.arn]) &&
      one([for statement in module.prober[0].statements : statement.Resource if statement.Sid == "MarkCells"]) == tolist([module.control_plane.registry.arn]) &&
      one([for statement in module.prober[0].statements : statement.Resource if statement.Sid == "CustomerKey"]) == tolist(["arn:aws:kms:eu-west-1:111122223333:key/beta"])
    )
    error_message = "It reaches the control plane, and cells with keys of their own."
  }

  assert {
    condition     = aws_s3_object.zip["prober"].key == "cellstack/prober/${filesha256("tests/fixtures/lambda/arm64/prober/bootstrap.zip")}.zip"
    error_message = "Its code is uploaded like the others'."
  }
}

run "alarms_that_notify_are_named" {
  command = plan

  variables {
    first_sight = {}
    prober      = {}
  }

  assert {
    condition = jsonencode(output.alarms) == jsonencode({
      cells  = { for id in ["alpha", "beta"] : id => ["cellstack-cell-${id}-unhealthy", "cellstack-cell-${id}-letters-standing"] }
      router = ["cellstack-router-unhealthy", "cellstack-router-tenant-mismatch"]
      placer = [for name in ["errors", "failed", "late", "no-capacity"] : "cellstack-placer-${name}"]
      prober = ["cellstack-prober-unhealthy", "cellstack-prober-probe-failed"]
    })
    error_message = "Of every part of the stack, those that notify people and no others."
  }
}

run "without_placer_and_prober_they_have_no_alarms" {
  command = plan

  assert {
    condition     = length(output.alarms.placer) == 0 && length(output.alarms.prober) == 0
    error_message = "An empty list, which a loop takes as it is."
  }
}

run "a_prober_reaches_cells_as_the_router_does" {
  command = plan

  variables {
    prober                 = {}
    router_cell_access     = "list"
    remote_cell_table_arns = ["arn:aws:dynamodb:eu-west-1:444455556666:table/cellstack-cell-far"]
  }

  assert {
    condition = one([for statement in module.prober[0].statements : statement.Resource if statement.Sid == "ProbeListedCells"]) == tolist([
      "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha",
      "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-beta",
      "arn:aws:dynamodb:eu-west-1:444455556666:table/cellstack-cell-far",
    ])
    error_message = "Where tags count for nothing, each by its ARN."
  }
}

run "operators_reach_cells_as_the_router_does" {
  command = plan

  variables {
    operators              = ["arn:aws:iam::111122223333:role/platform"]
    router_cell_access     = "list"
    remote_cell_table_arns = ["arn:aws:dynamodb:eu-west-1:444455556666:table/cellstack-cell-far"]
  }

  assert {
    condition = [for statement in jsondecode(jsonencode(module.operator.statements)) : [statement.Sid, statement.Resource] if startswith(statement.Sid, "Write") && endswith(statement.Sid, "Cells")] == [
      ["WriteListedCells", [
        "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha",
        "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-beta",
        "arn:aws:dynamodb:eu-west-1:444455556666:table/cellstack-cell-far",
      ]],
    ]
    error_message = "Where tags count for nothing, each by its ARN."
  }
}

run "a_prober_takes_an_execution_of_the_account" {
  command = plan

  variables {
    prober = {}
  }

  assert {
    condition     = module.settings.reserved_executions == 2 * 30 + 100 + 1
    error_message = "It counts among the stack's reservations."
  }
}

run "code_is_named_by_its_content" {
  command = plan

  assert {
    condition = alltrue([
      for name, object in aws_s3_object.zip :
      object.key == "cellstack/${name}/${filesha256("tests/fixtures/lambda/arm64/${name}/bootstrap.zip")}.zip"
    ])
    error_message = "New code is a new object."
  }

  assert {
    condition = (
      aws_s3_bucket.artifacts[0].bucket == "cellstack-artifacts-111122223333-eu-west-1" && !aws_s3_bucket.artifacts[0].force_destroy &&
      aws_s3_bucket_public_access_block.artifacts[0].restrict_public_buckets &&
      jsondecode(aws_s3_bucket_policy.artifacts[0].policy).Statement[0].Condition == { Bool = { "aws:SecureTransport" = "false" } }
    )
    error_message = "The bucket is private, keeps what it holds and asks for TLS."
  }
}

run "a_given_bucket_is_used" {
  command = plan

  variables {
    artifact_bucket = "our-releases"
  }

  assert {
    condition     = length(aws_s3_bucket.artifacts) == 0 && output.artifact_bucket == "our-releases"
    error_message = "No second bucket is made."
  }
}

run "missing_code_is_said_before_anything_is_made" {
  command = plan

  variables {
    artifact_dir = "tests/fixtures/nothing"
  }

  expect_failures = [aws_s3_object.zip]
}

# The other architecture is another folder, so this is what a build for one's own machine leads to.
run "code_of_the_other_architecture_is_not_found" {
  command = plan

  variables {
    architecture = "x86_64"
  }

  expect_failures = [aws_s3_object.zip]
}

run "code_of_another_architecture_is_refused" {
  command = plan

  variables {
    artifact_dir = "tests/fixtures/other-architecture"
  }

  expect_failures = [aws_s3_object.zip]
}

run "a_zip_of_another_build_is_refused" {
  command = plan

  variables {
    artifact_dir = "tests/fixtures/other-build"
  }

  expect_failures = [aws_s3_object.zip["consumer"]]
}

run "zips_without_a_manifest_are_refused" {
  command = plan

  variables {
    artifact_dir = "tests/fixtures/no-manifest"
  }

  expect_failures = [aws_s3_object.zip]
}

run "one_policy_serves_any_number_of_cells" {
  command = plan

  variables {
    prefix              = "a-prefix-of-24-character"
    cells               = { for n in range(12) : "a-cell-id-of-20-c${100 + n}" => {} }
    account_concurrency = 10000
    kms_key_arn         = "arn:aws:kms:eu-west-1:111122223333:key/mrk-00000000000000000000000000000000"
    router_snapshot     = { bucket = join("", [for n in range(63) : "b"]) }
  }

  # IAM counts no white space, and jsonencode writes none.
  assert {
    condition     = length(jsonencode(module.router.statements)) < 2048
    error_message = "The router's policy does not grow with the cells (IAM takes 10,240 characters)."
  }
}

run "cells_may_have_keys_of_their_own" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/stack"
    cells       = { alpha = {}, beta = { kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/beta" } }
  }

  assert {
    condition = {
      for id, cell in module.cell : id => join(",", flatten([for statement in cell.functions.consumer.statements : statement.Resource if statement.Sid == "CustomerKey"]))
      } == {
      alpha = "arn:aws:kms:eu-west-1:111122223333:key/stack"
      beta  = "arn:aws:kms:eu-west-1:111122223333:key/beta"
    }
    error_message = "A cell's functions use its own key, and no other cell's."
  }

  assert {
    condition = flatten([for statement in module.router.statements : statement.Resource if statement.Sid == "CustomerKey"]) == [
      "arn:aws:kms:eu-west-1:111122223333:key/stack", "arn:aws:kms:eu-west-1:111122223333:key/beta",
    ]
    error_message = "The router reads and writes all of them."
  }
}

run "nothing_overrides_the_tag_that_access_goes_by" {
  command = plan

  variables {
    tags = { "cellstack:stack" = "another" }
  }

  assert {
    condition     = aws_s3_bucket.artifacts[0].tags["cellstack:stack"] == "cellstack"
    error_message = "The router reaches its cells by this tag."
  }
}

run "where_tags_count_for_nothing_tables_are_listed" {
  command = plan

  variables {
    router_cell_access     = "list"
    remote_cell_table_arns = ["arn:aws:dynamodb:eu-west-1:444455556666:table/cellstack-cell-far"]
  }

  assert {
    condition = flatten([for statement in module.router.statements : statement.Resource if startswith(statement.Sid, "Write")]) == [
      "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha",
      "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-beta",
      "arn:aws:dynamodb:eu-west-1:444455556666:table/cellstack-cell-far",
    ]
    error_message = "Each by its ARN."
  }
}

run "an_open_router_warns" {
  command = plan

  variables {
    router_auth_type = "NONE"
  }

  expect_failures = [check.router_asks_who_calls]
}

run "a_router_that_trusts_the_body_warns_too" {
  command = plan

  variables {
    router_auth_type = "NONE"
    tenant_source    = "body"
  }

  expect_failures = [check.router_asks_who_calls]
}

# A warning that comes without reason is one that nobody reads: this run fails if the check does.
run "a_router_that_verifies_tokens_does_not_warn" {
  command = plan

  variables {
    router_auth_type = "NONE"
    tenant_source    = "jwt"
    jwt = {
      issuer   = "https://id.example/"
      audience = ["cellstack"]
      keys     = "https://id.example/.well-known/jwks.json"
    }
  }

  assert {
    condition     = module.router.environment.CELLSTACK_JWT_HEADER == "authorization"
    error_message = "Without signatures the token stands where tokens stand."
  }
}

run "tokens_and_signatures_together" {
  command = plan

  variables {
    tenant_source = "jwt"
    jwt = {
      issuer    = "https://id.example/"
      audience  = ["cellstack"]
      algorithm = "ES256"
      header    = "x-cellstack-token"
      keys      = "https://id.example/.well-known/jwks.json"
    }
  }

  assert {
    condition     = module.router.environment.CELLSTACK_JWT_HEADER == "x-cellstack-token" && module.router.environment.CELLSTACK_JWT_ALGORITHM == "ES256"
    error_message = "The router gets what the root was given."
  }
}

run "no_snapshot_unless_asked_for" {
  command = plan

  assert {
    condition     = output.router_snapshot == null && !contains(keys(module.router.environment), "CELLSTACK_SNAPSHOT")
    error_message = "A router that may read a bucket it does not need may read too much."
  }
}

run "a_snapshot_lies_beside_the_code" {
  command = plan

  variables {
    router_snapshot = {}
  }

  assert {
    condition = (
      output.router_snapshot == "s3://cellstack-artifacts-111122223333-eu-west-1/cellstack/tenant-map.snapshot" &&
      module.router.environment.CELLSTACK_SNAPSHOT == output.router_snapshot
    )
    error_message = "{} is enough to have one."
  }
}

run "a_snapshot_in_a_bucket_of_ones_own" {
  command = plan

  variables {
    router_snapshot = { bucket = "our-snapshots", key = "prod/map" }
  }

  assert {
    condition     = output.router_snapshot == "s3://our-snapshots/prod/map"
    error_message = "Bucket and key are taken as they are."
  }
}

run "a_snapshot_follows_the_given_artifact_bucket" {
  command = plan

  variables {
    artifact_bucket = "our-releases"
    router_snapshot = {}
  }

  assert {
    condition     = output.router_snapshot == "s3://our-releases/cellstack/tenant-map.snapshot"
    error_message = "The bucket of the zips is the one that takes them."
  }
}

run "local_stack_is_for_the_account_of_an_emulator" {
  command = plan

  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "000000000000" }
  }

  variables {
    local_stack = true
  }

  assert {
    condition     = length(aws_s3_bucket_policy.artifacts) == 0
    error_message = "An emulator has no TLS to ask for."
  }
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
