output "role_arn" {
  description = "ARN of the role that cellctl assumes; null without operators."
  value       = one(aws_iam_role.this[*].arn)
}

output "statements" {
  description = "The statements of the role's only policy, for reviews and tests."
  value       = local.statements
}
