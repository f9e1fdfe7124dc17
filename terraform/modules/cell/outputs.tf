output "resources" {
  description = "Names, ARNs and URLs for the cell's record in the registry. They are known only once both event source mappings exist, so that no router reads of half a cell."
  value = {
    account        = var.stack.account
    dlq_arn        = aws_sqs_queue.dlq.arn
    dlq_url        = aws_sqs_queue.dlq.url
    queue_arn      = aws_sqs_queue.events.arn
    queue_url      = aws_sqs_queue.events.url
    region         = var.stack.region
    stream_dlq_url = aws_sqs_queue.stream_dlq.url
    table          = aws_dynamodb_table.this.name
    table_arn      = aws_dynamodb_table.this.arn
    topic_arn      = aws_sns_topic.events.arn
    topic_dlq_url  = aws_sqs_queue.topic_dlq.url
  }

  depends_on = [aws_lambda_event_source_mapping.queue, aws_lambda_event_source_mapping.stream]
}

output "table_arn" {
  description = "ARN of the cell's table, for the router's role."
  value       = local.arns.table
}

output "alarm" {
  description = "Name of the alarm that is on while the cell is unhealthy."
  value       = aws_cloudwatch_composite_alarm.unhealthy.alarm_name
}

output "alarms" {
  description = "Names of the alarms that notify people."
  value = concat(
    [aws_cloudwatch_composite_alarm.unhealthy.alarm_name],
    [for name, alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name if !contains(local.unhealthy, name)],
  )
}

output "functions" {
  description = "Producer and consumer: function name, role ARN, the statements of the role's policy and the environment."
  value = {
    for name, function in { producer = module.producer, consumer = module.consumer } :
    name => {
      name        = function.name
      role_arn    = function.role_arn
      statements  = function.statements
      environment = function.environment
    }
  }
}

output "deletion_protection" {
  description = "True while the cell's table is protected from deletion."
  value       = aws_dynamodb_table.this.deletion_protection_enabled
}
