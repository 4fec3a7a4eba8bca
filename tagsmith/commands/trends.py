"""``tagsmith trends``: count what rises and falls in a corpus, and look at it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from core.bundle.opening import resolve_bundle
from core.clock import utc_now
from core.errors import BundleMissing, InvalidOption
from core.trend_snapshot import SNAPSHOT_FILE
from tagsmith.options import (
    CORPUS,
    STORE,
    BundleOption,
    CorpusOption,
    InstallationOption,
    choose_followed,
    installation_folder,
)
from tagsmith.terminal import add_row, show, stage_display, tell, tell_json

app = typer.Typer(help="Which hashtags rise and fall, from the dated posts of a corpus.", no_args_is_help=True)


@app.command("refresh")
def refresh(
    corpus: CorpusOption = CORPUS,
    store: Annotated[
        Path,
        typer.Option("--bundle", help="The store (or the bundle in it) beside whose bundles the trends are written."),
    ] = STORE,
    lexicon: Annotated[
        Path | None,
        typer.Option(
            "--lexicon",
            help="Which hashtags mark which topic. Default: topic_lexicon.json of the corpus, else the hashtags that "
            "`tagsmith collect` searches by.",
        ),
    ] = None,
    searched: Annotated[
        str | None,
        typer.Option("--searched", help="Ask a platform for its top hashtags of each topic: instagram or mastodon."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="A TOML file for --searched, as for `tagsmith collect`.")
    ] = None,
    instance: Annotated[str | None, typer.Option("--instance", help="Address of the instance for --searched.")] = None,
    installation: InstallationOption = None,
) -> None:
    """Count a corpus' hashtags by day and topic, and put the trends beside the bundles of a store.

    No bundle changes: a running service takes the new trends up by itself. Answers of platforms are kept with their
    date and asked for again after a week. Interrupted, the same command goes on.
    """
    from pipelines.trends.refresh import Search, refresh_trends
    from recommend.catalogue.trends import MAX_AGE_DAYS

    with stage_display("trends") as progress, ExitStack() as stack:
        search = None
        if searched is not None:
            from pipelines.config.collect import load_collect_config
            from pipelines.trends.searched_hashtags import opened_ranking

            numbers = replace(load_collect_config(config), source=searched)
            numbers = numbers if instance is None else replace(numbers, instance=instance)
            ranking = opened_ranking(numbers, installation_folder(installation))
            search = Search(stack.enter_context(ranking))
        file, snapshot, tally = refresh_trends(corpus, store, lexicon, search=search, progress=progress)
    counted, left_out = sum(tally.counted.values()), sum(tally.left_out.values())
    for reason, n in tally.left_out.most_common():
        tell(f"left out, {reason}: {n:,}")
    tell(f"{counted:,} posts counted and {left_out:,} left out; {len(snapshot.hashtags):,} hashtags")
    age = (utc_now().date() - snapshot.as_of).days
    if age > MAX_AGE_DAYS:
        tell(f"the newest posts are {age:,} days old: trends older than {MAX_AGE_DAYS} days are not in answers")
    tell(f"{snapshot.name}: {file}")
    try:
        resolve_bundle(store)
    except BundleMissing:
        tell(f"{file.parent} holds no bundle yet; answers show these trends once one is published there")


@app.command("show")
def show_trends(
    bundle: BundleOption = None,
    topic: Annotated[str | None, typer.Option("--topic", help="A topic; without it, all posts.")] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=30, help="The span that is looked at.")] = 7,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Hashtags in each list.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Print what rises and what is used most, however old it is, with its date and corpus."""
    from recommend.catalogue.trends import MAX_AGE_DAYS, TrendShelf, trend_files

    store, meanwhile = choose_followed(bundle)
    refreshed = None if meanwhile is None else store / SNAPSHOT_FILE
    shelf = TrendShelf(trend_files(meanwhile or resolve_bundle(store), refreshed))
    book = shelf.newest()
    if book is None:
        raise BundleMissing("there are no trends here; run `tagsmith trends refresh`")
    topics = [counts.topic for counts in book.snapshot.by_topic]
    if topic is not None and topic not in topics:
        raise InvalidOption(f"there is no topic {topic!r}; there are: {', '.join(filter(None, topics))}", field="topic")
    rising, top = book.rising(topic, days, limit), book.top(topic, days, limit)
    searched = [answer for answer in book.snapshot.searched if topic is None or answer.word == topic]
    source, age = book.source, shelf.age_days(book)
    if as_json:
        facts = {**asdict(source), "as_of": source.as_of.isoformat(), "age_days": age, "fresh": shelf.is_fresh(book)}
        lists = {"rising": list(map(asdict, rising)), "top": list(map(asdict, top))}
        asked = list(map(asdict, searched))
        tell_json({**facts, "topic": topic, "days": days, **lists, "searched": asked})
        return
    show(f"{source.snapshot}: {source.corpus}, up to {source.as_of} ({age:,} days ago)")
    if not shelf.is_fresh(book):
        show(f"older than {MAX_AGE_DAYS} days: answers show no trend")
    for title, rows in (("rising", rising), ("top", top)):
        table = Table("hashtag", "posts", "before", "ratio", "rank", "change", "tier", title=title)
        for row in rows:
            change = "new" if row.rank_change is None else f"{row.rank_change:+d}"
            numbers = (str(row.posts), str(row.baseline_posts), f"{row.ratio:.2f}", str(row.rank))
            add_row(table, row.hashtag, *numbers, change, row.tier)
        show(table)
    for answer in searched:
        names = ", ".join(tag for tag, _ in answer.hashtags[:limit])
        show(f"{answer.source} on {answer.asked[:10]}, {answer.word or 'trends'}: {names}")
