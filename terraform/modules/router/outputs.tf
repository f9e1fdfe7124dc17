output "url" {
  description = "Where callers send events."
  value       = aws_lambda_function_url.this.function_url
}

output "function_name" {
  description = "Name of the router's function."
  value       = module.function.name
}

output "alias" {
  description = "The alias that serves callers: what permissions to invoke are granted on."
  value       = aws_lambda_alias.live.name
}

output "role_arn" {
  description = "ARN of the router's role."
  value       = module.function.role_arn
}

output "statements" {
  description = "What the router's role may do, for reviews and tests."
  value       = module.function.statements
}

output "environment" {
  description = "The router's environment variables, for reviews and tests."
  value       = module.function.environment
}

output "alarm" {
  description = "Name of the alarm that says whether the router is healthy."
  value       = aws_cloudwatch_composite_alarm.unhealthy.alarm_name
}
