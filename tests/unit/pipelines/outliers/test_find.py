"""Looking for outliers shows what would go and changes nothing; taking out moves no file and can be undone."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import DataError
from models.classifier.files import read_facts
from models.labelled.picture_features import open_bundle_extractor, read_features
from models.labelled.topic_folder import list_pictures
from pipelines.corpus.posts import FolderPosts, Tally
from pipelines.outliers.find import Found, look_for_outliers, take_back, take_out, write_report
from pipelines.outliers.pictures import from_bundle, gather
from pipelines.workshop.progress import SilentProgress
from tests.support.tiny_world import write_colour_classifier
from tests.unit.core.test_quarantine import state
from tests.unit.pipelines.posts_on_disk import record, write_lines

pytestmark = pytest.mark.train
pytest.importorskip("sklearn")

COLOURS = {"beach": (20, 20, 230), "food": (230, 20, 20), "pets": (20, 230, 20)}
N_EACH = 60


def paint(path: Path, colour: tuple[int, int, int], number: int) -> None:
    """Draw a picture that is nearly of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shade = tuple(
        int(min(255, max(0, part + 9 * ((number * step) % 5 - 2))))
        for part, step in zip(colour, (1, 2, 3), strict=True)
    )
    Image.new("RGB", (40, 40), shade).save(path, quality=95)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A folder with a network that knows colours."""
    return write_colour_classifier(tmp_path / "network")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of three topics, of which one is wrong and one is broken."""
    for topic, colour in COLOURS.items():
        for number in range(N_EACH):
            paint(tmp_path / "topics" / topic / f"anna_{number:03}.jpg", colour, number)
    paint(tmp_path / "topics" / "pets" / "wrong_001.jpg", COLOURS["food"], 3)
    (tmp_path / "topics" / "food" / "broken_001.jpg").write_bytes(b"\xff\xd8\xff half")
    return tmp_path / "topics"


def look(folder: Path, network: Path) -> Found:
    """Look at a folder with the network's own features."""
    read = from_bundle(network, folder.parent / "cache")
    return look_for_outliers(folder, "confidence", read, progress=SilentProgress())


def test_features_are_what_the_imagenet_layer_reads(network: Path, tmp_path: Path) -> None:
    """Here the mean colour, prepared as the network's own facts say; the same alone and again from the cache."""
    extractor = open_bundle_extractor(network)
    paths = []
    for number, colour in enumerate(COLOURS.values()):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (30, 30), colour).save(paths[-1])
    together = read_features(paths, extractor, tmp_path / "one", 2)
    centre, spread = 127.5, 127.5
    expected = (np.array(list(COLOURS.values())) - centre) / spread
    assert together.features == pytest.approx(expected, abs=0.02)
    assert read_facts(network).preprocessing.crop == 16
    alone = read_features(paths[1:2], extractor, tmp_path / "two", 1)
    assert (alone.features[0] == together.features[1]).all()

    def never(batch: object) -> tuple[object, object]:
        raise AssertionError("asked again")

    kept = read_features(paths, type(extractor)(extractor.mark, extractor.preprocessing, never), tmp_path / "one", 1)  # type: ignore[arg-type]
    assert (kept.logits == together.logits).all()


def test_a_file_that_is_no_picture_does_not_stop_the_others(network: Path, tmp_path: Path) -> None:
    """Cut short, empty, a text, and one that is not there."""
    good = tmp_path / "good.png"
    Image.new("RGB", (30, 30)).save(good)
    bad = [tmp_path / name for name in ("cut.png", "empty.jpg", "text.jpg", "gone.jpg")]
    for path, content in zip(bad, (good.read_bytes()[:40], b"", b"hello"), strict=False):
        path.write_bytes(content)
    found = read_features([*bad, good], open_bundle_extractor(network), tmp_path / "cache", 2)
    assert found.readable.tolist() == [False] * 4 + [True]
    assert not read_features(bad, open_bundle_extractor(network), tmp_path / "cache", 2).readable.any()
    assert read_features([], open_bundle_extractor(network), tmp_path / "cache", 2).features.shape[0] == 0


def test_what_is_out_of_place_is_found_and_nothing_moves(folder: Path, network: Path) -> None:
    """The red picture among the green ones, with where it belongs, and the broken file."""
    before = state(folder)
    found = look(folder, network)
    assert [(one.picture.key, one.note) for one in found.outliers] == [
        ("food/broken_001.jpg", "cannot be read"),
        ("pets/wrong_001.jpg", "rather food"),
    ]
    assert found.n_pictures == {"beach": N_EACH, "food": N_EACH + 1, "pets": N_EACH + 1}
    assert state(folder) == before


