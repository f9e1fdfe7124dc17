"""Gives schemathesis what it can't see in docs/openapi.yaml, before it makes requests of it.

An OpenAPI operation can't say that a header decides the form of the body, nor that a text is valid only if the server made
it. So the document is tested in parts, and CELLSTACK_API_PART names the part that this process tests:

  json      plain events, structured CloudEvents and every operation that reads
  binary    binary CloudEvents: their four headers are required, any JSON is a body
  batch     batches, which no Idempotency-Key may name; only valid ones, since a wrong event does not make a batch wrong
  stateful  sequences of calls; cursors come from the page before
  tokens    as json, against a router that takes the tenant from a token
"""

import os

import schemathesis

PART = os.environ["CELLSTACK_API_PART"]
BATCH = "application/cloudevents-batch+json"
BINARY_REQUIRED = {"ce-specversion", "ce-id", "ce-source", "ce-type"}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    # The router refuses every other tenant with 403 or 404. That is tested where the header or the query names it.
    raw_schema["components"]["schemas"]["TenantId"] = {"const": "acme"}
    events = raw_schema["paths"]["/v1/events"]
    content = events["post"]["requestBody"]["content"]
    batch = {BATCH: content.pop(BATCH)}
    if PART == "binary":
        events["post"]["requestBody"] = {"content": {"application/json": {"schema": {}}}}
        for parameter in events["post"]["parameters"]:
            parameter["required"] = parameter["name"] in BINARY_REQUIRED
    elif PART == "batch":
        events["post"]["requestBody"]["content"] = batch
        events["post"]["parameters"] = []
    else:
        events["post"]["parameters"] = [p for p in events["post"]["parameters"] if not p["name"].startswith("ce-")]
    if PART in ("json", "tokens"):
        for listing in (events["get"], raw_schema["paths"]["/v1/totals"]["get"]):
            listing["parameters"] = [p for p in listing["parameters"] if p["name"] != "cursor"]
    if PART == "tokens":
        # One of the document's alternatives, and the only one that proves anything.
        raw_schema["security"] = [{"jwt": []}]
        raw_schema["components"]["securitySchemes"] = {"jwt": raw_schema["components"]["securitySchemes"]["jwt"]}
        del events["post"]["security"]


@schemathesis.hook
def filter_case(context, case):
    # HTTP lets a client send any header that nobody asked for, so such a request is not wrong. Without a scheme that is a header
    # of its own, schemathesis takes the headers for an object that may have no other members.
    return PART != "tokens" or not any(name.lower().startswith("x-schemathesis-unknown") for name in case.headers or {})
