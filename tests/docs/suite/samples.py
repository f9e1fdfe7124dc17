"""Every file in events/, sent by `make invoke` to a function under `make watch`, and what must come of it: `x-expect`."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from shell import Failed, Shell

URL = "http://127.0.0.1:9000"
ENDPOINT = "http://127.0.0.1:4566"
TABLE = "cellstack-cell-alpha"
REQUESTS = "cellstack-placement-requests"
# Seconds within which a sample's outcome must come, and seconds to wait for one that must not come.
PATIENCE = 8
QUIET = 0.6
# A function that does not start leaves its caller waiting.
INVOKE_WITHIN = 30


def check(shell: Shell) -> Iterator[tuple[str, str | None]]:
    responses: dict[str, Any] = {}
    for path in sorted((shell.cwd / "events").glob("*/*.json")):
        function, name = path.parent.name, f"events/{path.parent.name}/{path.name}"
        try:
            CHECKS[function](shell, path, json.loads(path.read_text()), responses)
            yield name, None
        except (Failed, KeyError, OSError, ValueError) as failed:
            yield name, f"{type(failed).__name__}: {failed}"
            if "no end within" in str(failed):
                watch = next(terminal.text() for terminal in shell.terminals if terminal.command == "make watch")
                yield f"events/{function}", f"make watch says:\n{watch[-2_000:]}"
                return


def invoke(shell: Shell, path: Path) -> Any:
    text = shell.run(f"make invoke FN={path.parent.name} EVENT={path.relative_to(shell.cwd)}", INVOKE_WITHIN)
    try:
        return json.loads(text)
    except ValueError:
        raise Failed(f"the response is not JSON:\n{text}") from None


def router(shell: Shell, path: Path, event: Any, responses: dict[str, Any]) -> None:
    expect, response = event["x-expect"], invoke(shell, path)
    same("status", expect["status"], response["statusCode"])
    body = json.loads(response["body"])
    responses[path.stem] = body
    if first := expect.get("same_event_as"):
        same("id", responses[first]["id"], body["id"])
    if ends := expect.get("ends"):
        tenant = event["headers"]["x-tenant-id"]
        status = {"processed": "processed", "dead-lettered": "failed"}[ends]
        soon(f"event {body['id']} is {status}", lambda: get(f"/v1/events/{body['id']}", tenant)["status"] == status)
        if ends == "dead-lettered":
            soon("its letter", lambda: any(word == "dead letter" and body["id"] in rest for word, rest in lines(shell, 0)))


def producer(shell: Shell, path: Path, event: Any, _: dict[str, Any]) -> None:
    expect, start = event["x-expect"], served(shell)
    same("failures", [], invoke(shell, path)["batchItemFailures"])

    def published() -> list[str]:
        return sorted(ids(rest) for word, rest in lines(shell, start) if word == "published")

    def quarantined() -> list[str]:
        return sorted(ids(rest) for word, rest in lines(shell, start) if word == "dead letter" and "-stream-dlq" in rest)

    wanted = (sorted(expect["published"]), sorted(expect["quarantined"]))
    soon(f"published and quarantined are {wanted}", lambda: (published(), quarantined()) == wanted)
    time.sleep(QUIET)
    same("published and quarantined", wanted, (published(), quarantined()))


def consumer(shell: Shell, path: Path, event: Any, _: dict[str, Any]) -> None:
    """The table holds the batch's events as `accepted`, and the served stack's own consumer has not seen them."""
    for record in event["Records"]:
        seed(record["body"])
    expect, start, before = event["x-expect"], served(shell), totals()
    same("failures", [], invoke(shell, path)["batchItemFailures"])

    def dead() -> list[str]:
        letters = [rest for word, rest in lines(shell, start) if word == "dead letter" and "-events-dlq" in rest]
        return sorted(re.findall(r"  (\S+) after \d+ tr", "\n".join(letters)))

    soon(f"the letters are {expect['dead']}", lambda: dead() == sorted(expect["dead"]))
    time.sleep(QUIET)
    same("letters", sorted(expect["dead"]), dead())
    after = totals()
    added = {name: (count - before.get(name, (0, 0))[0], total - before.get(name, (0, 0))[1])
             for name, (count, total) in after.items()}
    wanted = {name: (total["count"], Decimal(total["sum"])) for name, total in expect["totals"].items()}
    same("added to the totals", wanted, {name: total for name, total in added.items() if total != (0, 0)})


def placer(shell: Shell, path: Path, event: Any, _: dict[str, Any]) -> None:
    """The stack is served without placement on first sight: the placer's table is made here, without a stream."""
    if REQUESTS not in dynamodb("ListTables", {})["TableNames"]:
        key = {"AttributeName": "tenant_id"}
        dynamodb("CreateTable", {
            "TableName": REQUESTS, "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{**key, "KeyType": "HASH"}],
            "AttributeDefinitions": [{**key, "AttributeType": "S"}],
        })

    def placed() -> list[str]:
        entries = dynamodb("Scan", {"TableName": "cellstack-tenant-map"})["Items"]
        return sorted(entry["tenant_id"]["S"] for entry in entries if entry["updated_by"]["S"] == "first-sight")

    before = placed()
    same("failures", [], invoke(shell, path)["batchItemFailures"])
    same("placed", sorted(event["x-expect"]["placed"]), [tenant for tenant in placed() if tenant not in before])


