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

  mock_resource "aws_dynamodb_table" {
    defaults = {
      arn        = "arn:aws:dynamodb:eu-west-1:111122223333:table/mocked"
      stream_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/mocked/stream/2026-01-01T00:00:00.000"
    }
  }

  mock_resource "aws_lambda_function_url" {
    defaults = { function_url = "https://abcdefgh.lambda-url.eu-west-1.on.aws/" }
  }

  mock_resource "aws_cloudfront_distribution" {
    defaults = {
      arn         = "arn:aws:cloudfront::111122223333:distribution/EDFDVBD6EXAMPLE"
      domain_name = "d111111abcdef8.cloudfront.net"
    }
  }

  mock_resource "aws_cloudfront_origin_access_control" {
    defaults = { id = "E327GJI25M56DG" }
  }
}

mock_provider "aws" {
  alias           = "us_east_1"
  override_during = plan

  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/cellstack-router/a1b2c3d4-5678-90ab-cdef-111122223333" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:aws-waf-logs-cellstack-router" }
  }
}

variables {
  artifact_dir = "../../tests/fixtures/lambda"
  jwt = {
    issuer   = "https://id.example/"
    audience = ["cellstack"]
    keys     = "https://id.example/.well-known/jwks.json"
  }
}

run "the_url_takes_calls_of_this_distribution_only" {
  command = plan

  assert {
    condition = { for permission in values(aws_lambda_permission.cloudfront) : permission.action => [permission.principal, permission.source_arn, permission.qualifier] } == {
      "lambda:InvokeFunctionUrl" = ["cloudfront.amazonaws.com", aws_cloudfront_distribution.router.arn, "live"]
      "lambda:InvokeFunction"    = ["cloudfront.amazonaws.com", aws_cloudfront_distribution.router.arn, "live"]
    }
    error_message = "Both permissions, for one distribution, on the alias of the URL."
  }

  assert {
    condition = (
      aws_cloudfront_origin_access_control.router.origin_access_control_origin_type == "lambda" &&
      aws_cloudfront_origin_access_control.router.signing_behavior == "always" &&
      one(aws_cloudfront_distribution.router.origin).origin_access_control_id == aws_cloudfront_origin_access_control.router.id &&
      one(aws_cloudfront_distribution.router.origin).domain_name == "abcdefgh.lambda-url.eu-west-1.on.aws"
    )
    error_message = "Every request to the function URL is signed."
  }
}

run "requests_pass_whole_and_responses_are_not_kept" {
  command = plan

  assert {
    condition = (
      aws_cloudfront_distribution.router.default_cache_behavior[0].cache_policy_id == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" &&
      aws_cloudfront_distribution.router.default_cache_behavior[0].origin_request_policy_id == "b689b0a8-53d0-40ab-baf2-68738e2966ac" &&
      aws_cloudfront_distribution.router.default_cache_behavior[0].viewer_protocol_policy == "https-only"
    )
    error_message = "A tenant's response in a cache would be anybody's, and with another host the function URL refuses."
  }
}

run "tenants_are_limited_one_by_one" {
  command = plan

  assert {
    condition = [
      for rule in aws_wafv2_web_acl.router.rule : [
        rule.statement[0].rate_based_statement[0].aggregate_key_type,
        rule.statement[0].rate_based_statement[0].custom_key[0].header[0].name,
        rule.statement[0].rate_based_statement[0].limit,
      ] if rule.name == "tenant-rate"
    ] == [["CUSTOM_KEYS", "x-tenant-id", 6000]]
    error_message = "One tenant's flood is that tenant's."
  }

  # Without the header nothing is counted.
  assert {
    condition = (
      one([for rule in aws_wafv2_web_acl.router.rule : rule.priority if rule.name == "tenant-named"]) <
      one([for rule in aws_wafv2_web_acl.router.rule : rule.priority if rule.name == "tenant-rate"])
    )
    error_message = "Whoever leaves the header out is refused before."
  }

  assert {
    condition     = aws_wafv2_web_acl.router.scope == "CLOUDFRONT" && aws_cloudfront_distribution.router.web_acl_id == aws_wafv2_web_acl.router.arn
    error_message = "The guard stands before the distribution."
  }
}

run "waf_sees_as_much_of_a_body_as_is_let_through" {
  command = plan

  variables {
    body_limit = 20000
  }

  assert {
    condition     = aws_wafv2_web_acl.router.association_config[0].request_body[0].cloudfront[0].default_size_inspection_limit == "KB_32"
    error_message = "In steps of 16 KB."
  }

  assert {
    condition = [
      for rule in aws_wafv2_web_acl.router.rule : [
        rule.statement[0].size_constraint_statement[0].size,
        rule.statement[0].size_constraint_statement[0].field_to_match[0].body[0].oversize_handling,
      ] if rule.name == "body-size"
    ] == [[20000, "MATCH"]]
    error_message = "What WAF cannot see to its end is too long."
  }
}

run "logs_hold_no_tokens" {
  command = plan

  assert {
    condition = toset([
      for field in aws_wafv2_web_acl_logging_configuration.router.redacted_fields : field.single_header[0].name
    ]) == toset(["x-cellstack-token", "authorization"])
    error_message = "Who reads the log must not be able to call as those in it."
  }
}

run "refuses_a_bad_prefix" {
  command = plan
  variables {
    prefix = "1stack"
  }
  expect_failures = [var.prefix]
}

run "refuses_an_empty_artifact_dir" {
  command = plan
  variables {
    artifact_dir = ""
  }
  expect_failures = [var.artifact_dir]
}

run "refuses_tokens_for_nobody" {
  command = plan
  variables {
    jwt = { issuer = "https://id.example/", audience = [], keys = "https://id.example/jwks.json" }
  }
  expect_failures = [var.jwt]
}

run "refuses_a_tenant_rate_that_waf_cannot_count" {
  command = plan
  variables {
    tenant_rate = 5
  }
  expect_failures = [var.tenant_rate]
}

run "refuses_an_address_rate_that_waf_cannot_count" {
  command = plan
  variables {
    address_rate = 10.5
  }
  expect_failures = [var.address_rate]
}

run "refuses_a_body_limit_past_what_waf_sees" {
  command = plan
  variables {
    body_limit = 229376
  }
  expect_failures = [var.body_limit]
}
