output "url" {
  description = "URL to which callers send events."
  value       = aws_lambda_function_url.this.function_url
}

output "function_name" {
  description = "Name of the router's function."
  value       = module.function.name
}

output "alias" {
  description = "The alias that serves callers, on which permissions to invoke are granted."
  value       = aws_lambda_alias.live.name
}

output "role_arn" {
  description = "ARN of the router's role."
  value       = module.function.role_arn
}

output "statements" {
  description = "Statements of the router's role, for reviews and tests."
  value       = module.function.statements
}

output "environment" {
  description = "The router's environment variables, for reviews and tests."
  value       = module.function.environment
}

output "alarm" {
  description = "Name of the alarm that is on while the router is unhealthy."
  value       = aws_cloudwatch_composite_alarm.unhealthy.alarm_name
}

output "alarms" {
  description = "Names of the alarms that notify people."
  value       = [aws_cloudwatch_composite_alarm.unhealthy.alarm_name, aws_cloudwatch_metric_alarm.counted["tenant-mismatch"].alarm_name]
}
