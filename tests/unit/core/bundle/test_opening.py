"""Opening bundles, refusing broken ones, and the store's pointers."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bundle.draft import DraftBundle
from core.bundle.manifest import FileRecord, Manifest, Provenance, is_inner_name, parse_manifest
from core.bundle.opening import current, list_bundles, move_current, open_bundle, previous, resolve_bundle, use
from core.errors import BundleCorrupt, BundleError, BundleMismatch, BundleMissing

FACTS = Provenance(created="2026-11-22T06:00:00Z", topics=("pets", "food"), counts={"posts": 3})


def make_bundle(store: Path, bundle_id: str = "one") -> Path:
    """Publish a small bundle and return its folder."""
    with DraftBundle(store, bundle_id) as draft:
        draft.path("card.md").write_text("# Card\n")
        draft.path("tables/global/words.json").write_text('["dog"]')
        draft.path("tables/pets/words.json").write_text('["cat"]')
        draft.seal(FACTS)
        return draft.publish().root


@pytest.fixture
def bundle_root(tmp_path: Path) -> Path:
    """A published bundle in a store."""
    return make_bundle(tmp_path / "store")


def edit_manifest(root: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Apply ``change`` to the manifest's JSON."""
    raw = json.loads((root / "manifest.json").read_text("utf-8"))
    change(raw)
    (root / "manifest.json").write_text(json.dumps(raw), "utf-8")


def test_a_bundle_gives_its_files_and_facts(bundle_root: Path) -> None:
    """What was published can be read back, file by file and folder by folder."""
    bundle = open_bundle(bundle_root)
    assert bundle.manifest.bundle_id == "one"
    assert bundle.manifest.topics == ("pets", "food")
    assert bundle.manifest.counts == {"posts": 3}
    assert bundle.path("card.md").read_text() == "# Card\n"
    assert bundle.path("tables/pets") == bundle_root / "tables" / "pets"
    assert bundle.names("tables") == ("tables/global/words.json", "tables/pets/words.json")
    assert bundle.names() == ("card.md", "tables/global/words.json", "tables/pets/words.json")


@pytest.mark.parametrize("name", ["gone.json", "../one/card.md", "/etc/passwd", "tables/../card.md", "", "table", "."])
def test_a_bundle_hands_out_listed_files_alone(bundle_root: Path, name: str) -> None:
    """A name that the manifest does not list leads nowhere, in the bundle or out of it."""
    with pytest.raises(BundleCorrupt, match="has no"):
        open_bundle(bundle_root).path(name)


def test_files_that_are_not_listed_are_not_part_of_the_bundle(bundle_root: Path) -> None:
    """A stray file does no harm and is not handed out."""
    (bundle_root / "notes.txt").write_text("mine")
    with pytest.raises(BundleCorrupt):
        open_bundle(bundle_root).path("notes.txt")


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    """Missing folder, empty folder and a file in its place: each is named with what to do."""
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path, tmp_path / "gone", tmp_path / "file"):
        with pytest.raises(BundleMissing, match=rf"no bundle in {folder} \(no manifest.json\); train one"):
            open_bundle(folder)


def test_a_manifest_that_is_a_folder_is_corrupt(tmp_path: Path) -> None:
    """An unreadable manifest is told apart from a missing one."""
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(BundleCorrupt, match="cannot be read"):
        open_bundle(tmp_path)


@pytest.mark.parametrize("verify", [True, False])
def test_a_missing_file_is_named(bundle_root: Path, verify: bool) -> None:
    """Even without comparing hashes."""
    (bundle_root / "card.md").unlink()
    with pytest.raises(BundleCorrupt, match=r"card\.md is missing; train or download the bundle again"):
        open_bundle(bundle_root, verify=verify)


@pytest.mark.parametrize("verify", [True, False])
def test_a_file_of_another_size_is_named(bundle_root: Path, verify: bool) -> None:
    """A file that was cut short is found by its size."""
    (bundle_root / "card.md").write_text("")
    with pytest.raises(BundleCorrupt, match=r"card\.md has 0 bytes instead of 7"):
        open_bundle(bundle_root, verify=verify)


def test_one_changed_byte_is_found(bundle_root: Path) -> None:
    """The same size with another content fails the hash."""
    (bundle_root / "card.md").write_text("# card\n")
    with pytest.raises(BundleCorrupt, match=r"card\.md is not what the manifest says"):
        open_bundle(bundle_root)
    assert open_bundle(bundle_root, verify=False).names("card.md") == ()


def test_a_folder_in_place_of_a_file_is_refused(bundle_root: Path) -> None:
    """A listed name must be a plain file."""
    (bundle_root / "card.md").unlink()
    (bundle_root / "card.md").mkdir()
    with pytest.raises(BundleCorrupt, match=r"card\.md"):
        open_bundle(bundle_root)


@pytest.mark.parametrize("name", ["card.md", "tables", "extra"])
def test_links_are_refused(bundle_root: Path, tmp_path: Path, name: str) -> None:
    """A link to equal content, a linked folder and a link that nobody listed: all could lead out of the bundle."""
    target = tmp_path / "aside"
    if (bundle_root / name).exists():
        shutil.move(bundle_root / name, target)
    os.symlink(target, bundle_root / name)
    with pytest.raises(BundleCorrupt, match=rf"{name} is a link"):
        open_bundle(bundle_root)


def test_another_format_version_is_refused_before_anything_else(bundle_root: Path) -> None:
    """A bundle of the future may hold anything, so its version is judged first."""
    (bundle_root / "manifest.json").write_text('{"format_version": 2, "what": "else"}')
    with pytest.raises(BundleMismatch, match="is a bundle of format 2, this program reads format 1; train it again"):
        open_bundle(bundle_root)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"{}", b'{"format_version": "1"}', b"[" * 100_000])
