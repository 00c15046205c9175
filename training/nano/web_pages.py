"""Pages of many looks for training, as HTML: applications, shops, mail, documentation, tables, editors, receipts.

The looks follow habits of known frameworks and of pages without any; the HTML is our own. What a page says comes from pages/content.py; all that shows
is text of the document, in the order in which one reads it.
"""

import json
import random
from functools import lru_cache

from . import facts
from .facts import Fact, pair
from .fetch_reading import PACK
from .pages.charts import extremes
from .pages.content import Content


@lru_cache(None)
def families(split: str) -> tuple[list, list]:
    """The split's font families, plain and of one width: lists of lists of (file, weight)."""
    found: dict = {}
    for name, e in sorted(json.loads((PACK / "fonts.json").read_text()).items()):
        if e["split"] == split and "Italic" not in e["style"]:
            weight = 700 if "Bold" in e["style"] or "700" in e["style"] else 400
            found.setdefault((e["mono"], e["family"]), []).append((name, weight))
    return [v for k, v in found.items() if not k[0]], [v for k, v in found.items() if k[0]]


def faces(split: str, rng: random.Random) -> str:
    """Declarations of the fonts Body, Head and Code."""
    plain, mono = families(split)
    body = rng.choice(plain)
    out = ""
    for css, files in (("Body", body), ("Head", body if rng.random() < 0.5 else rng.choice(plain)), ("Code", rng.choice(mono))):
        out += "".join(f"@font-face{{font-family:{css};font-weight:{w};src:url('file://{PACK}/fonts/{name}')}}" for name, w in files)
    return out


