mock_provider "aws" {
  override_during = plan
}

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
  artifact = {
    bucket           = "code"
    key              = "cellstack/router/abc.zip"
    source_code_hash = "abc="
  }
  tenant_map = {
    name = "cellstack-tenant-map"
    arn  = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-tenant-map"
  }
  registry = {
    name = "cellstack-registry"
    arn  = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry"
  }
}

run "reads_the_control_plane_and_writes_cells" {
  command = plan

  assert {
    condition = [for statement in jsondecode(jsonencode(output.statements)) : statement if statement.Sid != "OwnLogGroup"] == [
      {
        Sid      = "ReadTenantMap", Effect = "Allow", Action = ["dynamodb:GetItem"],
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-tenant-map"]
      },
      {
        Sid      = "ReadRegistry", Effect = "Allow", Action = ["dynamodb:Query"],
        Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-registry"]
      },
      {
        Sid       = "WriteCells", Effect = "Allow",
        Action    = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
        Resource  = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-*"]
        Condition = { StringEquals = { "aws:ResourceTag/cellstack:stack" = ["cellstack"] } }
      },
    ]
    error_message = "The router reads the map and the registry and writes tables with a cell's name and the stack's tag, nothing else."
  }

  assert {
    condition     = !contains(keys(output.environment), "CELLSTACK_PLACEMENT_REQUESTS_TABLE")
    error_message = "Placement on first sight is off."
  }

  # Said again as what must not be, so that a statement added later fails here.
  assert {
    condition = alltrue([
      for statement in output.statements : alltrue([
        for action in statement.Action : contains(["dynamodb:GetItem", "dynamodb:Query"], action)
      ])
      if length(setintersection(statement.Resource, [var.tenant_map.arn, var.registry.arn])) > 0
    ])
    error_message = "The router must not write the tenant map or the registry."
  }
}

run "requests_for_placement_are_all_it_may_write_of_the_control_plane" {
  command = plan

  variables {
    placement_requests = {
      name = "cellstack-placement-requests"
      arn  = "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-placement-requests"
    }
  }

  assert {
    condition = [for statement in jsondecode(jsonencode(output.statements)) : statement if contains(statement.Resource, var.placement_requests.arn)] == [{
      Sid      = "RequestPlacement", Effect = "Allow", Action = ["dynamodb:PutItem"],
      Resource = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-placement-requests"]
    }]
    error_message = "The router writes requests, and reads none."
  }

  assert {
    condition     = output.environment.CELLSTACK_PLACEMENT_REQUESTS_TABLE == "cellstack-placement-requests"
    error_message = "The table turns placement on first sight on."
  }
}

run "cells_elsewhere_are_listed_besides" {
  command = plan

  variables {
    cell_table_arns = ["arn:aws:dynamodb:eu-west-1:444455556666:table/cellstack-cell-far"]
  }

  assert {
    condition = [for statement in jsondecode(jsonencode(output.statements)) : [statement.Sid, statement.Resource, try(statement.Condition, null)] if startswith(statement.Sid, "Write")] == [
      ["WriteListedCells", ["arn:aws:dynamodb:eu-west-1:444455556666:table/cellstack-cell-far"], null],
      [
        "WriteCells", ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-*"],
        { StringEquals = { "aws:ResourceTag/cellstack:stack" = ["cellstack"] } },
      ],
    ]
    error_message = "Names of this account say nothing of another's."
  }
}

run "without_tags_in_policies_every_table_is_listed" {
  command = plan

  variables {
    cell_access     = "list"
    cell_table_arns = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha"]
  }

  assert {
    condition = [for statement in jsondecode(jsonencode(output.statements)) : statement.Resource if startswith(statement.Sid, "Write")] == [
      ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha"],
    ]
    error_message = "No wildcard without a condition."
  }
}

run "callers_reach_the_live_alias_and_sign" {
  command = plan

  variables {
    invokers = { orders = "arn:aws:iam::444455556666:role/orders" }
  }

  assert {
    condition     = aws_lambda_function_url.this.qualifier == "live" && aws_lambda_function_url.this.authorization_type == "AWS_IAM"
    error_message = "The URL belongs to the alias and asks for a signature."
  }

  assert {
    condition = (
      aws_lambda_permission.url["orders"].action == "lambda:InvokeFunctionUrl" &&
      aws_lambda_permission.url["orders"].function_url_auth_type == "AWS_IAM" &&
      aws_lambda_permission.invoke["orders"].action == "lambda:InvokeFunction" &&
      alltrue([
        for permission in [aws_lambda_permission.url["orders"], aws_lambda_permission.invoke["orders"]] :
        permission.principal == "arn:aws:iam::444455556666:role/orders" && permission.qualifier == "live"
      ])
    )
    error_message = "A named caller gets both permissions an IAM-signed call needs, on the alias."
  }

  assert {
    condition     = length(aws_lambda_permission.anyone) + length(aws_cloudformation_stack.anyone) == 0
    error_message = "Nobody else gets in."
  }
}

