# The values that make the root a stack on one's own machine. `up` adds the architecture, where the zips are, and `jwt`, whose
# keys it makes.

cells = {
  alpha = {}
  beta  = {}
  gamma = {}
}

local_stack         = true
deletion_protection = false

# As on AWS: a call is signed by somebody the function's policy names, and its token says for which tenant it speaks.
router_invokers = { caller = "arn:aws:iam::000000000000:user/cellstack-caller" }
tenant_source   = "jwt"

router_snapshot = {}

# MiniStack knows no tags in DynamoDB's policies, so the router's role names each cell's table.
router_cell_access = "list"

# Short enough for a poison event to reach its dead-letter queue within a test: five tries, three seconds apart, each of which may
# take a second.
functions = {
  consumer = { timeout = 3 }
}

pipeline = {
  queue_visibility_timeout = 3
  event_timeout            = 1
}
