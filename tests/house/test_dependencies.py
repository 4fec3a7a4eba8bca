"""What the code imports is what the package declares."""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib.metadata import packages_distributions

from packaging.requirements import Requirement

from tests.house.rooms import ROOMS, imports, module_level_imports, modules, name_of, pyproject, tree
from tests.house.test_floors import heavy_owners

# Rooms and files that only training reaches; what they import may come from an extra.
TRAINING = ("pipelines/", "scraper/", "recommend/baselines/")
# Loaded by dotted name where a setting asks for it, with an extra of its own.
ASKED_FOR = ("service/protocol/tracing.py",)


def distributions(requirements: list[str]) -> set[str]:
    """Return the normalised names of requirement lines."""
    return {re.sub(r"[-_.]+", "-", Requirement(line).name).lower() for line in requirements}


installed = cache(packages_distributions)


@cache
def providers(module: str) -> set[str]:
    """Return the distributions that install a top-level module."""
    return {re.sub(r"[-_.]+", "-", name).lower() for name in installed().get(module, [])}


def third_party(names: set[str]) -> set[str]:
    """Return the top-level modules among dotted names that are neither ours nor the standard library's."""
    return {name.split(".")[0] for name in names} - set(ROOMS) - set(sys.stdlib_module_names)


def test_every_import_is_declared() -> None:
    """A package that is installed only because another needs it may be missing tomorrow."""
    project = pyproject()["project"]
    extras = project["optional-dependencies"]
    declared = distributions([*project["dependencies"], *(line for lines in extras.values() for line in lines)])
    # FastAPI's own foundation, and typer's: they come with them by design.
    declared |= {"starlette"}
    undeclared = {
        f"{name_of(path)}: {module}"
        for path in modules()
        for module in third_party(set(imports(tree(path))))
        if providers(module) and not providers(module) & declared
    }
    assert not undeclared


def test_what_serving_imports_is_in_the_default_install() -> None:
    """No module that a default install loads needs an extra to be imported."""
    default = distributions(pyproject()["project"]["dependencies"]) | {"starlette"}
    lacking = {
        f"{name_of(path)}: {module}"
        for path in modules()
        if not name_of(path).startswith((*TRAINING, *ASKED_FOR)) and name_of(path) not in heavy_owners()
        for module in third_party(set(module_level_imports(tree(path))))
        if not providers(module) & default
    }
    assert not lacking


def test_every_dependency_is_imported() -> None:
    """No default dependency is there that nothing imports."""
    imported = {module for path in modules() for module in third_party(set(imports(tree(path))))}
    used = {name for module in imported for name in providers(module)}
    text = "".join(path.read_text(encoding="utf-8") for path in modules())
    # Loaded by name: a server's workers, and what FastAPI and the registry need to be there.
    by_name = {"uvicorn", "python-multipart", "onnxruntime", "openvino"}
    idle = distributions(pyproject()["project"]["dependencies"]) - used - by_name
    assert not {name for name in idle if name.replace("-", "_") not in text}
