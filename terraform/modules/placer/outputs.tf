output "requests" {
  description = "The table of placement requests: name and ARN."
  value = {
    name = aws_dynamodb_table.requests.name
    arn  = aws_dynamodb_table.requests.arn
  }
}

output "function_name" {
  description = "Name of the placer's function."
  value       = module.function.name
}

output "role_arn" {
  description = "ARN of the placer's role."
  value       = module.function.role_arn
}

output "statements" {
  description = "Statements of the placer's role, for reviews and tests."
  value       = module.function.statements
}

output "environment" {
  description = "The placer's environment variables, for reviews and tests."
  value       = module.function.environment
}

output "alarms" {
  description = "Names of the alarms that notify people."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}
