# Requests that WAF refuses at the edge, before they cost an invocation. The rules run in the order of their priority, and the first
# that blocks a request responds to it.

resource "aws_wafv2_web_acl" "router" {
  provider = aws.us_east_1

  name        = "${var.prefix}-router"
  description = "Limits for each tenant and each address, and for what a request may be."
  scope       = "CLOUDFRONT"

  default_action {
    allow {}
  }

  # WAF sees no more of a body than this. It sees 16 KB without further charge, and 64 KB at most
  # (https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-setting-body-inspection-limit.html).
  association_config {
    request_body {
      cloudfront {
        default_size_inspection_limit = "KB_${ceil(var.body_limit / 16384) * 16}"
      }
    }
  }

  rule {
    name     = "body-size"
    priority = 0

    action {
      block {
        custom_response {
          response_code = 413
        }
      }
    }

    statement {
      size_constraint_statement {
        comparison_operator = "GT"
        size                = var.body_limit

        # A body that is longer than WAF can see is longer than the limit.
        field_to_match {
          body {
            oversize_handling = "MATCH"
          }
        }

        text_transformation {
          priority = 0
          type     = "NONE"
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "body-size"
      sampled_requests_enabled   = false
    }
  }

  # A rate rule does not count requests that lack its key, so a caller could leave the header out: it is asked for. The
  # router compares it with the token and returns 403 if they differ.
  rule {
    name     = "tenant-named"
    priority = 1

    action {
      block {
        custom_response {
          response_code = 400
        }
      }
    }

    statement {
      and_statement {
        statement {
          not_statement {
            statement {
              size_constraint_statement {
                comparison_operator = "GT"
                size                = 0

                field_to_match {
                  single_header {
                    name = local.tenant_header
                  }
                }

                text_transformation {
                  priority = 0
                  type     = "NONE"
                }
              }
            }
          }
        }

        statement {
          not_statement {
            statement {
              byte_match_statement {
                positional_constraint = "EXACTLY"
                search_string         = "/health"

                field_to_match {
                  uri_path {}
                }

                text_transformation {
                  priority = 0
                  type     = "NONE"
                }
              }
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "tenant-named"
      sampled_requests_enabled   = false
    }
  }

  rule {
    name     = "tenant-rate"
    priority = 2

    action {
      block {
        custom_response {
          response_code = 429

          response_header {
            name  = "retry-after"
            value = "60"
          }
        }
      }
    }

    statement {
      rate_based_statement {
        aggregate_key_type    = "CUSTOM_KEYS"
        evaluation_window_sec = 60
        limit                 = var.tenant_rate

        custom_key {
          header {
            name = local.tenant_header

            text_transformation {
              priority = 0
              type     = "NONE"
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "tenant-rate"
      sampled_requests_enabled   = false
    }
  }

  # For who makes up a new tenant with each request.
  rule {
    name     = "address-rate"
    priority = 3

    action {
      block {
        custom_response {
          response_code = 429

          response_header {
            name  = "retry-after"
            value = "60"
          }
        }
      }
    }

    statement {
      rate_based_statement {
        aggregate_key_type    = "IP"
        evaluation_window_sec = 60
        limit                 = var.address_rate
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "address-rate"
      sampled_requests_enabled   = false
    }
  }

  rule {
    name     = "known-bad-inputs"
    priority = 4

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        vendor_name = "AWS"
        name        = "AWSManagedRulesKnownBadInputsRuleSet"
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "known-bad-inputs"
      sampled_requests_enabled   = false
    }
  }

  rule {
    name     = "common"
    priority = 5

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        vendor_name = "AWS"
        name        = "AWSManagedRulesCommonRuleSet"

        # Counted, not blocked. An event's data may be any JSON, also text about markup or paths, and longer than the 8 KB
        # of this set; and programs need not name themselves.
        dynamic "rule_action_override" {
          for_each = [
            "SizeRestrictions_BODY", "CrossSiteScripting_BODY", "GenericLFI_BODY", "GenericRFI_BODY", "EC2MetaDataSSRF_BODY",
            "NoUserAgent_HEADER",
          ]

          content {
            name = rule_action_override.value

            action_to_use {
              count {}
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "common"
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = "${var.prefix}-router"
    sampled_requests_enabled   = false
  }
}

resource "aws_cloudwatch_log_group" "waf" {
  #checkov:skip=CKV_AWS_158:It holds refused requests without their bodies and tokens, under AWS's own key; name yours in kms_key_id if you have one in us-east-1.
  #checkov:skip=CKV_AWS_338:Logs name tenants and are kept for a limited time.
  provider = aws.us_east_1

  # WAF writes to names that begin so, and to no others.
  name              = "aws-waf-logs-${var.prefix}-router"
  retention_in_days = 30
}

resource "aws_wafv2_web_acl_logging_configuration" "router" {
  provider = aws.us_east_1

  resource_arn            = aws_wafv2_web_acl.router.arn
  log_destination_configs = [aws_cloudwatch_log_group.waf.arn]

  dynamic "redacted_fields" {
    for_each = [local.token_header, "authorization"]

    content {
      single_header {
        name = redacted_fields.value
      }
    }
  }

  logging_filter {
    default_behavior = "DROP"

    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"

      condition {
        action_condition {
          action = "BLOCK"
        }
      }
    }
  }
}
