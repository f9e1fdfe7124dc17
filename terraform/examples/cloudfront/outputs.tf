output "url" {
  description = "Where callers send events: POST <url>v1/events, with x-tenant-id, x-cellstack-token and x-amz-content-sha256."
  value       = "https://${aws_cloudfront_distribution.router.domain_name}/"
}

output "cells" {
  description = "What each cell is made of."
  value       = module.cellstack.cells
}
