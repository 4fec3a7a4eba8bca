"""Every error that tagsmith raises on purpose.

TagsmithError
├── BadInput                what the caller sent cannot be used
│   ├── NothingToGoOn       no picture, no usable word, no usable seed
│   ├── InvalidOption       an option is out of range or contradicts another
│   ├── UnsupportedImage    not a picture format that we read
│   ├── UndecodableImage    a known format, but broken or cut short
│   └── ImageTooLarge       more bytes or pixels than allowed
├── DataError               training data or weights are missing, empty or malformed
├── WeightsUnavailable      pretrained weights can neither be read nor fetched
├── MissingExtra            an optional package that this needs is not installed
├── BundleError
│   ├── BundleMissing       there is no bundle where one was expected
│   ├── BundleMismatch      the bundle is of another format version
│   └── BundleCorrupt       a file of the bundle is missing or fails its hash
├── StorageError            the disk is full or a path cannot be written
├── StoreMismatch           the database has a schema that this version does not know
└── Unavailable             the service cannot answer just now
    ├── Overloaded          the queue is full
    ├── DeadlineExceeded    the request's time ran out
    ├── NotReady            no bundle is loaded yet, or the service is draining
    └── StoreUnavailable    the database cannot be reached or written to

Each message says what happened and, where there is one, what to do about it. The command line turns any of
them into exit code 2; ``service/problems.py`` alone gives them an HTTP status.
"""

from __future__ import annotations


class TagsmithError(Exception):
    """Something went wrong that a person can act on; ``str(error)`` is fit to be shown."""


class BadInput(TagsmithError):
    """What the caller sent cannot be used.

    Attributes:
        field: path of the offending field (``seeds[2]``), or None.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NothingToGoOn(BadInput):
    """No picture, no caption with a usable word and no usable seed."""


class InvalidOption(BadInput):
    """An option is out of range or contradicts another."""


class UnsupportedImage(BadInput):
    """The bytes are not a picture format that we read."""


class UndecodableImage(BadInput):
    """A known picture format, but truncated or broken."""


class ImageTooLarge(BadInput):
    """The picture has more bytes or pixels than allowed."""


class DataError(TagsmithError):
    """Training data is missing, empty, too small or malformed."""


class WeightsUnavailable(TagsmithError):
    """Pretrained weights can neither be read from a file nor fetched."""


class MissingExtra(TagsmithError):
    """An optional package that this needs is not installed."""


def lacking(what: str, package: str | None, extra: str | None) -> MissingExtra:
    """Return the error that says what ``what`` needs, and which extra of tagsmith, or tagsmith alone, brings it."""
    tagsmith = f"'tagsmith[{extra}]'" if extra else "tagsmith"
    return MissingExtra(f"{what} needs {package}; install it with: pip install {tagsmith}")


class BundleError(TagsmithError):
    """A bundle cannot be used."""


class BundleMissing(BundleError):
    """There is no bundle where one was expected."""


class BundleMismatch(BundleError):
    """The bundle is of another format version than this program reads."""


class BundleCorrupt(BundleError):
    """A file of the bundle is missing or fails its hash."""


class StorageError(TagsmithError):
    """The disk is full or a path cannot be written."""


class StoreMismatch(TagsmithError):
    """The database has a schema that this version does not know."""


class Unavailable(TagsmithError):
    """The service cannot answer just now.

    Attributes:
        retry_after_s: seconds after which a retry makes sense, or None.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Overloaded(Unavailable):
    """The queue is full."""


class DeadlineExceeded(Unavailable):
    """The request's time ran out before it was answered."""


class NotReady(Unavailable):
    """No bundle is loaded yet, or the service is draining."""


class StoreUnavailable(Unavailable):
    """The database cannot be reached or written to."""
