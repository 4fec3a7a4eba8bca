r"""Captions without what cannot be seen and without emoticons.

Invisible characters make equal captions differ, and emoticons leave letters behind that are not words: ":D" would
teach the word "d", "¯\_(ツ)_/¯" a Japanese one. Emoji are words of a caption (``core.text.caption``) and stay unless
asked otherwise. Invisible characters that join letters or emoji stay where they join.
"""

from __future__ import annotations

import unicodedata

import regex

_JOINED_EMOJI = r"[\p{Extended_Pictographic}\ufe0f\U0001f3fb-\U0001f3ff]"
# Scripts in which a joiner or its opposite changes the shape of letters; elsewhere it only hides.
_JOINING = r"[\p{Arabic}\p{Devanagari}\p{Bengali}\p{Malayalam}\p{Kannada}\p{Telugu}\p{Sinhala}\p{Tamil}\p{Khmer}\p{M}]"

_HIDDEN = (
    r"\p{Cf}\p{Cc}\p{Co}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufffc\ufffd\U000e0100-\U000e01ef"
)
# Judged by their neighbours, or visible although Unicode calls them format characters.
_OTHERWISE = r"\n\t\r\u200c\u200d\U000e0020-\U000e007f\u0600-\u0605\u06dd\u070f\u08e2"
_INVISIBLE = regex.compile(
    rf"""
      (?<! {_JOINING} ) \u200c | \u200c (?! {_JOINING} )
    | (?<! {_JOINING} | {_JOINED_EMOJI} ) \u200d | \u200d (?! {_JOINING} | \p{{Extended_Pictographic}} )
    | (?<! [\p{{Extended_Pictographic}}0-9\#*] ) [\ufe00-\ufe0f]
    | (?<! \U0001f3f4 | [\U000e0020-\U000e007f] ) [\U000e0020-\U000e007f]
    | [[{_HIDDEN}]--[{_OTHERWISE}]]
    """,
    regex.VERBOSE | regex.VERSION1,
)
_SPACES = regex.compile(r"[\p{Zs}\t]+")
_BREAKS = regex.compile(r" *(?:\r\n|[\r\u2028\u2029\n]) *")
_MANY_BREAKS = regex.compile(r"\n{3,}")
_TIDY_ASCII = regex.compile(r"(?:[!-~]+(?: [!-~]+)*)?")

# Eyes, perhaps a nose, a mouth; hearts; faces that lie flat. Only between spaces: "12:30" and "a/b" are none.
_EMOTICON = regex.compile(
    r"""
    (?<! \S )
    (?: [>}]? [:;=] ['’,]? [-~^o]? (?: [)(\]\[}{|/\\*$@3]+ | [DPpOo]{1,4} | [Xx] )
      | [)(\]\[]+ [-~^]? [:;=] [<{]?
      | [xX]D+ | <[/\\]?3+
      | \^ [_.o-]* \^ | [-oOTu>] _+ [-oOTu<] | [=] _+ [=] | > [._] <
      | ¯ \\ _* \( ツ \) _* / ¯ | ツ | ʕ \s? • \s? ᴥ \s? • \s? ʔ | \( \s? ͡ ?° \s? ͜ ?ʖ \s? ͡ ?° \s? \)
      | [ヽ╯(（]* [(（] [^\p{Lu}\p{Ll}\p{N}\s()（）]{3,12} [)）] [ノﾉ╯┻━彡]*
    )
    (?! [\p{L}\p{N}] )
    """,
    regex.VERBOSE,
)
_MAYBE_EMOTICON = regex.compile(r"(?<!\S)[^\p{L}\p{N}\s#@]|ツ|(?<!\S)(?:[xX]D|[oOTu]_)")
_EMOJI = regex.compile(
    r"[\U0001f1e6-\U0001f1ff]{2} | (?=\p{Emoji}) \p{Extended_Pictographic} [\ufe0f\U0001f3fb-\U0001f3ff]?"
    r"(?: \u200d \p{Extended_Pictographic} [\ufe0f\U0001f3fb-\U0001f3ff]? )* | [\#*0-9] \ufe0f? \u20e3",
    regex.VERBOSE,
)


def tidy_caption(caption: str, *, keep_emoji: bool) -> tuple[str, bool, bool]:
    """Return (caption, whether something invisible went, whether an emoticon or emoji went).

    The result is NFC, has single spaces and at most one empty line in a row, and no space at its ends. Applying it
    twice changes nothing.
    """
    if _TIDY_ASCII.fullmatch(caption) and not _MAYBE_EMOTICON.search(caption):
        return caption, False, False
    text, n_invisible, n_faces = caption, 0, 0
    while True:
        before = text
        text, n_now = _INVISIBLE.subn("", _BREAKS.sub("\n", text))
        n_invisible += n_now
        if not keep_emoji:
            text, n_now = _EMOJI.subn(" ", text)
            n_faces += n_now
        if _MAYBE_EMOTICON.search(text):
            text, n_now = _EMOTICON.subn(" ", text)
            n_faces += n_now
        text = _BREAKS.sub("\n", _SPACES.sub(" ", unicodedata.normalize("NFC", text)))
        text = _MANY_BREAKS.sub("\n\n", text).strip()
        if text == before:
            return text, n_invisible > 0, n_faces > 0
