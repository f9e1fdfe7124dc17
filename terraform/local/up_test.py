"""Tests of `up` up to the point at which it starts anything: python3 terraform/local/up_test.py"""

import os
import pathlib
import platform
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
# The exit code of the stub that stands in for `tools`, the first step after the look at the zips.
PAST_THE_ZIPS = 42


class Zips(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.local = self.directory / "terraform/local"
        self.local.mkdir(parents=True)
        for name in ("up", "lib.sh", "server.sh", "local.tfvars"):
            shutil.copy(HERE / name, self.local / name)
        self.program(self.local / "tools", f"exit {PAST_THE_ZIPS}")
        self.programs = self.directory / "bin"
        self.programs.mkdir()
        for name in ("terraform", "openssl"):
            self.program(self.programs / name, "exit 1")
        self.zips = self.directory / "zips" / ARCHITECTURE
        self.zips.mkdir(parents=True)
        (self.zips / "manifest.json").write_text("{}")
        for function in ("router", "producer", "consumer"):
            self.zip(function)

    @staticmethod
    def program(path: pathlib.Path, command: str):
        path.write_text(f"#!/bin/sh\n{command}\n")
        path.chmod(0o755)

    def zip(self, function: str):
        (self.zips / function).mkdir()
        (self.zips / function / "bootstrap.zip").write_text("code")

    def configure(self, line: str):
        with (self.local / "local.tfvars").open("a") as file:
            file.write(f"{line}\n")

    def up(self) -> tuple[int, str]:
        environment = {"PATH": f"{self.programs}:{os.environ['PATH']}", "CELLSTACK_ARTIFACT_DIR": str(self.zips.parent)}
        ended = subprocess.run(["bash", self.local / "up"], env=environment, capture_output=True, text=True)
        return ended.returncode, ended.stderr

    def refused(self, function: str):
        status, errors = self.up()
        self.assertEqual((status, errors), (1, f"error: {self.zips}/{function}/bootstrap.zip is missing. Run: make build\n"))

    def test_no_zip_is_wanted_that_is_not_deployed(self):
        self.assertEqual(self.up(), (PAST_THE_ZIPS, ""))

    def test_every_cell_needs_its_functions(self):
        shutil.rmtree(self.zips / "consumer")
        self.refused("consumer")

    def test_a_configured_prober_needs_its_zip(self):
        self.configure("prober = { act = true }")
        self.refused("prober")
        self.zip("prober")
        self.assertEqual(self.up(), (PAST_THE_ZIPS, ""))

    def test_a_configured_placer_needs_its_zip(self):
        self.configure("first_sight={}")
        self.refused("placer")
        self.zip("placer")
        self.assertEqual(self.up(), (PAST_THE_ZIPS, ""))

    def test_null_configures_nothing(self):
        self.configure("prober      = null # none")
        self.configure("first_sight = null")
        self.assertEqual(self.up(), (PAST_THE_ZIPS, ""))


if __name__ == "__main__":
    unittest.main()
