output "name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "The function's ARN, without a version."
  value       = aws_lambda_function.this.arn
}

output "version" {
  description = "The version published last."
  value       = aws_lambda_function.this.version
}

output "role_arn" {
  description = "ARN of the function's role."
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "Name of the function's role."
  value       = aws_iam_role.this.name
}

output "reserved_concurrency" {
  description = "Executions reserved for the function, for reviews and tests."
  value       = aws_lambda_function.this.reserved_concurrent_executions
}

output "statements" {
  description = "The statements of the role's only policy, for reviews and tests."
  value       = local.statements
}

output "environment" {
  description = "The given environment variables, for reviews and tests. RUST_LOG, the log level, comes on top."
  value       = var.environment
}
