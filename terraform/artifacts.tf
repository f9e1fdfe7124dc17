# Code goes through S3: the provider uploads zips given by `filename` one after the other, and every cell runs the same ones.

locals {
  # A folder for each architecture, so that a build for this machine does not overwrite what is meant for AWS.
  artifact_dir = "${coalesce(var.artifact_dir, "${path.module}/../target/lambda")}/${var.architecture}"
  zips         = { for name in ["router", "producer", "consumer"] : name => "${local.artifact_dir}/${name}/bootstrap.zip" }
  # An absent zip has a hash too, so that the precondition below gets to say what to do about it.
  sha256 = { for name, zip in local.zips : name => fileexists(zip) ? filesha256(zip) : "absent" }

  # Written by the build, which looks into each zip: Lambda takes code of any architecture for any, and fails at each start.
  manifest_file = "${local.artifact_dir}/manifest.json"
  manifest      = try(jsondecode(file(local.manifest_file)), null)
  build         = "`make build ARCH=${var.architecture}` makes both"

  bucket_name = "${var.prefix}-artifacts-${local.context.account}-${local.context.region}"
  bucket_arn  = "arn:${local.context.partition}:s3:::${local.bucket_name}"

  artifacts = {
    for name, object in aws_s3_object.zip : name => {
      bucket           = object.bucket
      key              = object.key
      source_code_hash = fileexists(local.zips[name]) ? filebase64sha256(local.zips[name]) : "absent"
    }
  }
}

resource "aws_s3_bucket" "artifacts" {
  #checkov:skip=CKV_AWS_18:Only Terraform, Lambda and the router read it, and CloudTrail records who changed it; an access log needs a bucket of its own.
  #checkov:skip=CKV_AWS_21:Code is named by its content and never overwritten; a snapshot of the tenant map is of use only while it is new.
  #checkov:skip=CKV_AWS_144:What it holds is rebuilt from source; a cell in another region is a stack of its own.
  #checkov:skip=CKV2_AWS_61:Terraform deletes an object when no function runs it any more; nothing is left to expire.
  #checkov:skip=CKV2_AWS_62:Nothing waits for new code; Terraform rolls it out.
  count = var.artifact_bucket == null ? 1 : 0

  bucket        = local.bucket_name
  force_destroy = !var.deletion_protection
  tags          = local.tags
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
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_policy" "artifacts" {
  count = var.local_stack ? 0 : length(aws_s3_bucket.artifacts)

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

# Named by content: the zip that runs is never overwritten, and new code is a new object for Lambda to fetch.
resource "aws_s3_object" "zip" {
  for_each = local.zips

  bucket      = var.artifact_bucket != null ? var.artifact_bucket : aws_s3_bucket.artifacts[0].id
  key         = "${var.prefix}/${each.key}/${local.sha256[each.key]}.zip"
  source      = each.value
  source_hash = local.sha256[each.key]

  depends_on = [aws_s3_bucket_server_side_encryption_configuration.artifacts]

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = local.sha256[each.key] != "absent"
      error_message = "${each.value} does not exist. ${local.build}, it and its manifest; artifact_dir says where else to look, architecture for which."
    }

    precondition {
      condition     = local.sha256[each.key] == "absent" || local.manifest != null
      error_message = "${local.manifest_file} does not exist or is not JSON: nothing says what the zips beside it were built for. ${local.build} anew."
    }

    precondition {
      condition     = try(local.manifest.architecture == var.architecture, true)
      error_message = "${each.value} was built for ${try(local.manifest.architecture, "?")}, and the functions are ${var.architecture}: they would fail at each start. ${local.build}, zips and manifest; or set architecture."
    }

    precondition {
      condition     = local.sha256[each.key] == "absent" || local.manifest == null || try(local.manifest.zips[each.key].sha256 == local.sha256[each.key], false)
      error_message = "${each.value} is not the zip that its manifest describes: one of them is left from another build. ${local.build} anew."
    }
  }
}
