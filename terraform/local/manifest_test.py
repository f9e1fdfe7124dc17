"""Tests of `manifest`, run by `check`: python3 -m unittest terraform/local/manifest_test.py"""

import contextlib
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import pathlib
import struct
import sys
import tempfile
import unittest
import zipfile

# It leaves nothing next to the sources.
sys.dont_write_bytecode = True
path = pathlib.Path(__file__).with_name("manifest")
loader = importlib.machinery.SourceFileLoader("manifest", str(path))
manifest = importlib.util.module_from_spec(importlib.util.spec_from_loader("manifest", loader))
loader.exec_module(manifest)

ARM64, X86_64, RISCV = 0xB7, 0x3E, 0xF3


def program(machine: int, ident: bytes = b"\x7fELF\x02\x01\x01") -> bytes:
    return ident.ljust(16, b"\0") + struct.pack("<HH", 2, machine) + b"code"


class Manifest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = pathlib.Path(scratch.name)
        for function in manifest.FUNCTIONS:
            self.zip(function, program(ARM64))

    def zip(self, function: str, content: bytes, name: str = "bootstrap"):
        target = self.directory / function / "bootstrap.zip"
        target.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr(name, content)

    def run_manifest(self, architecture: str = "arm64") -> tuple[int, str]:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = manifest.main([str(self.directory), architecture])
        return code, said.getvalue()

    def refused(self, word: str, architecture: str = "arm64"):
        (self.directory / "manifest.json").write_text("{}")
        code, said = self.run_manifest(architecture)
        self.assertEqual(code, 1, said)
        self.assertIn(word, said)
        self.assertFalse((self.directory / "manifest.json").exists(), "an old manifest describes other zips")

    def test_describes_each_zip(self):
        self.assertEqual(self.run_manifest(), (0, ""))
        written = json.loads((self.directory / "manifest.json").read_text())
        self.assertEqual(written["architecture"], "arm64")
        self.assertRegex(written["version"], r"^\d+\.\d+\.\d+")
        self.assertTrue(written["commit"])
        for function in manifest.FUNCTIONS:
            content = (self.directory / function / "bootstrap.zip").read_bytes()
            self.assertEqual(written["zips"][function]["sha256"], hashlib.sha256(content).hexdigest())

    def test_refuses_one_zip_of_another_architecture(self):
        self.zip("consumer", program(X86_64))
        self.refused("built for x86_64, not for arm64. Run: make build ARCH=arm64")

    def test_refuses_all_of_another_architecture(self):
        self.refused("built for arm64, not for x86_64", "x86_64")

    def test_refuses_an_architecture_that_lambda_has_not(self):
        self.zip("router", program(RISCV))
        self.refused("machine 0xf3")

    def test_refuses_a_missing_zip(self):
        (self.directory / "producer" / "bootstrap.zip").unlink()
        self.refused("producer/bootstrap.zip is missing")

    def test_refuses_what_is_not_a_program(self):
        self.zip("router", b"#!/bin/sh")
        self.refused("not a 64-bit program")
        self.zip("router", program(ARM64, b"\x7fELF\x01\x01\x01"))
        self.refused("not a 64-bit program")

    def test_refuses_a_zip_without_a_program(self):
        self.zip("router", program(ARM64), name="main")
        self.refused("named bootstrap")
        (self.directory / "router" / "bootstrap.zip").write_text("no zip")
        self.refused("named bootstrap")

    def test_wants_a_known_architecture(self):
        self.assertEqual(self.run_manifest("amd64")[0], 2)


if __name__ == "__main__":
    unittest.main()
