"""The stage that counts hashtags by day, for the trends that a bundle brings along.

All posts with a time are counted, those of the test split too: trends are shown beside an answer, and enter neither its
ranking nor any figure.
"""

from __future__ import annotations

from core.clock import utc_now
from core.text.blocklist import load_blocklist
from core.trend_snapshot import SNAPSHOT_FILE, write_snapshot
from pipelines.config.training import CorpusConfig
from pipelines.corpus.posts import FolderPosts, Tally
from pipelines.corpus.topics import read_lexicon
from pipelines.trends.counting import TrendTally, count_trends
from pipelines.workshop.stage import StageContext

VERSION = 1
CORPUS = "the posts that the bundle was trained and measured with"


def run(context: StageContext[CorpusConfig]) -> None:
    """Write ``trends.json``, or nothing where no two posts have a time.

    Raises:
        DataError: posts are missing or malformed throughout, or the lexicon cannot be read.
    """
    tally, config = TrendTally(), context.config
    posts = context.inputs["posts"]
    snapshot = count_trends(
        lambda: FolderPosts(posts, Tally(), min_hashtags=config.min_hashtags).posts(),
        read_lexicon(context.inputs["topic_lexicon"]).marking,
        load_blocklist(),
        corpus=CORPUS,
        now=utc_now(),
        tally=tally,
    )
    if snapshot is None:
        context.progress.note("no two posts have a time: the bundle has no trends")
        return
    write_snapshot(snapshot, context.out / SNAPSHOT_FILE)
    n_posts = sum(tally.counted.values())
    context.progress.note(f"{len(snapshot.hashtags):,} hashtags of {n_posts:,} posts up to {snapshot.as_of}")
