# Plans that are refused before anything is touched: a cell whose line is gone, another prefix, another Region. The stack is applied to
# a mocked provider first, so that each plan has something to lose.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }

  mock_data "aws_region" {
    defaults = { id = "eu-west-1" }
  }

  # The account's tables once the first run has applied: both cells, and tables of other applications.
  mock_data "aws_dynamodb_tables" {
    defaults = { names = ["cellstack-cell-alpha", "cellstack-cell-beta", "cellstack-registry", "cellstack-tenant-map", "orders"] }
  }

  mock_data "aws_dynamodb_table" {
    defaults = {
      tags                        = { "cellstack:stack" = "cellstack", "cellstack:cell" = "beta" }
      deletion_protection_enabled = true
    }
  }

  # ARNs that come out of one resource have to pass the provider's validation of the next.
  mock_resource "aws_dynamodb_table" {
    defaults = {
      arn        = "arn:aws:dynamodb:eu-west-1:111122223333:table/mocked"
      stream_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/mocked/stream/2026-01-01T00:00:00.000"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mocked" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:mocked", version = "1" }
  }

  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:111122223333:mocked" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:111122223333:mocked" }
  }
}

variables {
  artifact_dir = "tests/fixtures/lambda"
  cells        = { alpha = {}, beta = {} }
}

run "an_account_without_tables_has_none_to_lose" {
  command = plan

  override_data {
    target = data.aws_dynamodb_tables.standing
    values = { names = null }
  }

  assert {
    condition     = length(data.aws_dynamodb_table.unlisted) == 0
    error_message = "The provider gives null in place of an empty list."
  }
}

run "two_cells_are_stamped" {
  command = apply

  assert {
    condition     = keys(output.cells) == ["alpha", "beta"] && length(data.aws_dynamodb_table.unlisted) == 0
    error_message = "A cell with a line is asked nothing."
  }
}

run "a_line_taken_out_by_mistake_is_refused" {
  command = plan

  variables {
    cells = { alpha = {} }
  }

  expect_failures = [data.aws_dynamodb_table.unlisted["beta"]]
}

run "a_renamed_line_is_refused" {
  command = plan

  variables {
    cells = { alpha = {}, gamma = {} }
  }

  expect_failures = [data.aws_dynamodb_table.unlisted["beta"]]
}

run "another_name_in_retire_does_not_help" {
  command = plan

  variables {
    cells  = { alpha = {} }
    retire = ["gamma"]
  }

  expect_failures = [data.aws_dynamodb_table.unlisted["beta"]]
}

run "a_cell_that_is_still_protected_is_refused" {
  command = plan

  variables {
    cells  = { alpha = {} }
    retire = ["beta"]
  }

  expect_failures = [data.aws_dynamodb_table.unlisted["beta"]]
}

run "step_two_takes_the_protection_off_one_cell" {
  command = plan

  variables {
    cells  = { alpha = {}, beta = { deletion_protection = false } }
    retire = ["beta"]
  }

  assert {
    condition     = { for id, cell in module.cell : id => cell.deletion_protection } == { alpha = true, beta = false }
    error_message = "The others stay protected."
  }
}

run "step_three_is_let_through" {
  command = plan

  override_data {
    target = data.aws_dynamodb_table.unlisted["beta"]
    values = {
      tags                        = { "cellstack:stack" = "cellstack", "cellstack:cell" = "beta" }
      deletion_protection_enabled = false
    }
  }

  variables {
    cells  = { alpha = {} }
    retire = ["beta"]
  }

  assert {
    condition     = keys(output.cells) == ["alpha"]
    error_message = "A cell that was named and has no protection may go."
  }
}

run "a_table_restored_from_a_backup_is_nobodys_cell" {
  command = plan

  override_data {
    target = data.aws_dynamodb_tables.standing
    values = { names = ["cellstack-cell-alpha", "cellstack-cell-beta", "cellstack-cell-alpha-restored"] }
  }

  override_data {
    target = data.aws_dynamodb_table.unlisted["alpha-restored"]
    values = { tags = {}, deletion_protection_enabled = false }
  }

  assert {
    condition     = keys(data.aws_dynamodb_table.unlisted) == ["alpha-restored"]
    error_message = "It has a cell's name, and is looked at for that."
  }
}

run "a_cell_of_a_longer_prefix_is_anothers" {
  command = plan

  override_data {
    target = data.aws_dynamodb_tables.standing
    values = { names = ["cellstack-cell-cell-x"] }
  }

  override_data {
    target = data.aws_dynamodb_table.unlisted["cell-x"]
    values = {
      tags                        = { "cellstack:stack" = "cellstack-cell", "cellstack:cell" = "x" }
      deletion_protection_enabled = true
    }
  }

  assert {
    condition     = keys(data.aws_dynamodb_table.unlisted) == ["cell-x"]
    error_message = "The stack cellstack-cell has a cell x; this is none of cellstack's."
  }
}

run "another_prefix_is_refused" {
  command = plan

  variables {
    prefix = "another"
  }

  expect_failures = [terraform_data.stack]
}

run "another_region_is_refused" {
  command = plan

  override_data {
    target = data.aws_region.current
    values = { id = "us-east-1" }
  }

  expect_failures = [terraform_data.stack]
}

run "another_account_is_refused" {
  command = plan

  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "444455556666" }
  }

  expect_failures = [terraform_data.stack]
}