def prober(shell: Shell, path: Path, event: Any, _: dict[str, Any]) -> None:
    start, probes = served(shell), invoke(shell, path)["probes"]
    same("stages", event["x-expect"]["stages"], {probe["cell"]: probe["stage"] for probe in probes})

    def shown() -> list[str]:
        return [rest for word, rest in lines(shell, start) if word == "processed"]

    # The next sample looks at what is served after its own start.
    soon("the probes' events are shown", lambda: all(any(probe["event"] in rest for rest in shown()) for probe in probes))


CHECKS = {"router": router, "producer": producer, "placer": placer, "consumer": consumer, "prober": prober}


def seed(body: str) -> None:
    """Puts a message's event into the table, `accepted`. Not as new, since new events are the stream's."""
    try:
        message = json.loads(body)
    except ValueError:
        return
    key = {"tenant_id": {"S": message["tenantid"]}, "sk": {"S": f"event#{message['id']}"}}
    item = {
        **key,
        "type": {"S": message["type"]},
        "data": {"S": json.dumps(message["data"])},
        "status": {"S": "carried"},
        "epoch": {"N": str(message["epoch"])},
        "accepted_at": {"N": str(time.time_ns() // 1_000_000)},
        "body_sha256": {"S": "0" * 64},
    }
    dynamodb("PutItem", {"TableName": TABLE, "Item": item})
    dynamodb("UpdateItem", {
        "TableName": TABLE, "Key": key, "UpdateExpression": "SET #s = :s", "ExpressionAttributeNames": {"#s": "status"},
        "ExpressionAttributeValues": {":s": {"S": "accepted"}},
    })


def dynamodb(operation: str, body: Any) -> Any:
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}", "content-type": "application/x-amz-json-1.0"}
    request = urllib.request.Request(ENDPOINT, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def get(path: str, tenant: str) -> Any:
    request = urllib.request.Request(URL + path, headers={"x-tenant-id": tenant})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response, parse_float=Decimal)


def totals() -> dict[str, tuple[int, Decimal]]:
    return {total["type"]: (total["count"], Decimal(total["sum"])) for total in get("/v1/totals", "acme")["totals"]}


def served(shell: Shell) -> int:
    """Returns the length of the output of `make serve`."""
    return len(serve_log(shell))


def serve_log(shell: Shell) -> str:
    return next(terminal.text() for terminal in shell.terminals if terminal.command == "make serve")


def lines(shell: Shell, start: int) -> list[tuple[str, str]]:
    """Lines of `make serve` about events from there on: the first word or two, and the rest."""
    return re.findall(r"^\d\d:\d\d:\d\d\.\d{3}  (\w+(?: \w+)?) {2,}(.*)$", serve_log(shell)[start:], re.M)


def ids(line: str) -> str:
    found = re.search(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", line)
    return found[0] if found else "-"


def soon(what: str, holds: Any) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise Failed(f"not within {PATIENCE} s: {what}")
        time.sleep(0.05)


def same(what: str, expected: Any, found: Any) -> None:
    if expected != found:
        raise Failed(f"{what}: expected {expected}, found {found}")
