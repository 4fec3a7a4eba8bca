"""Judges a record by itself: a clean post comes out, or the rule that drops it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.posts import Post
from core.text.blocklist import Blocklist
from core.text.caption import caption_words
from pipelines.cleaning.captions import tidy_caption
from pipelines.cleaning.spam import RULES, SpamRule, TidyPost
from pipelines.config.clean import CleanConfig
from pipelines.corpus.posts import post_of
from recommend.language import caption_language, primary_tag

QUARANTINED = "quarantined"
OTHER_LANGUAGE = "other-language"
BLOCKED = "blocked-hashtags"
FEW_HASHTAGS = "few-hashtags"
MIN_PLAIN_WORDS = 6

INVISIBLE = "captions with invisible characters"
EMOTICONS = "captions with emoticons"
NORMAL_FORM = "posts whose hashtags were brought into normal form"
BLOCKED_TAKEN_OUT = "posts that lost a blocked hashtag"

ReadLanguage = Callable[[tuple[str, ...]], str | None]


@dataclass(frozen=True, slots=True)
class Kept:
    """A post that every rule about single posts keeps.

    Attributes:
        record: as it is written, fields that training does not know included; ``image`` as it was.
        post: the same, without its picture.
        words: of its caption.
        language: primary tag, or None when it is not clear.
        hour: hours since 1970 of its time, or None where it has no time of day.
        mended: what was changed.
    """

    record: dict[str, Any]
    post: Post
    words: tuple[str, ...]
    language: str | None
    hour: int | None
    mended: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A post that a rule drops.

    Attributes:
        rule: its name.
        detail: what was found, where the rule's name does not say it.
        post: as the rule saw it.
    """

    rule: str
    detail: str
    post: Post


class Examiner:
    """Judges posts one by one."""

    def __init__(
        self,
        config: CleanConfig,
        blocklist: Blocklist,
        read_language: ReadLanguage = caption_language,
        quarantined: frozenset[str] = frozenset(),
    ) -> None:
        """Judge by ``config``.

        Args:
            config: every number.
            blocklist: hashtags that are taken out.
            read_language: gives the primary tag of a caption's words, or None.
            quarantined: ids of posts that a person has taken out of the corpus.
        """
        self._config = config
        self._blocklist = blocklist
        self._quarantined = quarantined
        self._read_language = read_language
        self._languages = frozenset(primary_tag(language) for language in config.languages)
        # The first rule bounds how long a caption the others read.
        self._first, self._others = RULES[0], RULES[1:]

    def examine(self, record: dict[str, Any], path: Path) -> Kept | Dropped:
        """Return what becomes of the record of a shard.

        Raises:
            ValueError: the record describes no post; the message says why and shows no caption.
        """
        image = record.get("image")
        if image is not None and not isinstance(image, str):
            raise ValueError("'image' is not text")
        raw = post_of({key: value for key, value in record.items() if key != "image"}, path)
        if raw.post_id in self._quarantined:
            return Dropped(QUARANTINED, "", raw)
        if self._breaks(self._first, TidyPost(raw.caption, (), ())):
            return Dropped(self._first.name, f"{len(raw.caption):,} characters", raw)
        caption, invisible, faces = tidy_caption(raw.caption, keep_emoji=self._config.keep_emoji)
        words = caption_words(caption)
        blocked = [tag for tag in raw.hashtags if self._blocklist.blocked(tag)]
        hashtags = tuple(tag for tag in raw.hashtags if tag not in blocked) if blocked else raw.hashtags
        post = Post(
            raw.post_id, raw.source, caption, hashtags, raw.author, raw.time, raw.query_tag, raw.split,
            topic=raw.topic, tag_origin=raw.tag_origin,
        )  # fmt: skip
        if len(blocked) > self._config.max_blocked:
            return Dropped(BLOCKED, ", ".join(sorted({str(self._blocklist.blocked(tag)) for tag in blocked})), raw)
        if len(hashtags) < self._config.min_hashtags:
            return Dropped(FEW_HASHTAGS, f"{len(hashtags)} hashtags", raw)
        language = self._read_language(words) if _tells_a_language(words) else None
        if language is not None and self._languages and language not in self._languages:
            return Dropped(OTHER_LANGUAGE, language, post)
        tidy = TidyPost(caption, words, hashtags)
        for rule in self._others:
            if self._breaks(rule, tidy):
                return Dropped(rule.name, "", post)
        listed = record.get("hashtags")
        mended = (
            (INVISIBLE, invisible),
            (EMOTICONS, faces),
            (NORMAL_FORM, listed is not None and list(raw.hashtags) != listed),
            (BLOCKED_TAKEN_OUT, bool(blocked)),
        )
        clean = {
            **record,
            "id": post.post_id,
            "source": post.source,
            "caption": caption,
            "hashtags": list(hashtags),
            "query_tag": post.query_tag,
        }
        if not image:
            clean.pop("image", None)
        return Kept(clean, post, words, language, _hour(post.time), tuple(what for what, done in mended if done))

    def _breaks(self, rule: SpamRule, post: TidyPost) -> bool:
        return rule.breaks(post, self._config.spam)


def _tells_a_language(words: tuple[str, ...]) -> bool:
    """Return whether a caption is long enough to be dropped for its language.

    Of 92 captions taken for foreign ones, 11 were short English ones in plain letters ("Las Vegas baby", "Go get em").
    """
    return len(words) >= MIN_PLAIN_WORDS or not "".join(words).isascii()


def _hour(time: str | None) -> int | None:
    if time is None:
        return None
    moment = datetime.fromisoformat(time)
    # A date without a time of day reads as midnight, and so do the dates of many an export.
    if (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() // 3600)
