output "function_name" {
  description = "Name of the prober's function."
  value       = module.function.name
}

output "role_arn" {
  description = "ARN of the prober's role."
  value       = module.function.role_arn
}

output "statements" {
  description = "Statements of the prober's role, for reviews and tests."
  value       = module.function.statements
}

output "environment" {
  description = "The prober's environment variables, for reviews and tests."
  value       = module.function.environment
}

output "alarm" {
  description = "Name of the alarm that is on while rounds fail or do not come."
  value       = aws_cloudwatch_composite_alarm.unhealthy.alarm_name
}

output "alarms" {
  description = "Names of the alarms that notify people."
  value       = [aws_cloudwatch_composite_alarm.unhealthy.alarm_name, aws_cloudwatch_metric_alarm.probe_failed.alarm_name]
}
