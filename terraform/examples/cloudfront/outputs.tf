output "url" {
  description = "URL to which callers send events: POST <url>v1/events, with x-tenant-id, x-cellstack-token and x-amz-content-sha256."
  value       = "https://${aws_cloudfront_distribution.router.domain_name}/"
}

output "cells" {
  description = "Resources of each cell."
  value       = module.cellstack.cells
}
