"""The router in Python: the peer that the benchmark measures alongside Cellstack's own.

One POST of a plain event, as Cellstack's router takes it: the same checks, the same caches and leases, the same item,
the same conditional write and the same response. Written the way that is fast in Python: the low-level client, made once,
and no framework.
"""

import hashlib
import json
import logging
import os
import re
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

TENANT_MAP = os.environ["CELLSTACK_TENANT_MAP_TABLE"]
REGISTRY = os.environ["CELLSTACK_REGISTRY_TABLE"]
TENANT_LEASE = 300.0
CELL_LEASE = 10.0
CACHE = 20_000
MAX_BODY = 224 * 1024
TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
EVENT_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")

log = logging.getLogger()
log.setLevel(logging.INFO)

dynamodb = boto3.client(
    "dynamodb",
    config=Config(
        connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 3}, parameter_validation=False
    ),
)
tenants = {}
cells = {}


class Problem(Exception):
    """A reason why a request can't be served, for the response."""

    def __init__(self, status, kind, detail):
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail


def handler(event, _context):
    context = event["requestContext"]
    request_id = context["requestId"]
    stamps = {"x-request-id": request_id}
    try:
        status, headers, body = post_event(event, context["http"]["method"], stamps)
    except Problem as problem:
        status, headers = problem.status, {"content-type": "application/problem+json"}
        if status == 503:
            headers["retry-after"] = "1"
        body = {
            "type": f"urn:cellstack:problem:{problem.kind}",
            "title": problem.kind,
            "status": status,
            "detail": problem.detail,
            "instance": f"urn:request:{request_id}",
        }
    headers.update(stamps)
    log.info("request status=%s cell=%s", status, stamps.get("x-cell-id"))
    return {"statusCode": status, "headers": headers, "body": json.dumps(body), "isBase64Encoded": False}


def post_event(event, method, stamps):
    if event["rawPath"] != "/v1/events":
        raise Problem(404, "unknown-path", "The path is POST /v1/events.")
    if method != "POST":
        raise Problem(405, "method-not-allowed", "Use POST.")
    tenant = event["headers"].get("x-tenant-id", "")
    if not TENANT.fullmatch(tenant):
        raise Problem(400, "missing-tenant", "Name the tenant in the header x-tenant-id.")
    event_type, data = read(event)
    route, source = tenant_route(tenant)
    stamps["x-cell-id"], stamps["x-cell-epoch"], stamps["x-route-source"] = route[0], route[1], source
    table = cell_table(route[0])
    now = time.time_ns() // 1_000_000
    event_id = uuid7(now)
    item = {
        "tenant_id": {"S": tenant},
        "sk": {"S": f"event#{event_id}"},
        "type": {"S": event_type},
        "status": {"S": "accepted"},
        "epoch": {"N": route[1]},
        "accepted_at": {"N": str(now)},
        "body_sha256": {"S": fingerprint(event_type, data)},
    }
    if data is not None:
        item["data"] = {"S": data}
    try:
        dynamodb.put_item(
            TableName=table,
            Item=item,
            ConditionExpression="attribute_not_exists(tenant_id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except (BotoCoreError, ClientError) as error:
        raise Problem(503, "unavailable", "The router could not write the event.") from error
    response = {"id": event_id, "type": event_type, "status": "accepted", "accepted_at": rfc3339(now)}
    return 202, {"content-type": "application/json", "location": f"/v1/events/{event_id}"}, response


def read(event):
    """Returns the event's type, and its data as JSON text."""
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        raise Problem(415, "unsupported-media-type", "Send JSON.")
    if len(body) > MAX_BODY:
        raise Problem(413, "too-large", "Send a reference to the data instead.")
    media_type = event["headers"].get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in ("", "application/json", "text/plain"):
        raise Problem(415, "unsupported-media-type", "Send JSON as application/json.")
    try:
        draft = json.loads(body)
    except ValueError as error:
        raise Problem(400, "invalid-event", "The body is no JSON.") from error
    event_type = draft.get("type") if isinstance(draft, dict) else None
    if not isinstance(event_type, str) or not EVENT_TYPE.fullmatch(event_type):
        raise Problem(400, "invalid-event", "Member type must name what happened.")
    data = draft.get("data")
    return event_type, None if data is None else json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def tenant_route(tenant):
    """Returns the tenant's cell and epoch, from the cache while its lease lasts."""
    now = time.monotonic()
    known = tenants.get(tenant)
    if known and now - known[1] < TENANT_LEASE:
        return known[0], "cache"
    try:
        found = dynamodb.get_item(TableName=TENANT_MAP, Key={"tenant_id": {"S": tenant}}, ConsistentRead=True).get("Item")
    except (BotoCoreError, ClientError) as error:
        raise Problem(503, "unavailable", "The router could not read the tenant map.") from error
    if not found:
        raise Problem(404, "unknown-tenant", f"Tenant {tenant} is not placed.")
    if found["state"]["S"] != "active":
        raise Problem(503, "unavailable", "The tenant is being moved to another cell.")
    route = found["cell_id"]["S"], found["epoch"]["N"]
    if len(tenants) >= CACHE:
        tenants.pop(next(iter(tenants)))
    tenants[tenant] = route, now
    return route, "map"


def cell_table(cell):
    """Returns the cell's table, from the cache while its lease lasts."""
    now = time.monotonic()
    known = cells.get(cell)
    if known and now - known[1] < CELL_LEASE:
        return known[0]
    try:
        items = dynamodb.query(
            TableName=REGISTRY,
            KeyConditionExpression="pk = :cell",
            ExpressionAttributeValues={":cell": {"S": f"cell#{cell}"}},
            ConsistentRead=True,
        )["Items"]
    except (BotoCoreError, ClientError) as error:
        raise Problem(503, "unavailable", "The router could not read the registry.") from error
    by_sort_key = {item["sk"]["S"]: item for item in items}
    if "config" not in by_sort_key:
        raise Problem(503, "unavailable", "The tenant's cell is not registered.")
    if by_sort_key.get("state", {}).get("status", {}).get("S", "active") in ("down", "retired"):
        raise Problem(503, "unavailable", "The tenant's cell is down.")
    table = by_sort_key["config"]["table"]["S"]
    cells[cell] = table, now
    return table


def fingerprint(event_type, data):
    digest = hashlib.sha256()
    for part in (event_type, "", data or ""):
        part = part.encode()
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def uuid7(ms):
    tail = int.from_bytes(os.urandom(10), "big")
    text = f"{(ms << 80 | tail) & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def rfc3339(ms):
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(ms // 1000))}.{ms % 1000:03d}Z"
