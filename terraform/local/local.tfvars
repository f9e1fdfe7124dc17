# The values that make the root a stack on one's own machine. `up` adds the architecture and where the zips are.

cells = {
  alpha = {}
  beta  = {}
  gamma = {}
}

local_stack         = true
router_auth_type    = "NONE"
deletion_protection = false

# Short enough for a poison event to reach its dead-letter queue within a test: five receives, three seconds apart.
functions = {
  consumer = { timeout = 3 }
}

pipeline = {
  queue_visibility_timeout = 3
}
