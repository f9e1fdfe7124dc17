# The router behind CloudFront and WAF: one public name, limits for each tenant and each address at the edge, and a function
# URL that takes calls from this distribution and from nobody else.
#
# CloudFront signs the requests that it forwards, so a signature no longer identifies the caller: a token does (tenant_source jwt),
# in a header of its own, since CloudFront's signature replaces `authorization`. Lambda takes no unsigned bodies, so a POST has to
# bring the SHA-256 of its body in `x-amz-content-sha256`
# (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-lambda.html).

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 6.0"
    }
  }
}

# WAF rules of a distribution belong to us-east-1, independent of the stack's Region.
provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"
}

locals {
  tenant_header = "x-tenant-id"
  token_header  = "x-cellstack-token"

  # CloudFront's managed policies have the same ids in every account. All headers are sent on but the host: the function URL
  # wants its own.
  caching_disabled              = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  all_viewer_except_host_header = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
}

module "cellstack" {
  source = "../.."

  prefix           = var.prefix
  artifact_dir     = var.artifact_dir
  router_auth_type = "AWS_IAM"
  tenant_source    = "jwt"
  jwt              = merge(var.jwt, { header = local.token_header })

  cells = {
    alpha = {}
    beta  = {}
  }
}

resource "aws_cloudfront_origin_access_control" "router" {
  name                              = "${var.prefix}-router"
  description                       = "Signs every request to the router's function URL."
  origin_access_control_origin_type = "lambda"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_distribution" "router" {
  #checkov:skip=CKV_AWS_86:WAF logs what it refuses, and the router every request it serves; access logs would need a bucket of their own.
  #checkov:skip=CKV_AWS_174:The certificate of cloudfront.net allows no choice. With a name and certificate of your own, set TLSv1.2_2021.
  #checkov:skip=CKV2_AWS_42:The same: a certificate of your own needs a name of your own.
  #checkov:skip=CKV_AWS_305:An API has no page to show at its root.
  #checkov:skip=CKV_AWS_310:There is one router. What it falls back to is inside the stack.
  #checkov:skip=CKV_AWS_374:Where callers sit says nothing about whether they may call; their token does.
  #checkov:skip=CKV2_AWS_47:It wants AWS's list of anonymous addresses too, which holds hosting providers: where callers of an API run. The rules against Log4j are there.
  #checkov:skip=CKV2_AWS_32:Responses are JSON for programs; no browser renders them.
  comment         = "Callers of ${var.prefix}."
  enabled         = true
  is_ipv6_enabled = true
  price_class     = "PriceClass_100"
  web_acl_id      = aws_wafv2_web_acl.router.arn

  origin {
    origin_id                = "router"
    domain_name              = trimsuffix(trimprefix(module.cellstack.router_url, "https://"), "/")
    origin_access_control_id = aws_cloudfront_origin_access_control.router.id

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
    }
  }

  default_cache_behavior {
    target_origin_id         = "router"
    allowed_methods          = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    cached_methods           = ["GET", "HEAD"]
    viewer_protocol_policy   = "https-only"
    cache_policy_id          = local.caching_disabled
    origin_request_policy_id = local.all_viewer_except_host_header
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = true
  }
}

# New function URLs ask for both (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html).
resource "aws_lambda_permission" "cloudfront" {
  for_each = {
    url    = "lambda:InvokeFunctionUrl"
    invoke = "lambda:InvokeFunction"
  }

  statement_id  = "cloudfront-${each.key}"
  action        = each.value
  function_name = module.cellstack.router.function_name
  qualifier     = module.cellstack.router.alias
  principal     = "cloudfront.amazonaws.com"
  source_arn    = aws_cloudfront_distribution.router.arn
}
