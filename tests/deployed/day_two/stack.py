"""The deployed stack, as an operator handles it: Terraform for changes, signed requests for callers, AWS's API for checks."""

import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
SCRATCH = REPOSITORY / ".local"
ROOT = SCRATCH / "stack"
OUTPUTS = json.loads(pathlib.Path(os.environ["CELLSTACK_OUTPUTS"]).read_text())
# MiniStack reports alarms incompletely, so every plan changes them (terraform/local/drift).
ALARMS = "aws_cloudwatch_"
LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")


def client(service: str):
    return botocore.session.Session().create_client(service)


def expect(condition: bool, problem: str) -> None:
    if not condition:
        raise SystemExit(f"error: {problem}")


def eventually(subject: str, ask):
    """Returns the first true response within a minute."""
    for _ in range(120):
        if response := ask():
            return response
        time.sleep(0.5)
    raise SystemExit(f"error: after a minute still missing: {subject}")


class Terraform:
    """The root that `up` applied, with other values on top of its own."""

    def __init__(self):
        self.values = SCRATCH / "day-two.tfvars.json"
        self.plan_file = SCRATCH / "day-two.tfplan"

    def _run(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(["terraform", f"-chdir={ROOT}", *arguments], capture_output=True, text=True)

    def plan(self, **values) -> subprocess.CompletedProcess:
        """Makes a plan with these variables, and saves it for `apply`."""
        self.values.write_text(json.dumps(values))
        return self._run("plan", "-no-color", "-input=false", f"-var-file={self.values}", f"-out={self.plan_file}")

    def refused(self, message: str, **values) -> None:
        """Expects the plan to fail with this message, regardless of line breaks."""
        result = self.plan(**values)
        text = " ".join((result.stdout + result.stderr).replace("│", " ").split())
        expect(result.returncode != 0, f"the plan was not refused: {values}")
        expect(" ".join(message.split()) in text, f"the plan was refused for another reason than {message!r}:\n{text}")

    def apply(self, **values) -> dict[str, list[str]]:
        """Plans and applies. Returns the planned actions by address, without alarms and reads."""
        planned = self.plan(**values)
        expect(planned.returncode == 0, f"terraform plan failed:\n{planned.stdout}{planned.stderr}")
        shown = json.loads(self._run("show", "-json", str(self.plan_file)).stdout)
        applied = self._run("apply", "-no-color", "-input=false", "-parallelism=64", str(self.plan_file))
        expect(applied.returncode == 0, f"terraform apply failed:\n{applied.stdout}{applied.stderr}")
        changes = ((change, change["change"]["actions"]) for change in shown["resource_changes"])
        return {
            change["address"]: actions
            for change, actions in changes
            if actions not in (["no-op"], ["read"]) and (actions == ["delete"] or not change["type"].startswith(ALARMS))
        }


def token(tenant: str) -> str:
    command = [REPOSITORY / "terraform/local/token", tenant]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def request(tenant: str, method: str, path: str, body: str = "", **headers: str) -> tuple[int, dict]:
    """Makes a request as the caller that Terraform admits, with a token for the tenant."""
    caller = OUTPUTS["caller"]
    credentials = botocore.credentials.Credentials(caller["access_key_id"], caller["secret_access_key"])
    headers = {"content-type": "application/json", OUTPUTS["jwt"]["header"]: token(tenant)} | headers
    url = OUTPUTS["router_url"] + path
    signed = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=headers)
    botocore.auth.SigV4Auth(credentials, "lambda", OUTPUTS["region"]).add_auth(signed)
    data = body.encode() if body else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, data, dict(signed.headers), method=method)) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def serves(tenant: str) -> None:
    """Sends an event for the tenant and waits until it is processed."""
    status, event = request(tenant, "POST", "v1/events", '{"type":"day-two","data":{"amount":1}}')
    expect(status == 202, f"{tenant}: {status} {event}")
    path = f"v1/events/{event['id']}"
    eventually(f"{tenant}'s event is processed", lambda: request(tenant, "GET", path)[1].get("status") == "processed")


def cellctl(*arguments: str, exits: int = 0) -> str:
    """Runs cellctl. Returns its data, as JSON where it is asked for it."""
    command = ["cargo", "run", "--locked", "--quiet", "-p", "cellstack-cellctl", "--", *arguments]
    environment = os.environ | {"CELLSTACK_OPERATOR": "day-two"}
    result = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    expect(result.returncode == exits, f"cellctl {' '.join(arguments)} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result.stdout


def registered(cell: str, kind: str) -> dict | None:
    """Returns an item of the cell in the registry: its `config` or its mark `retired`."""
    key = {"pk": {"S": f"cell#{cell}"}, "sk": {"S": kind}}
    return client("dynamodb").get_item(TableName=OUTPUTS["registry_table"], Key=key).get("Item")


def log_lines(group: str, since_ms: int) -> list[dict]:
    """Returns the functions' own lines in a log group since then. MiniStack asks functions for text, Lambda for JSON: a line of
    text becomes a level and a message here."""
    lines = []
    for page in client("logs").get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since_ms):
        for message in (event["message"].strip() for event in page["events"]):
            if message.startswith("{"):
                lines.append(json.loads(message))
            elif (level := message.partition(" ")[0]) in LEVELS:
                lines.append({"level": level, "message": message})
    return lines
