"""Pages drawn by a browser, with their exact text from the DOM: `python -m nano.web evaluation FOLDER` (or `measure SECONDS`).

A persistent headless Chromium (CHROMIUM_PATH, /usr/bin/chromium by default) is driven over a pipe with the DevTools protocol: no library is needed. A page is
swapped in place, its words are read with their boxes in the order of the document, grouped into lines, and what is cut at the window's edge is covered,
so that all text that shows is in the answer.
"""

import base64
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from .fetch_reading import PACK
from .pages.content import Content
from .pages.sheet import FIRST, OTHER
from .reading_tasks import Page
from . import web_pages

# Words with boxes, in document order; cut words are left out and covered. Returns {words: [[text, x0, y0, x1, y1, block, size of type, centres x, y of its characters]], bad}.
EXTRACT = """(() => {
  const W = innerWidth, H = innerHeight, words = [], cut = [];
  document.getElementById('nano-cover')?.remove();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  const blocks = new Map();
  for (let node; (node = walker.nextNode()); ) {
    const parent = node.parentElement;
    if (!parent || /^(SCRIPT|STYLE|NOSCRIPT|TEMPLATE|TITLE|OPTION)$/.test(parent.tagName)) continue;
    const style = getComputedStyle(parent);
    if (style.visibility !== 'visible' || style.opacity === '0') continue;
    let block = parent;
    while (block.parentElement && getComputedStyle(block).display.startsWith('inline')) block = block.parentElement;
    if (!blocks.has(block)) blocks.set(block, blocks.size);
    for (const m of node.data.matchAll(/[^\\s]+/g)) {
      range.setStart(node, m.index); range.setEnd(node, m.index + m[0].length);
      const rects = range.getClientRects();
      for (const r of rects.length > 1 ? [range.getBoundingClientRect()] : rects) {
        if (r.width < 1 || r.height < 1 || r.bottom <= 0 || r.top >= H) continue;
        let text = m[0];
        if (style.textTransform === 'uppercase') text = text.toUpperCase();
        const centres = [];
        if (rects.length === 1)
          for (let i = 0; i < m[0].length; i++) {
            range.setStart(node, m.index + i); range.setEnd(node, m.index + i + 1);
            const c = range.getBoundingClientRect();
            centres.push((c.left + c.right) / 2, (c.top + c.bottom) / 2);
          }
        const word = [text, r.left, r.top, r.right, r.bottom, blocks.get(block), parseFloat(style.fontSize), centres];
        (r.left < 0 || r.top < 0 || r.right > W || r.bottom > H || rects.length > 1 ? cut : words).push(word);
      }
    }
  }
  const below = cut.filter((w) => w[4] > H || w[2] > H / 2).map((w) => w[2]);
  const cover = below.length ? Math.max(0, Math.min(...below) - 1) : null;
  const bad = cut.some((w) => cover === null || w[2] < cover);
  if (cover !== null) {
    const d = document.createElement('div');
    d.id = 'nano-cover';
    d.style.cssText = `position:fixed;z-index:99999;left:0;right:0;bottom:0;top:${cover}px;background:${getComputedStyle(document.body).backgroundColor.replace('rgba(0, 0, 0, 0)', 'white')}`;
    document.body.append(d);
  }
  return JSON.stringify({ words: words.filter((w) => cover === null || w[4] <= cover + 1), bad: bad || words.some((w) => cover !== null && w[2] < cover && w[4] > cover + 1) });
})()"""