def styles(split: str, rng: random.Random) -> str:
    """A head: fonts of the split, and one look."""
    pick, unit = rng.choice, rng.uniform
    look = pick(("none", "none", "docs", "docs", "boot", "material", "flat", "dense", "editor"))
    dark = rng.random() < {"none": 0.03, "docs": 0.15, "editor": 0.8}.get(look, 0.25)
    hue, tint = rng.randint(0, 359), rng.randint(0, 30)
    ground = f"hsl({hue} {tint}% {rng.randint(5, 15)}%)" if dark else pick(("#fff", "#fff", "#fff", f"hsl({hue} {tint}% {rng.randint(94, 99)}%)"))
    ink = f"hsl({hue} 10% {rng.randint(78, 97) if dark else rng.randint(0, 32)}%)"
    soft = f"hsl({hue} 8% {rng.randint(58, 75) if dark else rng.randint(32, 50)}%)"
    pale = f"hsl({hue} {tint}% {rng.randint(14, 23) if dark else rng.randint(91, 98)}%)"
    edge = f"hsl({hue} {tint // 2}% {rng.randint(25, 40) if dark else rng.randint(75, 90)}%)"
    accent = f"hsl({pick((hue, 210, 215, 230, 260, 150, 0))} {rng.randint(45, 90)}% {rng.randint(55, 72) if dark else rng.randint(32, 48)}%)"
    on = "#111" if dark else "#fff"
    size = pick((12, 13, 13, 14, 14, 14, 15, 16, 16, 16, 17)) if look != "dense" else pick((11, 12, 12, 13))
    r = {"none": 0, "docs": pick((0, 3, 4)), "boot": 6, "material": 4, "flat": pick((0, 8, 12)), "dense": 3, "editor": 2}[look]
    shadow = pick(("none", "0 1px 3px #0004", "0 2px 8px #0003")) if look in ("material", "flat", "boot") else "none"
    link = accent if look != "none" else pick(("#0000ee", "#06c", accent))
    upper = look == "material" or rng.random() < 0.08
    grid = pick(("all", "rows", "rows", "none", "stripes"))
    line = unit(1.15, 1.35) if look in ("none", "dense") else unit(1.3, 1.7)
    cell = {"all": f"border:1px solid {edge}", "rows": f"border-bottom:1px solid {edge}"}.get(grid, "")
    return f"""<style>{faces(split, rng)}
    *{{box-sizing:border-box}} body{{margin:0;font:{size}px/{line:.2f} Body;color:{ink};background:{ground}}}
    main{{padding:{rng.randint(4, 22)}px {rng.randint(6, 30)}px;flex:1;min-width:0;{pick(('', '', '', 'max-width:46em;', 'max-width:60em;margin:0 auto;'))}}}
    h1,h2,h3,h4{{font-family:Head;line-height:1.2;margin:{unit(.5, 1):.2f}em 0 {unit(.2, .5):.2f}em;font-weight:{pick((400, 700, 700))};{pick(('', '', f'color:{accent};'))}}}
    h1{{font-size:{unit(1.5, 2.3):.2f}em;{pick(('', f'border-bottom:1px solid {edge};'))}}} h2{{font-size:{unit(1.2, 1.7):.2f}em}} h3{{font-size:{unit(1.05, 1.3):.2f}em}}
    h4{{font-size:1em}} p{{margin:{unit(.3, .9):.2f}em 0}} ul{{margin:.4em 0;padding-left:{unit(1.3, 2.4):.1f}em;list-style:{pick(('disc', 'disc', 'circle', 'square', 'none'))}}}
    a{{color:{link};text-decoration:{pick(('none', 'underline', 'underline')) if look == 'none' else pick(('none', 'none', 'underline'))}}}
    code,pre,.code{{font-family:Code;font-size:{unit(.84, 1):.2f}em}} code{{{pick(('', f'background:{pale};padding:1px 4px;border-radius:3px;', f'color:{accent};'))}}}
    pre{{margin:.5em 0;padding:{rng.randint(4, 12)}px;line-height:{unit(1.2, 1.55):.2f};{pick((f'background:{pale};', f'border:1px solid {edge};', '', 'background:#16181d;color:#dde;' if not dark else ''))}border-radius:{r}px}}
    .k{{color:{accent}}} .soft{{color:{soft};font-size:{unit(.78, .95):.2f}em}} .b{{font-weight:700}} .n{{text-align:right}} .c{{text-align:center}}
    .row{{display:flex;gap:{rng.randint(6, 22)}px;align-items:{pick(('center', 'baseline', 'flex-start'))}}} .apart{{display:flex;justify-content:space-between;gap:18px}}
    .line{{padding:{rng.randint(2, 9)}px {rng.randint(0, 8)}px;{pick((f'border-bottom:1px solid {edge};', ''))}}} .g2,.g3,.g4{{display:grid;gap:{rng.randint(6, 20)}px;grid-template-columns:1fr 1fr}}
    .g3{{grid-template-columns:repeat(3,1fr)}} .g4{{grid-template-columns:repeat(4,1fr)}} .box{{padding:{rng.randint(6, 16)}px;background:{pick((pale, ground))};border:{pick(('1px solid ' + edge, '1px solid ' + edge, '0'))};
    border-radius:{r}px;box-shadow:{shadow};margin:{rng.randint(0, 10)}px 0;min-width:0}} .big{{font:700 {unit(1.4, 2.2):.1f}em Head}} .bar{{display:flex;gap:{rng.randint(10, 26)}px;align-items:center;
    padding:{rng.randint(5, 15)}px {rng.randint(8, 24)}px;{pick((f'background:{accent};color:{on};', f'background:{pale};border-bottom:1px solid {edge};', 'background:#23272e;color:#eee;'))}white-space:nowrap;overflow:hidden}} .bar a{{color:inherit}}
    .side{{min-width:{rng.randint(110, 200)}px;max-width:45%;flex:none;padding:{rng.randint(6, 16)}px;{pick((f'background:{pale};', f'border-right:1px solid {edge};', ''))}}} .side div,.side a{{display:block;padding:{rng.randint(1, 6)}px 0}}
    table{{border-collapse:collapse;{pick(('width:100%;', 'width:100%;', ''))}margin:.5em 0}} td,th{{text-align:left;padding:{rng.randint(1, 8)}px {rng.randint(4, 14)}px;vertical-align:top;{cell}}} td.n,th.n{{text-align:right}}
    th{{{pick((f'background:{pale};', '', f'color:{soft};', f'border-bottom:2px solid {edge};'))}}} tr:nth-child(even){{{f'background:{pale}' if grid == 'stripes' else ''}}}
    .button{{display:inline-block;padding:{rng.randint(2, 8)}px {rng.randint(8, 18)}px;margin:2px 6px 2px 0;border-radius:{pick((r, r, 99))}px;background:{accent};color:{on};{'text-transform:uppercase;letter-spacing:.04em;' if upper else ''}}}
    .ghost{{background:none;color:{accent};border:1px solid {pick((accent, edge))}}} .tag{{display:inline-block;padding:0 7px;border-radius:{pick((3, 99))}px;background:{pick((pale, accent))};color:{ink};font-size:.82em;margin-right:5px}}
    .field{{border:1px solid {edge};{pick(('', 'border-width:0 0 1px;'))}border-radius:{r}px;padding:{rng.randint(2, 8)}px 9px;margin:2px 0 {rng.randint(3, 12)}px;min-height:1.9em}}
    .msg{{max-width:72%;width:fit-content;padding:6px 11px;border-radius:{pick((4, 12, 18))}px;background:{pale};margin:5px 0}} .me{{margin-left:auto;{pick((f'background:{accent};color:{on}', ''))}}}
    .two{{columns:2;column-gap:24px}} dt{{font-weight:{pick((400, 700))}}} dd{{margin:0 0 .5em {unit(1, 2.5):.1f}em}} blockquote{{margin:.6em 0;padding-left:12px;border-left:3px solid {edge};color:{soft}}}
    .note{{padding:8px 12px;border-left:4px solid {accent};background:{pale};margin:.6em 0}} hr{{border:0;border-top:1px solid {edge}}} .tabs{{display:flex;gap:16px;border-bottom:1px solid {edge};padding:4px 0}}
    .narrow{{width:{rng.randint(220, 330)}px;margin:0 auto;{pick(('font-family:Code;', ''))}}} .pic{{background:{edge};height:{rng.randint(30, 90)}px;border-radius:{r}px}} .dot{{width:1.7em;height:1.7em;border-radius:50%;background:{accent};flex:none}}
    .toc{{display:flex}} .toc i{{flex:1;border-bottom:1px dotted {soft};margin:0 6px .3em}}</style>"""


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Blocks:
    """Parts of pages, each a method without arguments; `facts` is what they say, for questions."""

    def __init__(self, write: Content, rng: random.Random):
        self.write, self.random = write, rng
        self.facts: list[Fact] = []
        self.buttons_drawn: list[str] = []

    def said(self, *names: str) -> tuple[str, str]:
        """A text of one of these kinds: (as it is, escaped)."""
        text = getattr(self.write, self.random.choice(names))()
        return text, _escape(text)

    def both(self, label: tuple[str, ...], value: tuple[str, ...], html: str, kind: str = "field") -> str:
        """A label and a value put into `html` ({0} and {1}) and noted; their kinds of text are methods of Content."""
        (a, first), (b, second) = self.said(*label), self.said(*value)
        self.facts += pair(a, b, kind)
        return html.format(first, second)

    def t(self, *names: str) -> str:
        """A text of one of these kinds (methods of Content), escaped."""
        return _escape(getattr(self.write, self.random.choice(names))())

    def many(self, make, low: int, high: int) -> str:
        """Some of them in a row."""
        return "".join(make() for _ in range(self.random.randint(low, high)))

    def phrase(self, low: int, high: int) -> str:
        """Some words."""
        return _escape(self.write.words(low, high))

    def prose(self, characters: int) -> str:
        """Sentences with names of a program, links and bold words in them."""
        r = self.random
        out = []
        for word in self.write.paragraph(characters).split(" "):
            k = r.random()
            word = _escape(word)
            out.append(f"<a>{word}</a>" if k < 0.02 else f"<b>{word}</b>" if k < 0.035 else f"<i>{word}</i>" if k < 0.04 else word)
            if r.random() < 0.025:
                out.append(f"<code>{self.t('identifier', 'identifier', 'snippet')}</code>" if r.random() < 0.7 else self.t("identifier", "signs"))
        return " ".join(out)

    def text(self):
        r = self.random
        tag = r.choice(("h1", "h2", "h2", "h3"))
        name, shown = self.said("title", "title", "identifier")
        if tag == "h1" or not self.facts:
            self.facts.append(Fact("title", name))
        return f"<{tag}>{shown}</{tag}>" + self.many(lambda: f"<p>{self.prose(r.choice((50, 120, 240)))}</p>", 1, 3)

    def columns(self):
        return f"<div class=two>{self.many(lambda: f'<p>{self.prose(140)}</p>', 2, 3)}</div>"

    def points(self):
        r = self.random
        make = r.choice((lambda: self.t("sentence"), lambda: self.t("title"), lambda: f"<a>{self.t('title', 'identifier')}</a>", lambda: f"<code>{self.t('identifier')}</code> {self.t('sentence')}", lambda: self.prose(40)))
        return (f"<h3>{self.t('title')}</h3>" if r.random() < 0.6 else "") + f"<ul>{self.many(lambda: f'<li>{make()}</li>', 2, 7)}</ul>"

    def reference(self):
        r = self.random
        name = self.t("identifier")
        rows = self.many(lambda: f"<tr><td><code>{self.t('identifier')}</code></td><td>{self.t('sentence')}</td></tr>", 1, 4)
        lists = self.many(lambda: f"<dt><code>{self.t('identifier', 'snippet')}</code></dt><dd>{self.t('sentence')}</dd>", 1, 4)
        head = r.choice((f"<h3>{name}</h3>", f"<h3>{r.choice(('Function', 'Variable', 'Macro', 'Type', 'Method', 'Enum'))}: {name}</h3>", f"<h4><code>{name}</code></h4>"))
        return head + f"<pre>{self.t('snippet')}</pre><p>{self.prose(60)}</p>" + r.choice((f"<table>{rows}</table>", f"<dl>{lists}</dl>", ""))

    def source(self):
        r = self.random
        lines = [line[: r.choice((52, 64, 80))] for line in (self.write.code_lines if r.random() < 0.6 else lambda n: [self.write.snippet() for _ in range(n)])(r.randint(2, 12))]
        return "<pre>" + "\n".join(f"<span class=k>{_escape(x)}</span>" if r.random() < 0.15 else _escape(x) for x in lines) + "</pre>"

    def terminal(self):
        return "<pre>" + _escape("\n".join(x[:70] for x in self.write.terminal_lines(self.random.randint(3, 12)))) + "</pre>"

    def alike(self):
        r = self.random
        rows = self.write.alike(r.randint(4, 16))
        k = r.random()
        if k < 0.5:
            return "<table>" + "".join("<tr>" + "".join(f"<td{' class=n' if i and i == len(row) - 1 else ''}>{_escape(c)}</td>" for i, c in enumerate(row)) + "</tr>" for row in rows) + "</table>"
        if k < 0.75:
            return "".join(f"<div class='apart line'>{''.join(f'<span>{_escape(c)}</span>' for c in row)}</div>" for row in rows)
        if k < 0.9:
            return "<ul>" + "".join(f"<li><a>{_escape(row[0])}</a> {_escape(' '.join(row[1:]))}</li>" for row in rows) + "</ul>"
        return "<pre>" + _escape("\n".join(" ".join(row) for row in rows)) + "</pre>"

    def contents(self):
        def line():
            name, shown = self.said("title", "identifier")
            page = str(self.random.randint(1, 400))
            self.facts += [Fact("field", page, (name,)), Fact("field_of", name, (page,))]
            return f"<div class=toc><a>{shown}</a><i></i><span>{page}</span></div>"

        return self.many(line, 3, 10)

    def links(self):
        r = self.random
        join = r.choice((" | ", " &gt; ", " / ", " ", " - "))
        names = [f"<a>{self.t('title')}</a>" for _ in range(r.randint(2, 5))]
        return f"<p>{join.join(names)}</p>"

    def table(self):
        r = self.random
        kinds = [r.choice(("number", "price", "percent", "date", "time", "code", "name", "words", "email", "version")) for _ in range(r.randint(2, 6))]
        right = [k in ("number", "price", "percent") for k in kinds]
        names = [self.said("title", "label")[0] for _ in right]
        cells = [[self.write.cell(k) for k in kinds] for _ in range(r.randint(2, 12))]
        self.facts += facts.table(names, cells)
        rows = [("th", names), *(("td", row) for row in cells)]
        return "<table>" + "".join("<tr>" + "".join(f"<{tag}{' class=n' if n else ''}>{_escape(c)}</{tag}>" for c, n in zip(row, right)) + "</tr>" for tag, row in rows) + "</table>"

    def invoice(self):
        names = ["Description", "Qty", "Price", "Amount"]
        cells = [[self.write.item(), str(self.random.randint(1, 20)), self.write.price(), self.write.price()] for _ in range(self.random.randint(2, 7))]
        self.facts += facts.table(names, cells)
        items = "".join("<tr>" + "".join(f"<td{' class=n' if i else ''}>{_escape(c)}</td>" for i, c in enumerate(row)) + "</tr>" for row in cells)
        return f"<div class=apart><div><b>{self.t('title')}</b><br>{self.t('address')}<br>{self.t('phone')}</div></div><table><tr><th>Description</th><th class=n>Qty</th><th class=n>Price</th><th class=n>Amount</th></tr>{items}</table>" + self.many(lambda: self.both(("label",), ("price",), "<div class=apart><span>{0}</span><b>{1}</b></div>"), 1, 3) + (self.total() if self.random.random() < 0.6 else "")

    def total(self):
        text, shown = self.said("price")
        name = self.random.choice(("Total", "Total", "Total due", "Grand total", "TOTAL"))
        self.facts.append(Fact("total", text, (), needs=(name,)))
        return f"<div class='apart b'><span>{name}</span><span>{shown}</span></div>"

    def receipt(self):
        return f"<div class=narrow><div class='c b'>{self.t('title')}</div><div class=c>{self.t('address', 'date')}</div><hr>" + self.many(lambda: self.both(("item",), ("price",), "<div class=apart><span>{0}</span><span>{1}</span></div>", "item"), 3, 10) + f"<hr>{self.total()}</div>"

    def cards(self):
        n = self.random.choice((2, 3, 3, 4))
        return f"<div class=g{n}>" + "".join(self.both(("label",), ("number", "price", "percent", "time"), "<div class=box><div class=soft>{0}</div><div class=big>{1}</div>") + f"<div class=soft>{self.t('percent')} {self.phrase(1, 2)}</div></div>" for _ in range(n)) + "</div>"

    def shop(self):
        n = self.random.choice((2, 3, 4))
        return f"<div class=g{n}>" + "".join(self.both(("item", "title"), ("price",), "<div class=box><div class=pic></div><div class=b>{0}</div><div>{1}</div>", "item") + f"<span class=button>{self.t('title')}</span></div>" for _ in range(n)) + "</div>"

    def form(self):
        r = self.random
        if r.random() < 0.4:
            return "<table>" + self.many(lambda: self.both(("label",), ("value",), "<tr><td>{0}</td><td><div class=field>{1}</div></td></tr>"), 2, 5) + "</table>"
        return self.many(lambda: self.both(("label",), ("value",), "<label>{0}</label><div class=field>{1}</div>"), 1, 5) + self.buttons()

    def buttons(self):
        names = [self.write.title() for _ in range(self.random.randint(1, 4))]
        self.facts += facts.neighbours(names)
        self.buttons_drawn += names
        return "<div>" + "".join(f"<span class='button {self.random.choice(('', 'ghost'))}'>{_escape(name)}</span>" for name in names) + "</div>"

    def chat(self):
        def message():
            text, who, when = self.write.paragraph(30), self.write.name(), self.write.time()
            self.facts += [Fact("said", text, (who,)), Fact("sender", who, (text,)), Fact("when_said", when, (who,))]
            return f"<div class='msg {self.random.choice(('me', ''))}'>{_escape(text)}<div class=soft>{_escape(who)} {_escape(when)}</div></div>"

        return self.many(message, 2, 5)

    def pairs(self):
        return self.many(lambda: self.both(("label", "title"), ("value",), "<div class='apart line'><span>{0}</span><b>{1}</b></div>"), 2, 8)

    def settings(self):
        def setting():
            name, state = self.write.title(), self.random.choice(("On", "Off", "Auto", "Edit", "Change", "Medium", "High", "Never"))
            self.facts += [Fact("setting", state, (name,))] if state not in ("Edit", "Change") else [Fact("right_of", state, (name,))]
            return f"<div class='apart line'><div>{_escape(name)}<div class=soft>{self.t('sentence')}</div></div><span class=tag>{state}</span></div>"

        return self.many(setting, 2, 5)

    def mail(self):
        def message():
            who, about = self.write.name(), self.write.title()
            when, shown = self.said("time", "date")
            self.facts += [Fact("subject", about, (who,)), Fact("sender", who, (about,)), Fact("when_said", when, (who,))]
            return f"<div class=line><div class=apart><b>{_escape(who)}</b><span class=soft>{shown}</span></div><div>{_escape(about)}</div><div class=soft>{self.t('sentence')}</div></div>"

        return self.many(message, 2, 6)

    def results(self):
        return self.many(lambda: f"<div class=line><div class=soft>{self.t('url')}</div><a class=b>{self.t('title', 'sentence')}</a><div>{self.prose(60)}</div></div>", 2, 4)

    def comments(self):
        return self.many(lambda: f"<div class=row><div class=dot></div><div><span class=b>{self.t('name')}</span> <span class=soft>{self.t('time', 'date')}</span><p>{self.prose(50)}</p></div></div>", 2, 4)

    def note(self):
        return self.random.choice((f"<div class=note><b>{self.random.choice(('Note', 'Warning', 'Tip', 'Info', 'Error'))}</b> {self.prose(50)}</div>", f"<blockquote>{self.prose(80)}</blockquote>"))

    def tags(self):
        return "<div>" + self.many(lambda: f"<span class=tag>{self.t('word', 'title', 'identifier')}</span>", 2, 8) + "</div>"

    def tabs(self):
        names = [self.write.title() for _ in range(self.random.randint(2, 5))]
        self.facts += facts.row_of_texts("tab", names)
        return "<div class=tabs>" + "".join(f"<span>{_escape(name)}</span>" for name in names) + "</div>"

    def board(self):
        n = self.random.choice((2, 3))
        return f"<div class=g{n}>" + "".join(f"<div><h4>{self.t('title')}</h4>" + self.many(lambda: f"<div class=box>{self.t('sentence', 'title')}<div class=soft>{self.t('code', 'date')}</div></div>", 1, 3) + "</div>" for _ in range(n)) + "</div>"

    def steps(self):
        return "".join(f"<p>{k + 1}. {self.prose(40)}</p>" for k in range(self.random.randint(2, 5)))

    def files(self):
        def file():
            (name, shown), (about, text), (when, last) = self.said("url", "identifier"), self.said("sentence"), self.said("time", "date")
            self.facts += [Fact("when_said", when, (name,)), Fact("right_of", about, (name,))]
            return f"<tr><td><a>{shown}</a></td><td class=soft>{text}</td><td class='n soft'>{last}</td></tr>"

        return "<table>" + self.many(file, 3, 8) + "</table>"

    def chart(self):
        r, w = self.random, self.write
        names = list(dict.fromkeys(r.choice((w.word, w.title, w.name))()[:16].strip() for _ in range(r.randint(2, 7))))
        top = r.choice((10, 50, 100, 1000))
        values = [r.randint(1, top) for _ in names]
        unit = r.choice(("", "", "%", "k"))
        texts = [f"{v}{unit}" for v in values]
        self.facts += [f for a, b in zip(names, texts) for f in pair(a, b, "bar")] + extremes(names, values, top)
        title = w.title()
        self.facts.append(Fact("chart_title", title))
        if r.random() < 0.5:  # bars from the left
            bars = "".join(f"<div class=row><span style='width:8.5em;flex:none'>{_escape(a)}</span><span style='width:{55 * v / top:.1f}%;height:1em;background:var(--bar)'></span><span>{t}</span></div>" for a, v, t in zip(names, values, texts))
        else:
            high = r.randint(80, 180)
            bars = "<div class=row style='align-items:flex-end'>" + "".join(f"<div class=c style='flex:1;min-width:0'><div>{t}</div><div style='height:{high * v / top:.0f}px;background:var(--bar)'></div><div>{_escape(a)}</div></div>" for a, v, t in zip(names, values, texts)) + "</div>"
        return f"<div class=box style='--bar:hsl({r.randint(0, 359)} 60% 50%)'><h3>{_escape(title)}</h3>{bars}</div>"


