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
}

variables {
  prefix = "cellstack"
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
  cell_table_arns = [
    "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha",
    "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-beta",
  ]
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
        Sid    = "WriteCells", Effect = "Allow",
        Action = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
        Resource = [
          "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-alpha",
          "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-beta",
        ]
      },
    ]
    error_message = "The router reads the map and the registry and writes the cells it is told of, nothing else."
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
    auth_type   = "NONE"
    local_stack = true
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
    })
    error_message = "Neither tokens nor snapshots unless they are asked for."
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

run "rings_when_a_tenant_is_claimed_or_a_cell_fails" {
  command = plan

  variables {
    alarm_actions = ["arn:aws:sns:eu-west-1:111122223333:ops"]
  }

  assert {
    condition = { for alarm in values(aws_cloudwatch_metric_alarm.counted) : alarm.metric_name => alarm.alarm_name } == {
      TenantMismatch = "cellstack-router-tenant-mismatch"
      BreakerOpened  = "cellstack-router-breaker-opened"
    }
    error_message = "An alarm for each."
  }

  assert {
    condition = alltrue([
      for alarm in values(aws_cloudwatch_metric_alarm.counted) :
      alarm.namespace == "Cellstack" && alarm.dimensions == tomap({ service = "router", stack = "cellstack" }) && alarm.statistic == "Sum" &&
      alarm.threshold == 0 && alarm.treat_missing_data == "notBreaching" && alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:111122223333:ops"])
    ])
    error_message = "The first one counts, of this stack's router only."
  }
}

run "refuses_a_bad_prefix" {
  command = plan
  variables {
    prefix = "c"
  }
  expect_failures = [var.prefix]
}

run "refuses_an_artifact_without_key" {
  command = plan
  variables {
    artifact = { bucket = "code", key = "", source_code_hash = "abc=" }
  }
  expect_failures = [var.artifact]
}

run "refuses_an_unknown_architecture" {
  command = plan
  variables {
    architecture = "amd64"
  }
  expect_failures = [var.architecture]
}

run "refuses_a_timeout_below_its_own_calls" {
  command = plan
  variables {
    settings = { timeout = 3 }
  }
  expect_failures = [var.settings]
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

run "refuses_more_cells_than_the_policy_holds" {
  command = plan
  variables {
    cell_table_arns = [for n in range(81) : "arn:aws:dynamodb:eu-west-1:111122223333:table/cellstack-cell-${n}"]
  }
  expect_failures = [var.cell_table_arns]
}

run "the_policy_of_the_most_and_longest_fits" {
  command = plan

  variables {
    kms_key_arn = "arn:aws-us-gov:kms:us-gov-east-1:111122223333:key/mrk-00000000000000000000000000000000"
    snapshot    = { bucket = join("", [for n in range(63) : "b"]), key = "a-prefix-of-24-characters/tenant-map.snapshot" }
    cell_table_arns = [
      for n in range(80) : "arn:aws-us-gov:dynamodb:us-gov-east-1:111122223333:table/a-prefix-of-24-characters-cell-a-cell-id-of-20-ch-${10 + n}"
    ]
  }

  # IAM counts no white space, and jsonencode writes none.
  assert {
    condition     = length(jsonencode(output.statements)) < 10240
    error_message = "The inline policies of a role may have 10,240 characters together."
  }
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

run "refuses_alarm_actions_that_are_no_arns" {
  command = plan
  variables {
    alarm_actions = ["ops@example.com"]
  }
  expect_failures = [var.alarm_actions]
}

run "refuses_too_many_tags" {
  command = plan
  variables {
    tags = { for n in range(46) : "tag${n}" => "x" }
  }
  expect_failures = [var.tags]
}