class Browser:
    """A headless Chromium with one page, driven over a pipe."""

    def __init__(self, width: int, height: int, hinting: str = "full"):
        """hinting: how letters are fitted to pixels (none, slight, medium, full), as on different systems."""
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, from_us = os.pipe()
        to_us, from_browser = os.pipe()

        def wire():
            # the protocol's pipe is file descriptors 3 and 4; move both away first so that neither overwrites the other
            reading, writing = os.dup(to_browser), os.dup(from_browser)
            high = [os.dup2(reading, 63), os.dup2(writing, 64)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            [
                os.environ.get("CHROMIUM_PATH", "/usr/bin/chromium"),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--disable-dev-shm-usage",
                f"--font-render-hinting={hinting}",
                "--remote-debugging-pipe",
                "--no-first-run",
                "--disable-extensions",
                "--allow-file-access-from-files",
                f"--user-data-dir={self.folder.name}",
                f"--window-size={width},{height}",
                "about:blank",
            ],
            preexec_fn=wire,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.write, self.read = os.fdopen(from_us, "wb", 0), os.fdopen(to_us, "rb", 0)
        self.number, self.rest = 0, b""
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        self.page("Page.enable")
        self.head = ""
        self.size(width, height)

    def _messages(self):
        while True:
            while b"\0" in self.rest:
                message, self.rest = self.rest.split(b"\0", 1)
                yield json.loads(message)
            data = self.read.read(1 << 20)
            if not data:
                raise RuntimeError("the browser ended: is CHROMIUM_PATH right, and are there fonts on this machine?")
            self.rest += data

    def call(self, method: str, session: str | None = None, **parameters) -> dict:
        """One command and its result; events on the way are passed over."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        self.write.write(json.dumps(message).encode() + b"\0")
        for answer in self._messages():
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
        raise RuntimeError("the browser ended")

    def page(self, method: str, **parameters) -> dict:
        """A command to the page."""
        return self.call(method, self.session, **parameters)

    def size(self, width: int, height: int) -> None:
        """The window's size in CSS pixels, one device pixel each."""
        self.page("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def evaluate(self, script: str):
        """A script's value, promises awaited."""
        result = self.page("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"].get("description", "script failed"))
        return result["result"].get("value")

    def open(self, url: str) -> None:
        """Goes to an address and waits until it is complete, fonts too."""
        self.page("Page.navigate", url=url)
        for _ in range(100):
            if self.evaluate("document.readyState") == "complete":
                break
            time.sleep(0.02)
        self.evaluate("document.fonts.ready.then(() => 1)")

    def show(self, head: str, body: str) -> None:
        """Swaps the page's styles and body in place (a third of the time of a new page)."""
        styles = "" if head == self.head else f"document.head.innerHTML = {json.dumps(head)};"
        self.head = head
        self.evaluate(f"{styles} document.body.innerHTML = {json.dumps(body)}; document.fonts.ready.then(() => 1)")

    def take(self) -> tuple[Image.Image, list[list[str]], float, np.ndarray] | None:
        """(picture, lines as lists of pieces, smallest size of type, characters as Sheet.finish gives them).

        None where text is cut so that it cannot be covered, or where there is none.
        """
        found = json.loads(self.evaluate(EXTRACT))
        if found["bad"] or not found["words"] or overlapping(found["words"]):
            return None
        image = Image.open(io.BytesIO(base64.b64decode(self.page("Page.captureScreenshot", format="png", optimizeForSpeed=True)["data"]))).convert("RGB")
        return image, lines_of(found["words"]), min(w[6] for w in found["words"]), characters_of(found["words"])

    def close(self) -> None:
        """Ends the browser, by force where it does not end by itself."""
        self.write.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()


def overlapping(words: list) -> bool:
    """Whether words lie over one another, as where a column is too narrow for what is in it."""
    box = np.array([w[1:5] for w in words], np.float32)
    wide = np.minimum(box[:, None, 2], box[None, :, 2]) - np.maximum(box[:, None, 0], box[None, :, 0])
    high = np.minimum(box[:, None, 3], box[None, :, 3]) - np.maximum(box[:, None, 1], box[None, :, 1])
    small = np.minimum(box[:, None, 3] - box[:, None, 1], box[None, :, 3] - box[None, :, 1])
    over = (wide > 3) & (high > 0.4 * small)
    np.fill_diagonal(over, False)
    return bool(over.any())


def characters_of(words: list) -> np.ndarray:
    """Words with boxes -> (n, 4) float32 of each character's centre x, y, class and cap height (about 0.7 of the size of type)."""
    rows = []
    for text, *_, size, centres in words:
        if len(centres) == 2 * len(text):  # letters whose case the style changed into several have no places
            rows += [(x, y, min(max(ord(c) - FIRST, 0), OTHER), 0.7 * size) for c, x, y in zip(text, centres[::2], centres[1::2])]
    return np.array(rows, np.float32).reshape(-1, 4)


def lines_of(words: list) -> list[list[str]]:
    """Words with boxes in document order -> lines of pieces: a piece ends where a block does or a gap is wider than a letter and a half."""
    lines: list = []
    last = None
    for text, x0, y0, x1, y1, block, size, _ in words:
        same = last is not None and min(y1, last[2]) - max(y0, last[1]) > 0.6 * min(y1 - y0, last[2] - last[1]) and x0 >= last[0] - 1
        if not same:
            lines.append([[text]])
        elif block != last[3] or x0 - last[0] > 1.5 * size:
            lines[-1].append([text])
        elif x0 - last[0] < 0.08 * size:  # one word in two elements
            lines[-1][-1][-1] += text
        else:
            lines[-1][-1].append(text)
        last = (x1, y0, y1, block)
    return [[" ".join(piece) for piece in line] for line in lines]


# ---- pages -------------------------------------------------------------------------------------------------------------


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def styles(split: str, rng: random.Random) -> str:
    """A head: fonts of the split, colours, sizes."""
    index = json.loads((PACK / "fonts.json").read_text())
    families: dict = {}
    for name, e in sorted(index.items()):
        if e["split"] == split:
            families.setdefault((e["family"], e["mono"]), []).append((name, e["style"]))
    plain = [k for k in families if not k[1]]
    mono = [k for k in families if k[1]]
    faces = ""
    for css, key in (("Body", rng.choice(plain)), ("Head", rng.choice(plain)), ("Code", rng.choice(mono))):
        for name, style in families[key]:
            if "Italic" not in style:
                weight = 700 if "Bold" in style or "700" in style else 400
                faces += f"@font-face{{font-family:{css};font-weight:{weight};src:url('file://{PACK}/fonts/{name}')}}"
    dark = rng.random() < 0.25
    hue, pale = rng.randint(0, 359), f"{rng.randint(14, 22) if dark else rng.randint(92, 97)}%"
    ground = f"hsl({hue} 15% {rng.randint(6, 14)}%)" if dark else rng.choice(("#fff", "#fff", f"hsl({hue} 25% 98%)"))
    ink = f"hsl({hue} 10% {rng.randint(80, 95) if dark else rng.randint(5, 32)}%)"
    r = rng.choice((0, 3, 6, 12))
    return f"""<style>{faces}
      *{{box-sizing:border-box}} body{{margin:0;font:{rng.choice((12, 13, 14, 14, 15, 16, 17))}px/{rng.choice((1.3, 1.4, 1.5, 1.6))} Body;color:{ink};background:{ground}}}
      h1,h2,h3{{font-family:Head;margin:.5em 0 .3em;line-height:1.2}} h1{{font-size:{rng.uniform(1.4, 2.2):.2f}em}} code,pre{{font-family:Code;font-size:.92em}}
      .bar{{display:flex;gap:18px;padding:{rng.randint(8, 16)}px 16px;background:hsl({hue} {rng.randint(10, 70)}% {rng.randint(25, 45)}%);color:#fff;align-items:center}}
      .bar b{{font-family:Head}} main{{padding:10px 16px;flex:1;min-width:0}} .row{{display:flex;gap:14px}} .side{{width:{rng.randint(120, 180)}px;padding:10px 14px;background:hsl({hue} 20% {pale})}}
      .card{{flex:1;padding:10px 12px;border:1px solid hsl({hue} 15% 60% / .5);border-radius:{r}px;background:hsl({hue} 25% {pale})}} .big{{font:700 1.7em Head}} .soft{{opacity:.72;font-size:.86em}}
      table{{border-collapse:collapse;width:100%}} td,th{{text-align:left;padding:{rng.randint(3, 8)}px 8px;border-bottom:1px solid hsl({hue} 10% 60% / .5)}} td.n{{text-align:right}}
      .field{{border:1px solid hsl({hue} 10% 60%);border-radius:{r}px;padding:5px 9px;margin:2px 0 9px;min-height:1.9em}} .button{{display:inline-block;background:hsl({hue} 60% 38%);color:#fff;
      padding:6px 14px;border-radius:{r}px;margin-right:8px}} .msg{{max-width:70%;width:fit-content;padding:7px 11px;border-radius:12px;background:hsl({hue} 25% {pale});margin:6px 0}}
      .me{{margin-left:auto}} .two{{columns:2;column-gap:24px}} .flex{{display:flex;justify-content:space-between;gap:20px;border-bottom:1px solid hsl({hue} 10% 60% / .4);padding:6px 0}}
      pre{{padding:8px;background:hsl({hue} 20% {pale});margin:6px 0}} p{{margin:.4em 0}}</style>"""


def body(write: Content, rng: random.Random) -> str:
    """A page's body: a bar, perhaps a side, blocks of different kinds."""
    e = _escape

    def many(make, low, high):
        return "".join(make() for _ in range(rng.randint(low, high)))

    blocks = {
        "text": lambda: f"<h2>{e(write.title())}</h2>" + many(lambda: f"<p>{e(write.paragraph(rng.choice((60, 160, 300))))}</p>", 1, 3),
        "two": lambda: f"<div class=two>{many(lambda: f'<p>{e(write.paragraph(160))}</p>', 2, 3)}</div>",
        "list": lambda: f"<h3>{e(write.title())}</h3><ul>" + many(lambda: f"<li>{e(write.sentence())}</li>", 2, 5) + "</ul>",
        "table": lambda: (
            "<table><tr>"
            + "".join(f"<th>{e(write.title())}</th>" for _ in range(4))
            + "</tr>"
            + many(
                lambda: (
                    f"<tr><td>{e(write.words(1, 2))}</td><td>{e(write.date())}</td><td>{e(write.value())}</td><td class=n>{e(write.price())}</td></tr>"
                ),
                2,
                8,
            )
            + "</table>"
        ),
        "cards": lambda: (
            "<div class=row>"
            + many(
                lambda: (
                    f"<div class=card><div>{e(write.label())}</div><div class=big>{e(write.number())}</div><div class=soft>{e(write.percent())} {e(write.words(1, 2))}</div></div>"
                ),
                2,
                4,
            )
            + "</div>"
        ),
        "form": lambda: (
            many(lambda: f"<label>{e(write.label())}</label><div class=field>{e(write.value())}</div>", 1, 4)
            + many(lambda: f"<span class=button>{e(write.title())}</span>", 1, 3)
        ),
        "chat": lambda: many(
            lambda: (
                f"<div class='msg {rng.choice(('me', ''))}'>{e(write.paragraph(30))}<div class=soft>{e(write.name())} {e(write.time())}</div></div>"
            ),
            2,
            4,
        ),
        "pairs": lambda: many(lambda: f"<div class=flex><span>{e(write.label())}</span><b>{e(write.value())}</b></div>", 2, 7),
        "code": lambda: "<pre>" + e("\n".join(line[:64] for line in write.code_lines(rng.randint(4, 10)))) + "</pre>",
    }
    bar = (
        f"<div class=bar><b>{e(write.title())}</b>" + many(lambda: f"<span>{e(write.title())}</span>", 1, 3) + "</div>" if rng.random() < 0.6 else ""
    )
    side = "<div class=side>" + many(lambda: f"<div>{e(write.title())}</div>", 3, 10) + "</div>" if rng.random() < 0.3 else ""
    main = f"<main>{''.join(blocks[rng.choice(list(blocks))]() for _ in range(rng.randint(1, 4)))}</main>"
    return f"{bar}<div style='display:flex'>{side}{main}</div>"


class Drawer:
    """Draws training pages with a browser of its own, as reading.draw_page does with Pillow."""

    def __init__(self):
        self.browser = None
        self.left = 0
        self.facts: list = []  # what the last page says
        self.head, self.pages = "", 0  # a look, and for how many pages it still serves: fonts take long to load

    def page(self, rng: random.Random, split: str, size: tuple[int, int], shift: int):
        """(picture, characters, lines, smallest cap height), `shift` pixels smaller than `size`; None where text is cut or too small."""
        if self.left == 0:  # a fresh browser now and then: memory
            if self.browser:
                self.browser.close()
            self.browser, self.left, self.window = Browser(size[0] - shift, size[1] - shift, rng.choice(("none", "slight", "full"))), 4000, None
            self.browser.open("file:///dev/null")
        self.left -= 1
        window = size[0] - shift, size[1] - shift
        if window != self.window:
            self.browser.size(*window)
            self.window = window
        if self.pages == 0:
            self.head, self.pages = web_pages.styles(split, rng), 3
        self.pages -= 1
        html, self.facts = web_pages.body(Content(split, rng), rng, window)
        self.browser.show(self.head, html)
        taken = self.browser.take()
        if taken is None or taken[2] < 9:
            return None
        return taken[0], taken[3], taken[1], 0.7 * taken[2]


    def stop(self) -> None:
        """Ends its browser."""
        if self.browser:
            self.browser.close()
            self.browser, self.left = None, 0


# Pages written by others, to be read but not learnt: documentation that Debian and Node.js install.
REAL = ("/usr/lib/node_modules/npm/docs/output/**/*.html", "/usr/share/doc/libffi-dev/html/*.html", "/usr/share/doc/libxslt1-dev/**/*.html")


def evaluation(folder: Path, synthetic: int = 24, real: int = 24) -> None:
    """Writes held-out pages and their texts: our own HTML with fonts and words of the test split, and documentation others wrote."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random("browser evaluation")
    write = Content("test", rng)
    entries = []
    files = sorted(str(f) for pattern in REAL for f in Path("/").glob(pattern[1:]))
    rng.shuffle(files)
    for size in ((672, 448), (896, 672)):
        browser = Browser(*size)
        browser.open("file:///dev/null")

        def keep(taken, source):
            if taken is None or taken[2] < 10:
                return False
            text = Page(taken[1]).text
            if not 40 <= len(text) <= 600 or any(ord(c) > 0x2200 for c in text):
                return False
            name = f"{len(entries):03}.png"
            taken[0].quantize(256).save(folder / name, optimize=True)
            entries.append({"file": name, "source": source, "text": text})
            return True

        count = 0
        for _ in range(400):
            if count == synthetic // 2:
                break
            browser.show(styles("test", rng), body(write, rng))
            count += keep(browser.take(), "own HTML")
        count = 0
        for file in files:
            if count == real // 2:
                break
            if any(e["source"] == file for e in entries):
                continue
            browser.open(f"file://{file}")
            height = browser.evaluate("document.documentElement.scrollHeight")
            browser.evaluate(f"scrollTo(0, {rng.randint(0, max(0, height - size[1]))})")
            # text cut at the top: scroll on to where a line begins
            for _ in range(12):
                taken = browser.take()
                if taken is not None:
                    break
                browser.evaluate("scrollBy(0, 5)")
            count += keep(taken, file)
        browser.close()
    (folder / "pages.json").write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
    print(len(entries), "pages,", sum(e["source"] != "own HTML" for e in entries), "of others'")


def measure(seconds: float) -> None:
    """Prints how many pages a second one browser gives."""
    rng = random.Random(1)
    drawer = Drawer()
    began, drawn, kept, characters = time.time(), 0, 0, 0
    while time.time() - began < seconds:
        page = drawer.page(rng, "train", (896, 672), 14)
        drawn += 1
        if page is not None:
            kept += 1
            characters += len(Page(page[2]).text)
    print(f"{kept / (time.time() - began):.1f} pages/s kept of {drawn / (time.time() - began):.1f}, {characters / max(1, kept):.0f} characters each")
    drawer.stop()


if __name__ == "__main__":
    if sys.argv[1] == "evaluation":
        evaluation(Path(sys.argv[2]))
    else:
        measure(float(sys.argv[2]))
