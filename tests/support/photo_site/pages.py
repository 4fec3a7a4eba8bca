"""The site's pages as HTML, in the four ways in which such sites build them."""

from __future__ import annotations

import html
import json

from tests.support.photo_site.world import SitePost

PART = 12
"""Posts that an explore page loads at a time."""
# Topics whose explore pages do not say where they go on, and whose rows go when they leave the screen.
WITHOUT_NEXT = frozenset({"selfie", "fashion"})
RECYCLED = frozenset({"nature"})

_SHELL = """<!doctype html><html><head><meta charset="utf-8"><title>{title}</title>{head}</head>
<body>{banner}{body}{traps}</body></html>"""
TRAPS = """<script>fetch("/private/beacon").catch(() => 0)</script><img src="/private/pixel.gif">
<iframe src="/private/frame"></iframe>"""
"""What every page tries to load although robots.txt forbids it."""
_BANNER = """<div id="consent"><p>We value your privacy.</p><button id="all">Accept all</button>
<button id="needed">Only what is needed</button></div><script>
const decide = value => {{
  document.cookie = "consent=" + value + ";path=/";
  document.getElementById("consent").remove();
  if (window.begin) window.begin();
}};
document.getElementById("all").onclick = () => decide("all");
document.getElementById("needed").onclick = () => decide("needed");
</script>"""
_LIST = """<h1>#{tag}</h1><div id="grid" style="min-height:2000px"></div><script>
let after = {after}, busy = false, ended = false;
const grid = document.getElementById("grid");
async function more() {{
  if (busy || ended || document.getElementById("consent")) return;
  busy = true;
  const answer = await fetch("/api/explore?tag={tag}&after=" + after).catch(() => null);
  busy = false;
  if (!answer || !answer.ok) return;
  const part = await answer.json();
  if ({recycled}) {{
    grid.style.paddingTop = parseInt(grid.style.paddingTop || "0") + 260 * grid.childElementCount + "px";
    grid.replaceChildren();
  }}
  for (const link of part.links) {{
    const row = document.createElement("div");
    row.style.height = "260px";
    const a = document.createElement("a");
    a.href = link; a.textContent = "post"; row.append(a); grid.append(row);
  }}
  after = part.after; ended = part.ended;
  const onward = document.querySelector("link[rel=next]");
  if (onward) ended ? onward.remove() : onward.href = "?after=" + after;
  if (ended) grid.insertAdjacentHTML("beforeend", "<p class='the-end'>You have seen everything.</p>");
}}
window.begin = () => more();
window.addEventListener("scroll", () => more());
more();
</script>"""


def explore_page(tag: str, after: int, topic: str, *, consented: bool) -> str:
    """Return an explore page without posts: its script loads them once the visitor has decided about cookies."""
    onward = "" if topic in WITHOUT_NEXT else f'<link rel="next" href="?after={after + PART}">'
    body = _LIST.format(tag=tag, after=after, recycled="true" if topic in RECYCLED else "false")
    return _shell(f"#{tag}", onward, body, consented=consented)


def post_page(post: SitePost, address: str, picture: str, *, consented: bool) -> str:
    """Return a post's page: with schema.org data, with OpenGraph alone, in plain elements, or built by its script."""
    caption, when = html.escape(post.caption), post.time.isoformat()
    canonical = f'<link rel="canonical" href="{address}">'
    if post.topic in ("jewellery", "art"):
        head = (
            f'{canonical}<meta property="og:description" content="{caption}">'
            f'<meta property="og:image" content="{picture}">'
            f'<meta name="author" content="{post.author}"><meta property="article:published_time" content="{when}">'
        )
        return _shell("post", head, "", consented=consented)
    article = (
        f'<article><img class="photo" src="{picture}"><p class="caption">{caption}</p>'
        f'<a class="author" href="/@{post.author}/">{post.author}</a><time datetime="{when}">then</time></article>'
    )
    if post.topic in ("travel", "selfie"):
        return _shell("post", canonical, article, consented=consented)
    if post.topic in ("babies", "fashion"):
        script = (
            f"<div id=root></div><script>setTimeout(() => document.getElementById('root').innerHTML = "
            f"{json.dumps(article).replace('</', '<' + chr(92) + '/')}, 30)</script>"
        )
        return _shell("post", canonical, script, consented=consented)
    data = {
        "@context": "https://schema.org",
        "@type": "SocialMediaPosting",
        "identifier": post.post_id,
        "articleBody": post.caption,
        "author": {"@type": "Person", "name": "A name", "alternateName": post.author},
        "datePublished": when,
        "image": [{"@type": "ImageObject", "contentUrl": picture}],
        "keywords": ", ".join(post.hashtags),
    }
    script = f'<script type="application/ld+json">{json.dumps(data).replace("</", "<" + chr(92) + "/")}</script>'
    return _shell("post", canonical + script, article, consented=consented)


def login_page() -> str:
    """Return the page that visitors without an account are sent to."""
    form = '<form method="post"><input name="name"><input name="password" type="password"></form>'
    return _shell("Log in", "", form, consented=True)


def _shell(title: str, head: str, body: str, *, consented: bool) -> str:
    return _SHELL.format(
        title=html.escape(title), head=head, body=body, traps=TRAPS, banner="" if consented else _BANNER.format()
    )