run "an_open_url_names_nobody_else" {
  command = plan

  variables {
    auth_type = "NONE"
    invokers  = { orders = "arn:aws:iam::444455556666:role/orders" }
  }

  assert {
    condition = (
      aws_lambda_permission.anyone[0].function_url_auth_type == "NONE" &&
      aws_lambda_permission.anyone[0].action == "lambda:InvokeFunctionUrl" &&
      length(aws_lambda_permission.url) + length(aws_lambda_permission.invoke) == 0
    )
    error_message = "The grant to everyone holds for a URL of type NONE only."
  }

  # Without the condition anyone could invoke the function past its URL.
  assert {
    condition = [for resource in values(jsondecode(aws_cloudformation_stack.anyone[0].template_body).Resources) : resource.Properties] == [{
      Action                = "lambda:InvokeFunction"
      FunctionName          = "cellstack-router:live"
      Principal             = "*"
      InvokedViaFunctionUrl = true
    }]
    error_message = "Everyone may invoke it through the URL, and in no other way."
  }
}

run "an_open_url_on_an_emulator_needs_no_second_grant" {
  command = plan

  variables {
    auth_type = "NONE"
    stack     = merge(var.stack, { local_stack = true })
  }

  assert {
    condition     = length(aws_cloudformation_stack.anyone) == 0
    error_message = "Emulators ask for the first half only."
  }
}

run "tells_its_code_where_things_are_and_no_more_than_asked" {
  command = plan

  assert {
    condition = output.environment == tomap({
      CELLSTACK_STACK            = "cellstack"
      CELLSTACK_TENANT_MAP_TABLE = "cellstack-tenant-map"
      CELLSTACK_REGISTRY_TABLE   = "cellstack-registry"
      CELLSTACK_TENANT_SOURCE    = "header"
      CELLSTACK_STANDBY          = "hold"
    })
    error_message = "Neither tokens nor snapshots unless they are asked for; standbys hold."
  }
}

run "tells_its_code_which_tokens_to_trust" {
  command = plan

  variables {
    tenant_source = "jwt"
    jwt = {
      issuer   = "https://id.example/"
      audience = ["cellstack", "orders"]
      header   = "x-cellstack-token"
      keys     = "https://id.example/.well-known/jwks.json"
    }
  }

  assert {
    condition = { for name, value in output.environment : name => value if startswith(name, "CELLSTACK_JWT") || name == "CELLSTACK_TENANT_SOURCE" } == {
      CELLSTACK_TENANT_SOURCE    = "jwt"
      CELLSTACK_JWT_ISSUER       = "https://id.example/"
      CELLSTACK_JWT_AUDIENCE     = "cellstack,orders"
      CELLSTACK_JWT_ALGORITHM    = "RS256"
      CELLSTACK_JWT_TENANT_CLAIM = "tenant_id"
      CELLSTACK_JWT_HEADER       = "x-cellstack-token"
      CELLSTACK_JWT_KEYS         = "https://id.example/.well-known/jwks.json"
    }
    error_message = "Issuer, audience, algorithm, claim, header and keys, with defaults for what most issuers do alike."
  }
}

run "takes_keys_inline_and_the_usual_header_without_signatures" {
  command = plan

  variables {
    tenant_source = "jwt"
    auth_type     = "NONE"
    jwt = {
      issuer   = "https://id.example/"
      audience = ["cellstack"]
      keys     = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"
    }
  }

  assert {
    condition     = output.environment.CELLSTACK_JWT_KEYS == var.jwt.keys && output.environment.CELLSTACK_JWT_HEADER == "authorization"
    error_message = "A key set as text is passed on as it is."
  }
}

