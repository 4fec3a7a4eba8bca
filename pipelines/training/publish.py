"""The last stage: a draft that is good enough becomes the store's current bundle."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.bundle.draft import DraftBundle
from core.bundle.manifest import Provenance
from core.bundle.opening import Bundle, open_bundle, resolve_bundle, use
from core.clock import utc_timestamp
from core.errors import DataError
from core.hashes import file_sha256
from core.trend_snapshot import SNAPSHOT_FILE
from pipelines.config.training import PublishConfig
from pipelines.report.tables import value_of
from pipelines.training.card import model_card
from pipelines.workshop.stage import StageContext
from recommend.catalogue.trends import TRENDS_FILE

VERSION = 2
METRICS_FILE = "metrics.json"
CARD_FILE = "card.md"
TRAINING = ("train-topics", "train-embeddings", "train-ranker")


def run(context: StageContext[PublishConfig]) -> None:
    """Put the draft into the store with its card and figures, and make it current; write ``published.json``.

    Raises:
        DataError: the draft is worse than the configuration allows.
        BundleError: the draft is damaged.
        StorageError: the store cannot be written.
    """
    draft = open_bundle(resolve_bundle(context.inputs["train-ranker"]))
    metrics = read_json(context.inputs["evaluate"] / METRICS_FILE)
    refuse_worse(metrics, context.config.at_least)
    facts = read_json(context.inputs["facts"])
    corpus = read_json(context.inputs["split"] / "summary.json")
    files = {name: context.inputs[name] / METRICS_FILE for name in TRAINING}
    training = {name: read_json(file) for name, file in files.items() if file.is_file()}
    counted = context.inputs["count-trends"] / SNAPSHOT_FILE if "count-trends" in context.inputs else None
    # A corpus without times has no trends, and a bundle without them is as good as any.
    trends = counted if counted is not None and counted.is_file() else None
    bundle_id = f"{context.config.name}-{content_mark(draft, metrics, trends)}"
    store = context.inputs["store"]
    if (store / bundle_id).exists():
        # The same bundle: a run that was killed between publishing and noting it, or the same numbers again.
        published = use(store, bundle_id)
    else:
        published = _put(draft, store, bundle_id, metrics, facts, corpus, training, trends)
    note = {"bundle": bundle_id, "path": str(published.root)}
    (context.out / "published.json").write_text(json.dumps(note, indent=1), encoding="utf-8")
    context.progress.note(f"{bundle_id} is now the current bundle of {store}")


def refuse_worse(metrics: Mapping[str, Any], at_least: Mapping[str, float]) -> None:
    """Return when every figure that the configuration names reaches its least value.

    Raises:
        DataError: one does not, or was not measured; the message lists all of them.
    """
    failures = []
    for name, least in at_least.items():
        value = figure_at(metrics, name)
        if value is None:
            failures.append(f"{name} was not measured")
        elif not value >= least:  # a NaN fails too
            failures.append(f"{name} is {value:.4f}, below {least:g}")
    if failures:
        raise DataError(
            f"the bundle is not published: {'; '.join(failures)}. The one in use stays. Look into the report, or "
            "change publish.at_least in the configuration"
        )


def figure_at(metrics: Mapping[str, Any], name: str) -> float | None:
    """Return the number at a path such as ``tags/learned/nDCG@10``, or None where there is none."""
    node: Any = metrics
    for step in name.split("/"):
        if not isinstance(node, Mapping) or step not in node:
            return None
        node = node[step]
    return value_of(node) if not isinstance(node, Mapping) or "value" in node else None


def content_mark(draft: Bundle, metrics: Mapping[str, Any], trends: Path | None) -> str:
    """Return eight hex digits of everything that an answer depends on, and of the figures."""
    content = {name: record.sha256 for name, record in draft.manifest.files.items()}
    if trends is not None:
        content[TRENDS_FILE] = file_sha256(trends)
    text = json.dumps([content, metrics], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a file that an earlier stage wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def _put(
    draft: Bundle,
    store: Path,
    bundle_id: str,
    metrics: Mapping[str, Any],
    facts: Mapping[str, Any],
    corpus: Mapping[str, Any],
    training: Mapping[str, Any],
    trends: Path | None,
) -> Bundle:
    manifest = draft.manifest
    provenance = Provenance(
        created=utc_timestamp(),
        topics=manifest.topics,
        preprocessing=manifest.preprocessing,
        licences=manifest.licences,
        counts=manifest.counts,
        config=facts["config"],
        seeds={"all": facts["config"]["seed"]},
        data_hashes=facts["data_hashes"],
        package_versions=facts["package_versions"],
    )
    with DraftBundle(store, bundle_id) as made:
        for name in draft.names():
            shutil.copyfile(draft.root / name, made.path(name))
        if trends is not None:
            shutil.copyfile(trends, made.path(TRENDS_FILE))
        made.path(METRICS_FILE).write_text(json.dumps(metrics, indent=1, ensure_ascii=False), encoding="utf-8")
        card = model_card(bundle_id, provenance, metrics, corpus, training)
        made.path(CARD_FILE).write_text(card, encoding="utf-8")
        made.seal(provenance)
        return made.publish()
