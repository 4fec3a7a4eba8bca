"""Who may import what, beyond what import-linter's contracts say."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.house.rooms import ROOT, imports, module_level_imports, modules, name_of, pyproject, tree

HEAVY = tuple(
    pyproject()["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"],
)
NEVER_SERVING = set(HEAVY)
SETTINGS = "service/settings.py"
NO_REPORTS, GUARD = "core/no_reports.py", "core.no_reports"
REPORTING = {"onnxruntime", "openvino"}


def heavy_owners() -> set[str]:
    """Return the files that pyproject.toml allows to import heavy packages when they are imported."""
    ignores = pyproject()["tool"]["ruff"]["lint"]["per-file-ignores"]
    return {path for path, rules in ignores.items() if "TID253" in rules and not path.endswith("**")}


def test_the_owners_of_heavy_packages_are_exactly_those_that_import_them() -> None:
    """The list of exceptions holds each file that needs one, and no other."""
    importers = {
        name_of(path)
        for path in modules()
        if any(name.split(".")[0] in HEAVY for name in module_level_imports(tree(path)))
    }
    assert importers == heavy_owners()


def test_core_imports_numpy_and_regex_alone() -> None:
    """Everything else imports core, so what it needs is needed everywhere."""
    names = {
        name.split(".")[0] for path in modules() if name_of(path).startswith("core/") for name in imports(tree(path))
    }
    assert names - set(sys.stdlib_module_names) == {"core", "numpy", "regex"}


def test_no_room_imports_pickle() -> None:
    """A bundle from elsewhere must not be able to run code."""
    for path in modules():
        names = {name.split(".")[0] for name in imports(tree(path))}
        assert not names & {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}, name_of(path)


def test_no_numpy_or_torch_load_may_unpickle() -> None:
    """numpy.load refuses pickles unless asked, and torch.load only with weights_only."""
    for path in modules():
        for call in (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)):
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            assert keywords.get("allow_pickle", "False") == "False", name_of(path)
            if ast.unparse(call.func) == "torch.load":
                assert keywords.get("weights_only") == "True", f"{name_of(path)}:{call.lineno}"


def test_one_file_reads_the_environment() -> None:
    """Settings are read once, by service/settings.py, and passed down."""
    readers = {
        name_of(path)
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv")
    }
    assert readers <= {SETTINGS, NO_REPORTS}


def test_runtimes_that_report_are_kept_from_it_before_they_are_imported() -> None:
    """Afterwards is too late: they begin to report when they are imported."""
    guarded = 0
    for path in modules():
        found = [
            (node.lineno, name.split(".")[0] if name != GUARD else GUARD)
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in imports(node)
        ]
        guards = [line for line, name in found if name == GUARD]
        reporting = [line for line, name in found if name in REPORTING]
        guarded += bool(reporting)
        assert not reporting or min(guards, default=min(reporting)) < min(reporting), name_of(path)
    assert guarded


def test_importing_the_service_imports_nothing_heavy() -> None:
    """Serving starts in seconds and fits into half a gigabyte."""
    program = "import sys, service.app; print(' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & NEVER_SERVING


def test_importing_the_command_line_imports_nothing_heavy() -> None:
    """``tagsmith --help`` answers at once, also where the train extra is installed."""
    program = "import sys, tagsmith.cli; print(' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & NEVER_SERVING
