# Code goes through S3: the provider uploads zips given by `filename` one after the other, and every cell runs the same ones.

locals {
  # A folder per architecture, so that a build for this machine does not overwrite zips for AWS.
  artifact_dir = "${coalesce(var.artifact_dir, "${path.module}/../target/lambda")}/${local.stack.architecture}"
  functions    = concat(["router", "producer", "consumer"], [for on in var.first_sight[*] : "placer"], [for on in var.prober[*] : "prober"])
  zips         = { for name in local.functions : name => "${local.artifact_dir}/${name}/bootstrap.zip" }
  # An absent zip has a hash too, so that the precondition below can explain it.
  sha256 = { for name, zip in local.zips : name => fileexists(zip) ? filesha256(zip) : "absent" }

  # Written by the build, which reads each zip: Lambda accepts code of any architecture, and fails at each start if it is wrong.
  manifest_file = "${local.artifact_dir}/manifest.json"
  manifest      = try(jsondecode(file(local.manifest_file)), null)
  build         = "`make build ARCH=${local.stack.architecture}` makes both"

  bucket_name = "${local.stack.prefix}-artifacts-${local.stack.account}-${local.stack.region}"
  bucket_arn  = "arn:${local.stack.partition}:s3:::${local.bucket_name}"

  artifacts = {
    for name, object in aws_s3_object.zip : name => {
      bucket           = object.bucket
      key              = object.key
      source_code_hash = fileexists(local.zips[name]) ? filebase64sha256(local.zips[name]) : "absent"
    }
  }
}

resource "aws_s3_bucket" "artifacts" {
  #checkov:skip=CKV_AWS_18:Only Terraform, Lambda and the router read it, and CloudTrail records changes; an access log needs a bucket of its own.
  #checkov:skip=CKV_AWS_21:Code is named by its content and never overwritten; a snapshot of the tenant map is useful only while it is new.
  #checkov:skip=CKV_AWS_144:Its content is rebuilt from source; a cell in another Region is a stack of its own.
  #checkov:skip=CKV2_AWS_61:Terraform deletes an object that no function runs; nothing is left to expire.
  #checkov:skip=CKV2_AWS_62:Terraform rolls out new code; nothing waits for it.
  count = var.artifact_bucket == null ? 1 : 0

  bucket        = local.bucket_name
  force_destroy = !local.stack.deletion_protection
  tags          = local.stack.tags
}

resource "aws_s3_bucket_public_access_block" "artifacts" {
  count = length(aws_s3_bucket.artifacts)

  bucket                  = aws_s3_bucket.artifacts[count.index].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "artifacts" {
  count = length(aws_s3_bucket.artifacts)

  bucket = aws_s3_bucket.artifacts[count.index].id

  rule {
    bucket_key_enabled = local.stack.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = local.stack.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = local.stack.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_policy" "artifacts" {
  count = local.stack.local_stack ? 0 : length(aws_s3_bucket.artifacts)

  bucket = aws_s3_bucket.artifacts[count.index].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  # S3 lets only one of these be written at a time.
  depends_on = [aws_s3_bucket_public_access_block.artifacts]
}

# Named by content: a running zip is never overwritten, and new code is a new object for Lambda to fetch.
resource "aws_s3_object" "zip" {
  for_each = local.zips

  bucket      = var.artifact_bucket != null ? var.artifact_bucket : aws_s3_bucket.artifacts[0].id
  key         = "${local.stack.prefix}/${each.key}/${local.sha256[each.key]}.zip"
  source      = each.value
  source_hash = local.sha256[each.key]

  depends_on = [aws_s3_bucket_server_side_encryption_configuration.artifacts]

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = local.sha256[each.key] != "absent"
      error_message = "${each.value} does not exist. ${local.build}, it and its manifest; artifact_dir names another directory, architecture another build."
    }

    precondition {
      condition     = local.sha256[each.key] == "absent" || local.manifest != null
      error_message = "${local.manifest_file} does not exist or is not JSON: the architecture of the zips next to it is unknown. ${local.build} anew."
    }

    precondition {
      condition     = try(local.manifest.architecture == local.stack.architecture, true)
      error_message = "${each.value} was built for ${try(local.manifest.architecture, "?")}, and the functions are ${local.stack.architecture}: they would fail at each start. ${local.build}, zips and manifest; or set architecture."
    }

    precondition {
      condition     = local.sha256[each.key] == "absent" || local.manifest == null || try(local.manifest.zips[each.key].sha256 == local.sha256[each.key], false)
      error_message = "${each.value} is not the zip that its manifest describes: one of them is from another build. ${local.build} anew."
    }
  }
}