def test_the_sheet_is_one_page_that_needs_nothing_else(folder: Path, network: Path, tmp_path: Path) -> None:
    """Every picture is inside; counts are there; the PNG has a place for each; the report names them."""
    found = look(folder, network)
    page = write_report(found, tmp_path / "out", SilentProgress())
    text = page.read_text("utf-8")
    assert not re.search(r"(?:src|href)=\"(?!data:)", text)
    inside = re.findall(r"data:image/jpeg;base64,([^\"]+)", text)
    sizes = [Image.open(io.BytesIO(base64.b64decode(one))).size for one in inside]
    assert sizes == [(150, 150)] * 2
    assert f"<td>pets</td><td>{N_EACH + 1}</td><td>1</td>" in text
    assert Image.open(tmp_path / "out" / "outliers.png").size == (1200, 180)
    report = json.loads((tmp_path / "out" / "outliers.json").read_text("utf-8"))
    assert [one["key"] for one in report["found"]] == ["food/broken_001.jpg", "pets/wrong_001.jpg"]


def test_names_cannot_break_the_page(folder: Path, network: Path, tmp_path: Path) -> None:
    """They come from elsewhere."""
    (folder / "pets" / "wrong_001.jpg").rename(folder / "pets" / "<script>alert(1)</script>_1.jpg".replace("/", "∕"))
    text = write_report(look(folder, network), tmp_path / "out", SilentProgress()).read_text("utf-8")
    assert "<script>" not in text


def test_taking_out_and_back_restores_the_folder(folder: Path, network: Path) -> None:
    """And a second look finds nothing more."""
    before = state(folder)
    take_out(look(folder, network))
    assert {name for name in state(folder) if name.endswith(".jpg")} == set(before)
    assert len(before) - len(list_pictures(folder)) == 2
    assert not look(folder, network).outliers
    assert take_back(folder) == 2
    assert state(folder) == before


def test_links_and_other_splits_are_left_alone(folder: Path, network: Path, tmp_path: Path) -> None:
    """A link may lead anywhere; a test set that a classifier cleaned flatters it."""
    Image.new("RGB", (40, 40)).save(tmp_path / "elsewhere.jpg")
    (folder / "pets" / "link_001.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    gathered = gather(folder)
    assert gathered.left_out == {"a link, or outside the folder": 1}
    rows = ["path,topics,split", "pets/anna_000.jpg,pets,test"]
    rows += [f"{topic}/anna_{n:03}.jpg,{topic},train" for topic in COLOURS for n in range(1, N_EACH)]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    gathered = gather(folder)
    assert gathered.left_out == {"of the test split": 1}
    assert len(gathered.pictures) == 3 * (N_EACH - 1)


def test_too_few_pictures_are_told(tmp_path: Path) -> None:
    """With the topic that needs more."""
    for topic, n in (("pets", 12), ("food", 3)):
        for number in range(n):
            paint(tmp_path / "topics" / topic / f"a_{number}.jpg", COLOURS[topic], number)
    with pytest.raises(DataError, match="too few of food"):
        gather(tmp_path / "topics")
    with pytest.raises(DataError, match="not a folder"):
        gather(tmp_path / "nowhere")


def test_a_corpus_leaves_out_posts_and_moves_no_picture(tmp_path: Path, network: Path) -> None:
    """The topic is that of the hashtag a post was found under."""
    corpus = tmp_path / "corpus"
    tags = {"beach": "sea", "food": "pizza", "pets": "dog"}
    rows: list[dict[str, Any] | str] = []
    for topic, colour in COLOURS.items():
        for number in range(N_EACH):
            name = f"pictures/{topic[:2]}/{number}.jpg"
            wrong = topic == "pets" and number == 7
            paint(corpus / name, COLOURS["food"] if wrong else colour, number)
            rows.append(record(len(rows), query_tag=tags[topic], image=f"../{name}"))
    rows += [record(900), record(901, query_tag="unheardof", image="../pictures/be/1.jpg")]
    write_lines(corpus / "posts" / "browser-00001.jsonl", rows)
    lexicon = {"topics": {topic: {"seeds": [topic], "collect": [tag]} for topic, tag in tags.items()}}
    (corpus / "topic_lexicon.json").write_text(json.dumps(lexicon))
    before = state(corpus)
    found = look(corpus, network)
    wrong_id = f"post-{2 * N_EACH + 7}"
    assert [one.picture.key for one in found.outliers] == [wrong_id]
    assert found.gathered.left_out == {
        "a post without a picture": 1,
        "a post found under no topic's hashtag": 1,
    }
    take_out(found)
    left = {post.post_id for post in FolderPosts(corpus / "posts", Tally()).posts()}
    assert wrong_id not in left
    assert len(left) == len(rows) - 1
    assert take_back(corpus) == 1
    assert state(corpus) == before