def test_a_broken_manifest_is_refused(bundle_root: Path, content: bytes) -> None:
    """Not JSON, not an object, no version."""
    (bundle_root / "manifest.json").write_bytes(content)
    with pytest.raises(BundleCorrupt, match=r"manifest\.json in .* train or download the bundle again"):
        open_bundle(bundle_root)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda raw: raw.pop("topics"), "has no topics"),
        (lambda raw: raw.update(more=1), "unknown field 'more'"),
        (lambda raw: raw.update(topics="pets"), "topics that are not a list"),
        (lambda raw: raw.update(licences=["MIT"]), "licences that are not"),
        (lambda raw: raw.update(config=[]), "field config that is not an object"),
        (lambda raw: raw.update(created="yesterday"), "created that is not an RFC 3339 time"),
        (lambda raw: raw.update(created="2026-11-22T06:00:00"), "created that is not an RFC 3339 time"),
        (lambda raw: raw.update(bundle_id="../up"), "bundle_id that cannot name a folder"),
        (lambda raw: raw.update(bundle_id="CURRENT"), "bundle_id that cannot name a folder"),
        (lambda raw: raw["files"].update({"../up": raw["files"]["card.md"]}), r"lists '\.\./up', which is not a file"),
        (lambda raw: raw["files"].update({"manifest.json": raw["files"]["card.md"]}), "lists 'manifest.json'"),
        (lambda raw: raw["files"].update({"x": {"sha256": "0", "bytes": 1}}), "lists 'x' without"),
        (lambda raw: raw["files"].update({"x": {"sha256": "0" * 64, "bytes": -1}}), "lists 'x' without"),
        (lambda raw: raw["files"].update({"x": 5}), "lists 'x' without"),
    ],
)
def test_a_wrong_field_is_named(bundle_root: Path, change: Callable[[dict[str, Any]], object], complaint: str) -> None:
    """Each field has a type, and file names stay inside."""
    edit_manifest(bundle_root, change)
    with pytest.raises(BundleCorrupt, match=complaint):
        open_bundle(bundle_root)


def test_a_manifest_survives_the_round_trip() -> None:
    """Writing and reading gives an equal manifest, and equal manifests are equal bytes whatever the order of keys."""
    manifest = Manifest(
        bundle_id="b-1",
        created="2026-11-22T06:00:00+00:00",
        topics=("ü", "b"),
        config={"z": 1, "a": [0.1, None]},
        licences=({"what": "EfficientNet", "licence": "Apache-2.0"},),
        files={"b": FileRecord("0" * 64, 1), "a": FileRecord("f" * 64, 0)},
    )
    again = parse_manifest(manifest.to_json().encode(), "here")
    assert again == manifest
    assert again.to_json() == manifest.to_json()


@given(st.text(st.sampled_from("ab./\\: \n\x00é"), max_size=12))
def test_inner_names_stay_inside(name: str) -> None:
    """Whatever is taken for an inner name resolves below the bundle and is written in one way."""
    root = Path("/bundle")
    if is_inner_name(name):
        assert os.path.normpath(root / name) == f"/bundle/{name}"


def test_a_store_knows_its_current_and_previous_bundle(tmp_path: Path) -> None:
    """Publishing moves CURRENT; going back and forth needs no more than the two pointers."""
    for bundle_id in ("one", "two"):
        make_bundle(tmp_path, bundle_id)
    assert list_bundles(tmp_path) == ("one", "two")
    assert current(tmp_path) == tmp_path / "two"
    assert previous(tmp_path) == tmp_path / "one"
    assert (tmp_path / "CURRENT").read_text() == "two\n"

    assert use(tmp_path, previous(tmp_path).name).manifest.bundle_id == "one"
    assert (current(tmp_path).name, previous(tmp_path).name) == ("one", "two")

    move_current(tmp_path, "one")
    assert previous(tmp_path).name == "two", "moving to where one is keeps the way back"


def test_a_store_without_bundles_says_so(tmp_path: Path) -> None:
    """No pointer, no way back, no list."""
    assert list_bundles(tmp_path / "gone") == ()
    with pytest.raises(BundleMissing, match="no bundle is current"):
        current(tmp_path)
    with pytest.raises(BundleMissing, match="no bundle was current before"):
        previous(tmp_path)
    with pytest.raises(BundleMissing, match=r"no bundle 'x' in .*; there are: none"):
        use(tmp_path, "x")


@pytest.mark.parametrize("content", ["gone", "../one", "", "one two", "\x00"])
def test_a_pointer_to_nothing_is_refused(bundle_root: Path, content: str) -> None:
    """A pointer that was edited by hand leads to no other folder; publishing and ``use`` mend it."""
    store = bundle_root.parent
    (store / "CURRENT").write_text(content)
    with pytest.raises(BundleMissing):
        current(store)
    use(store, "one")
    assert current(store) == bundle_root


def test_a_broken_bundle_cannot_be_made_current(tmp_path: Path) -> None:
    """``use`` verifies first, and leaves the pointer where it was."""
    make_bundle(tmp_path, "one")
    make_bundle(tmp_path, "two")
    (tmp_path / "one" / "card.md").write_text("# xard\n")
    with pytest.raises(BundleError):
        use(tmp_path, "one")
    assert current(tmp_path).name == "two"


def test_a_path_may_name_a_bundle_or_a_store(bundle_root: Path, tmp_path: Path) -> None:
    """Both lead to the bundle's folder; anything else says what was looked for."""
    assert resolve_bundle(bundle_root) == bundle_root
    assert resolve_bundle(bundle_root.parent) == bundle_root
    with pytest.raises(BundleMissing, match="neither a bundle"):
        resolve_bundle(tmp_path)