run "reads_one_snapshot_and_no_other_object" {
  command = plan

  variables {
    snapshot = { bucket = "code", key = "cellstack/tenant-map.snapshot" }
  }

  assert {
    condition = [for statement in jsondecode(jsonencode(output.statements)) : statement if anytrue([for action in statement.Action : startswith(action, "s3:")])] == [
      {
        Sid      = "ReadSnapshot", Effect = "Allow", Action = ["s3:GetObject"],
        Resource = ["arn:aws:s3:::code/cellstack/tenant-map.snapshot"]
      },
    ]
    error_message = "One action on one object."
  }

  assert {
    condition     = output.environment.CELLSTACK_SNAPSHOT == "s3://code/cellstack/tenant-map.snapshot"
    error_message = "The code is told where the snapshot is."
  }
}

run "a_standby_processes_if_told_so" {
  command = plan

  variables {
    standby = "process"
  }

  assert {
    condition     = output.environment.CELLSTACK_STANDBY == "process"
    error_message = "The code is told."
  }
}

run "browsers_may_not_unless_asked_for" {
  command = plan

  assert {
    condition     = length(aws_lambda_function_url.this.cors) == 0
    error_message = "No page of another origin calls the router."
  }
}

run "browsers_of_an_origin_may" {
  command = plan

  variables {
    cors = { allow_origins = ["https://app.example"] }
  }

  assert {
    condition = (
      one(aws_lambda_function_url.this.cors).allow_origins == toset(["https://app.example"]) &&
      one(aws_lambda_function_url.this.cors).allow_methods == toset(["GET", "POST"]) &&
      one(aws_lambda_function_url.this.cors).allow_headers == toset(["authorization", "content-type", "idempotency-key"]) &&
      one(aws_lambda_function_url.this.cors).expose_headers == toset(["location", "retry-after", "x-cell-id", "x-request-id"]) &&
      one(aws_lambda_function_url.this.cors).max_age == 3600 && one(aws_lambda_function_url.this.cors).allow_credentials != true
    )
    error_message = "What a page needs to send an event and to follow it, for an hour; no cookies."
  }
}

run "an_organization_bounds_every_caller" {
  command = plan

  variables {
    org_id   = "o-a1b2c3d4e5"
    invokers = { orders = "arn:aws:iam::444455556666:role/orders", everybody = "*" }
  }

  assert {
    condition = alltrue([
      for permission in concat(values(aws_lambda_permission.url), values(aws_lambda_permission.invoke)) : permission.principal_org_id == "o-a1b2c3d4e5"
    ]) && length(aws_lambda_permission.url) == 2 && length(aws_lambda_permission.invoke) == 2
    error_message = "Both halves of each grant hold within the organization only."
  }
}

run "rings_for_every_sign_of_trouble" {
  command = plan

  variables {
    stack = merge(var.stack, { alarm_actions = ["arn:aws:sns:eu-west-1:111122223333:ops"] })
  }

  assert {
    condition = { for alarm in values(aws_cloudwatch_metric_alarm.counted) : alarm.metric_name => alarm.alarm_name } == {
      TenantMismatch = "cellstack-router-tenant-mismatch"
      BreakerOpened  = "cellstack-router-breaker-opened"
      FenceRefused   = "cellstack-router-fence-refused"
      MapFailed      = "cellstack-router-map-failed"
      StaleServed    = "cellstack-router-stale-served"
    }
    error_message = "An alarm for each thing the router counts that somebody must know of."
  }

  assert {
    condition = alltrue([
      for alarm in values(aws_cloudwatch_metric_alarm.counted) :
      alarm.namespace == "Cellstack" && alarm.dimensions == tomap({ service = "router", stack = "cellstack" }) && alarm.statistic == "Sum" &&
      alarm.threshold == 0 && alarm.treat_missing_data == "notBreaching"
    ])
    error_message = "Of this stack's router only, and silence is well."
  }

  assert {
    condition = { for alarm in values(aws_cloudwatch_metric_alarm.lambda) : alarm.metric_name => [alarm.statistic, alarm.threshold] } == {
      Url5xxCount          = ["Sum", 0]
      Throttles            = ["Sum", 0]
      ConcurrentExecutions = ["Maximum", 80]
    }
    error_message = "Callers that are turned away, and that soon will be: 80 of the 100 executions it may have."
  }
}

