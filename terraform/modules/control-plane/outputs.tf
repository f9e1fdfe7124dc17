output "tenant_map" {
  description = "The tenant map: name and ARN of the table."
  value = {
    name = aws_dynamodb_table.tenant_map.name
    arn  = aws_dynamodb_table.tenant_map.arn
  }
}

output "registry" {
  description = "The registry of cells: name and ARN of the table."
  value = {
    name = aws_dynamodb_table.registry.name
    arn  = aws_dynamodb_table.registry.arn
  }
}
