"""A tenant that is moved while it writes: begun by the first step, looked at by the last, since old routes take five minutes to run out."""

import os
import subprocess
import threading

from stack import REPOSITORY, cellctl, eventually, expect, request, serves

TENANT, SOURCE, DESTINATION = "hooli", "beta", "alpha"


class Move:
    def __init__(self):
        self.acknowledged: dict[str, str] = {}
        self.ended = threading.Event()
        self.writer = threading.Thread(target=self._write, daemon=True)
        self.run: subprocess.Popen | None = None

    def _write(self) -> None:
        """Sends an event every few seconds, and again under its name until it is acknowledged."""
        number = 0
        while not self.ended.wait(2):
            name = f"move-{number}"
            status, event = request(TENANT, "POST", "v1/events", '{"type":"moved","data":{"amount":1}}', **{"idempotency-key": name})
            if status == 202:
                self.acknowledged[name] = event["id"]
                number += 1

    def _cellctl(self, *arguments: str, operator: str) -> subprocess.Popen:
        command = [REPOSITORY / "target/debug/cellctl", *arguments, "--reason", "day two"]
        return subprocess.Popen(command, env=os.environ | {"CELLSTACK_OPERATOR": operator}, stdout=-1, stderr=-1, text=True)

    def begin(self) -> None:
        """Begins to move a tenant. A second operator who tries the same is refused, and reads who, when, which phase and what to type."""
        cellctl("tenants", "place", TENANT, "--cell", SOURCE, "--no-standby", "--reason", "day two")
        serves(TENANT)
        self.writer.start()
        self.run = self._cellctl("tenants", "move", TENANT, "--to", DESTINATION, operator="ann")
        eventually("the move is on record", lambda: TENANT in cellctl("moves", "ls", "--under-way"))
        second = self._cellctl("tenants", "move", TENANT, "--to", DESTINATION, operator="bob")
        said = second.communicate()[1]
        parts = (f"tenant {TENANT} is being moved from {SOURCE} to {DESTINATION} by ann", ": moving since 20", "cellctl moves resume", "cellctl moves abort")
        expect(second.returncode == 1 and all(part in said for part in parts), f"the second operator reads: {said}")

    def end(self) -> None:
        """Waits until the tenant has moved. Each event that was acknowledged is in its new cell, processed."""
        data, said = self.run.communicate(timeout=600)
        expect(self.run.returncode == 0, f"the move ended with {self.run.returncode}: {data}{said}")
        eventually("an event after the move", lambda: request(TENANT, "GET", "v1/route")[1].get("cell_id") == DESTINATION)
        self.ended.set()
        self.writer.join(timeout=60)
        expect(len(self.acknowledged) > 20, f"only {len(self.acknowledged)} events were acknowledged")
        for name, event in self.acknowledged.items():
            path = f"v1/events/{event}"
            eventually(f"{name} is processed", lambda: request(TENANT, "GET", path)[1].get("status") == "processed")
        totals = request(TENANT, "GET", "v1/totals")[1]["totals"]
        counts = {total["type"]: total["count"] for total in totals}
        expect(counts.get("moved") == len(self.acknowledged), f"{len(self.acknowledged)} events, and the totals {totals}")