run "tells_people_once" {
  command = plan

  variables {
    stack = merge(var.stack, { alarm_actions = ["arn:aws:sns:eu-west-1:111122223333:ops"] })
  }

  assert {
    condition = [
      for alarm in concat(values(aws_cloudwatch_metric_alarm.counted), values(aws_cloudwatch_metric_alarm.lambda)) :
      alarm.alarm_name if try(length(alarm.alarm_actions), 0) > 0
    ] == ["cellstack-router-tenant-mismatch"]
    error_message = "Somebody's false name is no illness; all other alarms speak through one."
  }

  assert {
    condition = aws_cloudwatch_composite_alarm.unhealthy.alarm_rule == join(" OR ", [
      for name in ["breaker-opened", "concurrency", "errors", "fence-refused", "map-failed", "stale-served", "throttles"] :
      "ALARM(\"cellstack-router-${name}\")"
    ]) && aws_cloudwatch_composite_alarm.unhealthy.alarm_actions == toset(["arn:aws:sns:eu-west-1:111122223333:ops"])
    error_message = "The router is unhealthy if any of them is on."
  }

  assert {
    condition     = output.alarms == ["cellstack-router-unhealthy", "cellstack-router-tenant-mismatch"]
    error_message = "The two that notify are the alarms that the router names."
  }
}

run "a_router_without_a_reservation_is_held_against_the_account" {
  command = plan

  variables {
    settings            = { reserved_concurrency = -1 }
    account_concurrency = 3000
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.lambda["concurrency"].threshold == 2400
    error_message = "80 % of what the account has."
  }
}

run "refuses_a_timeout_below_its_own_calls" {
  command = plan
  variables {
    settings = { timeout = 3 }
  }
  expect_failures = [var.settings]
}

# C7: what a tenant's move waits for.
run "refuses_a_timeout_above_the_longest_write" {
  command = plan
  variables {
    settings = { timeout = 11 }
  }
  expect_failures = [var.settings]
}

run "refuses_an_unknown_standby" {
  command = plan
  variables {
    standby = "serve"
  }
  expect_failures = [var.standby]
}

run "refuses_an_unknown_access_to_cells" {
  command = plan
  variables {
    cell_access = "all"
  }
  expect_failures = [var.cell_access]
}

run "refuses_an_empty_list_of_cells" {
  command = plan
  variables {
    cell_access = "list"
  }
  expect_failures = [var.cell_table_arns]
}

run "refuses_cors_for_nobody" {
  command = plan
  variables {
    cors = { allow_origins = [] }
  }
  expect_failures = [var.cors]
}

run "refuses_an_origin_with_a_path" {
  command = plan
  variables {
    cors = { allow_origins = ["https://app.example/orders"] }
  }
  expect_failures = [var.cors]
}

run "refuses_methods_the_router_does_not_serve" {
  command = plan
  variables {
    cors = { allow_origins = ["*"], allow_methods = ["DELETE"] }
  }
  expect_failures = [var.cors]
}

run "refuses_headers_that_are_none" {
  command = plan
  variables {
    cors = { allow_origins = ["*"], allow_headers = ["X Token"] }
  }
  expect_failures = [var.cors]
}

run "refuses_to_be_remembered_for_weeks" {
  command = plan
  variables {
    cors = { allow_origins = ["*"], max_age = 1209600 }
  }
  expect_failures = [var.cors]
}

run "refuses_an_organization_by_name" {
  command = plan
  variables {
    org_id = "example"
  }
  expect_failures = [var.org_id]
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
    snapshot = { bucket = "Our_Bucket", key = "snapshot" }
  }
  expect_failures = [var.snapshot]
}

run "refuses_many_snapshots" {
  command = plan
  variables {
    snapshot = { bucket = "code", key = "cellstack/*" }
  }
  expect_failures = [var.snapshot]
}

run "refuses_a_tenant_map_without_arn" {
  command = plan
  variables {
    tenant_map = { name = "cellstack-tenant-map", arn = "cellstack-tenant-map" }
  }
  expect_failures = [var.tenant_map]
}

run "refuses_a_registry_without_arn" {
  command = plan
  variables {
    registry = { name = "cellstack-registry", arn = "cellstack-registry" }
  }
  expect_failures = [var.registry]
}

run "refuses_wildcard_tables" {
  command = plan
  variables {
    cell_table_arns = ["arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-*"]
  }
  expect_failures = [var.cell_table_arns]
}

run "refuses_an_unknown_auth_type" {
  command = plan
  variables {
    auth_type = "OPEN"
  }
  expect_failures = [var.auth_type]
}

run "refuses_everyone_as_invoker" {
  command = plan
  variables {
    invokers = { all = "*" }
  }
  expect_failures = [var.invokers]
}

