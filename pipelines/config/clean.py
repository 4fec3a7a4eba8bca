"""The numbers of a cleaning; ``pipelines/default.toml`` holds their values, docs/cleaning.md explains them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from pipelines.config.toml_values import AtLeastOne, Share


@dataclass(frozen=True, slots=True)
class SpamConfig:
    """Where a post begins to look like an advertisement or like the work of a program.

    Attributes:
        max_hashtags: most different hashtags.
        max_links: most links in a caption.
        max_mentions: most accounts mentioned in a caption.
        max_prices: most prices in a caption.
        max_repeats: most times that one hashtag stands in a caption.
        min_different: least share of different words among those of a caption of ten words and more, 0 to 1.
        min_follow_tags: hashtags that ask for followers or likes from which a post is a trade in them ...
        min_follow_share: ... when they are at least this share of its hashtags, 0 to 1.
        min_advert_signs: different signs of an offer (telephone number, price, "order now", ...) that make one.
    """

    max_hashtags: int
    max_links: int
    max_mentions: int
    max_prices: int
    max_repeats: int
    min_different: Share
    min_follow_tags: int
    min_follow_share: Share
    min_advert_signs: int


@dataclass(frozen=True, slots=True)
class AuthorsConfig:
    """What one author may do.

    Attributes:
        max_same_caption: posts with the same words that are kept.
        max_per_hour: posts within one hour of the clock that are kept; dates without a time are not judged.
    """

    max_same_caption: int
    max_per_hour: int


@dataclass(frozen=True, slots=True)
class CopiesConfig:
    """When two captions count as copies.

    Attributes:
        min_words: captions with fewer words are too short to count as near copies.
        long_words: captions with at least this many words are copies by their words alone, shorter ones by words and
            hashtags.
        similarity: least Jaccard similarity of their shingles, 0.3 to 1.
        permutations: hash functions of a signature, 16 to 256.
    """

    min_words: int
    long_words: int
    similarity: Annotated[float, Field(ge=0.3, le=1)]
    permutations: Annotated[int, Field(ge=16, le=256)]


@dataclass(frozen=True, slots=True)
class PicturesConfig:
    """Which pictures are kept.

    Attributes:
        max_bytes: larger files are not opened.
        min_side: fewest pixels of the shorter side.
        max_distance: bits of 256 in which the perceptual hashes of two copies differ at most, 0 to 48.
        workers: pictures looked at at the same time.
    """

    max_bytes: int
    min_side: int
    max_distance: Annotated[int, Field(ge=0, le=48)]
    workers: AtLeastOne


@dataclass(frozen=True, slots=True)
class CleanConfig:
    """What a clean corpus is.

    Attributes:
        languages: primary tags of the languages to keep; empty keeps all. Captions whose language is not clear stay.
        keep_emoji: whether captions keep their emoji; emoticons of punctuation are always removed.
        min_hashtags: posts with fewer hashtags, after normalising, are dropped.
        max_blocked: most hashtags of the block list in a post that is kept; they are taken out of it.
        samples: dropped posts of each rule that are kept for review.
    """

    languages: tuple[str, ...]
    keep_emoji: bool
    min_hashtags: int
    max_blocked: int
    samples: int
    spam: SpamConfig
    authors: AuthorsConfig
    copies: CopiesConfig
    pictures: PicturesConfig