OFTEN = {"chart": 1.5, "text": 3, "points": 2, "reference": 3, "source": 1.5, "alike": 2.5, "table": 2, "form": 1.5, "pairs": 1.3, "cards": 1.2}
NAMES = [n for n in vars(Blocks) if not n.startswith("_") and n not in ("t", "many", "phrase", "prose", "said", "both", "total")]
WEIGHTS = [OFTEN.get(n, 0.8) for n in NAMES]


def body(write: Content, rng: random.Random, size: tuple[int, int]) -> tuple[str, list[Fact]]:
    """A page's body and what it says: perhaps a bar and a side, then blocks until the window is about full or early."""
    b = Blocks(write, rng)
    bar = ""
    if rng.random() < 0.45:
        names = [write.title() for _ in range(rng.randint(1, 6))]
        b.facts += facts.row_of_texts("menu", names)
        bar = f"<div class=bar><b>{_escape(names[0])}</b>{''.join(f'<a>{_escape(n)}</a>' for n in names[1:])}</div>"
    kind = rng.choice(("title", "title", "identifier"))
    side = ""
    if size[0] > 520 and rng.random() < 0.3:
        names = [b.said(kind)[0] for _ in range(rng.randint(3, 14))]
        b.facts += [f for f in facts.stacked(names) if f.kind == "below"]
        side = f"<div class=side>{''.join(f'<a>{_escape(n)}</a>' for n in names)}</div>"
    count = rng.randint(1, max(3, size[1] // 90))
    blocks = "".join(getattr(b, name)() for name in rng.choices(NAMES, WEIGHTS, k=count))
    if len(b.buttons_drawn) == 1 and "class=button" not in blocks:
        b.facts.append(Fact("button", b.buttons_drawn[0]))
    return f"{bar}<div style='display:flex'>{side}<main>{blocks}</main></div>", b.facts
