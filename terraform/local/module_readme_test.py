"""Tests of `module-readme`: python3 terraform/local/module_readme_test.py"""

import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import sys
import tempfile
import unittest

# It leaves nothing next to the sources.
sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
LOADER = importlib.machinery.SourceFileLoader("module_readme", str(HERE / "module-readme"))
module_readme = importlib.util.module_from_spec(importlib.util.spec_from_loader("module_readme", LOADER))
LOADER.exec_module(module_readme)

VARIABLES = """
variable "size" {
  type = object({
    memory  = number
    timeout = optional(number, 10)
  })
  description = "The \\"size\\"."
  default     = {}

  validation {
    condition     = var.size.memory > 0
    error_message = "description = none"
  }
}
"""
OUTPUTS = 'output "url" {\n  description = "The URL."\n  value       = 1\n}\n'


class Module(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        module_readme.MODULES = pathlib.Path(directory.name)
        self.module = module_readme.MODULES / "one"
        self.module.mkdir()
        (self.module / "variables.tf").write_text(VARIABLES)
        (self.module / "outputs.tf").write_text(OUTPUTS)
        self.readme = self.module / "README.md"
        self.readme.write_text(f"# one\n\n{module_readme.BEGIN}\n{module_readme.END}\nAfter.\n")

    def run_with(self, *arguments):
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            return module_readme.main(list(arguments)), errors.getvalue()

    def test_the_tables_have_type_default_and_description(self):
        self.assertEqual(self.run_with(), (0, ""))
        text = self.readme.read_text()
        self.assertIn('| `size` | `object({ memory = number, timeout = optional(number, 10) })` | `{}` | The "size". |\n', text)
        self.assertIn("| `url` | The URL. |\n", text)
        self.assertTrue(text.startswith("# one\n") and text.endswith("After.\n"))

    def test_a_stale_table_fails_the_check_and_stays(self):
        self.run_with()
        self.assertEqual(self.run_with("--check"), (0, ""))
        (self.module / "outputs.tf").write_text(OUTPUTS.replace("The URL", "The address"))
        before = self.readme.read_text()
        status, errors = self.run_with("--check")
        self.assertEqual(status, 1)
        self.assertIn("out of date. Run: terraform/local/module-readme", errors)
        self.assertEqual(self.readme.read_text(), before)

    def test_an_input_without_a_description_is_refused(self):
        (self.module / "variables.tf").write_text('variable "bare" {\n  type = string\n}\n')
        status, errors = self.run_with()
        self.assertEqual((status, errors), (1, "error: one: variable bare lacks a type or a description\n"))

    def test_a_module_without_a_readme_is_refused(self):
        self.readme.unlink()
        status, errors = self.run_with("--check")
        self.assertEqual(status, 1)
        self.assertIn("README.md does not exist", errors)


if __name__ == "__main__":
    unittest.main()
