"""What stands on pages: sentences, names, prices, codes, code and log lines. One split never sees another's sentences and words."""

import random
import re
import string
import sysconfig
from functools import lru_cache
from pathlib import Path

from ..assets import invented, split_of
from ..fetch_reading import PACK

MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
TOPLEVEL = "com com com org net io dev app co.uk de fr eu edu gov".split()
CURRENCIES = ("$", "$", "$", "\u20ac", "\u00a3", "", "", "EUR ", "USD ", "CHF ")
UI = """Save Cancel OK Close Open Edit Delete Back Next Done Apply Reset Submit Search Filter Sort Share Copy Paste Undo Redo Help Settings Preferences
    Account Profile Log in Sign out Sign up Register Continue Skip Retry Refresh Upload Download Export Import Print View Tools Window File Home About Contact
    Products Services Pricing Blog News Support Documentation Community Terms Privacy Cookies Language Notifications Messages Calendar Files Photos Music Videos
    General Appearance Security Network Display Sound Battery Storage Accounts Updates Advanced Reports Dashboard Overview Analytics Orders Customers Invoices
    Inbox Sent Drafts Archive Trash Spam Starred Today Yesterday Tomorrow Week Month Year All None Select Add New Create Remove Rename Move Enable Disable On Off
    Yes No More Less Show Hide Expand Collapse Previous First Last Details Summary Description Status Name Title Date Time Type Size Owner Price Total Subtotal
    Quantity Amount Tax Discount Shipping Address City Country Phone Email Password Username Company Website Message Comments Rating Reviews""".split()
LABELS = """First name;Last name;Full name;Date of birth;E-mail address;Phone number;Street;City;Postal code;Country;Company;Position;Invoice no.;Order number;
    Customer ID;Due date;Account number;IBAN;BIC;Reference;Total due;Tax ID;Payment method;Delivery date;Department;Supervisor;Start date;End date;Reason;
    Signature;Place;Passport no.;Nationality;Sex;Height;Weight;Blood type;Allergies;Insurance;Policy number;Doctor;Room;Seat;Gate;Flight;Departure;Arrival;
    Booking code;Class;Model;Serial number;Version;Licence;Colour;Size;Quantity;Unit price;Discount;Net amount;Gross amount;VAT;Balance;Opening balance;
    Host;Port;Protocol;User;Group;Path;Interval;Timeout;Retries;Memory;Disk;CPU;Uptime;Temperature;Humidity;Pressure;Wind;Latitude;Longitude;Altitude;
    Speed;Distance;Duration;Calories;Protein;Fat;Sugar;Fibre;Salt;Energy;Language;Time zone;Theme;Font size;Resolution;Refresh rate;Volume;Brightness"""
LABELS = [label.strip() for label in LABELS.split(";")]
COMMANDS = """git status;git log --oneline;ls -la;cd src;make -j8;npm test;npm run build;docker ps;kubectl get pods;cat README.md;python3 main.py;pip list;cargo build;
    go test ./...;ssh admin@host;df -h;free -m;top -b -n 1;ps aux;grep -rn main .;find . -name '*.c';curl -sI localhost:8080;tar xzf data.tar.gz;apt update;
    systemctl status nginx;journalctl -xe;chmod +x run.sh;mkdir build;rm -rf dist;echo $PATH;whoami;uname -a;ping -c 3 router;vim config.yaml"""
COMMANDS = [command.strip() for command in COMMANDS.split(";")]
LEVELS = "INFO INFO INFO DEBUG WARN ERROR TRACE".split()


@lru_cache(None)
def _lists(split: str) -> dict:
    """The split's sentences and words, read once a process."""

    def read(name):
        return [w for w in (PACK / name).read_text().split("\n") if w]

    sentences = [s for s in read("sentences.txt") if split_of(s) == split]
    lexicon = [w for w in read("lexicon.txt") if split_of(w) == split]
    low = [w for w in lexicon if w.islower()]
    return {
        "sentences": sentences,
        "lexicon": lexicon,
        "low": low,
        "names": [w for w in read("names.txt") if split_of(w) == split],
        "items": [w for w in read("items.txt") if split_of(w) == split],
        "invented": invented(low[:4000], 3000) if split == "train" else [],
    }


@lru_cache(None)
def _code(split: str) -> tuple:
    """Runs of lines of the Python standard library's own source files of this split (read where this runs, never copied)."""
    runs = []
    for file in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        if split_of(file.name) != split or file.stat().st_size > 120_000:
            continue
        try:
            lines = file.read_text().split("\n")
        except UnicodeDecodeError:
            continue
        lines = [line.rstrip() for line in lines]
        if all(line.isascii() for line in lines):
            runs.append(lines)
    return tuple(runs)


class Content:
    """Writes texts for one split with one random generator."""

    def __init__(self, split: str, rng: random.Random):
        self.split, self.random, self.lists = split, rng, _lists(split)

    # ---- words ---------------------------------------------------------------------------------------------------------

    def word(self) -> str:
        """A word: of the lexicon, invented, or letters at random."""
        r = self.random
        k = r.random()
        if k < 0.62:
            return r.choice(self.lists["lexicon"])
        if k < 0.82 and self.lists["invented"]:
            return r.choice(self.lists["invented"])
        if k < 0.90:
            return "".join(r.choices(string.ascii_lowercase, k=r.randint(2, 10)))
        if k < 0.95:
            return self.code()
        return self.number()

    def words(self, low: int, high: int) -> str:
        """Some words in a row."""
        return " ".join(self.word() for _ in range(self.random.randint(low, high)))

    def title(self) -> str:
        """A heading or a button's text of one to five words."""
        r = self.random
        k = r.random()
        if k < 0.3:
            return r.choice(UI) if r.random() < 0.6 else r.choice(UI) + " " + r.choice(UI).lower()
        text = " ".join(r.choice(self.lists["lexicon"]) for _ in range(r.choice((1, 1, 2, 2, 3, 4))))
        k = r.random()
        return text.title() if k < 0.35 else text.upper() if k < 0.5 else text[:1].upper() + text[1:]

    def sentence(self) -> str:
        """A sentence of WordNet (definitions and examples), often with a capital, a full stop, a number or a name put in."""
        r = self.random
        s = r.choice(self.lists["sentences"])
        if r.random() < 0.75:
            s = s[:1].upper() + s[1:]
        if r.random() < 0.75 and s[-1] not in ".!?":
            s += r.choice("....!?:")
        if r.random() < 0.30:
            parts = s.split(" ")
            parts.insert(r.randint(0, len(parts)), self.token())
            s = " ".join(parts)
        if r.random() < 0.10:
            s = s.replace("'", "\u2019").replace(" - ", " \u2013 ")
            if r.random() < 0.5:
                s = "\u201c" + s + "\u201d"
        return s

    def paragraph(self, characters: int) -> str:
        """Sentences of about so many characters."""
        out = []
        while sum(map(len, out)) < characters:
            out.append(self.sentence() if self.random.random() < 0.85 else self.words(3, 9))
        return " ".join(out)

    def token(self) -> str:
        """Something short that no dictionary has."""
        return self.random.choice(
            (
                *(self.number, self.price, self.date, self.time, self.code, self.name, self.email, self.percent, self.url, self.version, self.phone),
                *((self.identifier, self.identifier, self.snippet, self.signs) if self.split == "train" else ()),
            )
        )()

    # ---- short things --------------------------------------------------------------------------------------------------

    def number(self) -> str:
        """A number with or without separators."""
        r = self.random
        n = r.randint(0, 10 ** r.randint(1, 7))
        k = r.random()
        return str(n) if k < 0.6 else f"{n:,}" if k < 0.85 else f"{n / 100:.2f}"

    def price(self) -> str:
        """An amount of money."""
        r = self.random
        n = r.randint(1, 10 ** r.randint(2, 6)) / 100
        text = f"{n:,.2f}"
        if r.random() < 0.15:
            text = text.translate(str.maketrans(",.", ".,"))
        currency = r.choice(CURRENCIES)
        return currency + text if r.random() < 0.85 or not currency else f"{text} {currency.strip()}"

    def percent(self) -> str:
        """A percentage, sometimes a change."""
        r = self.random
        return f"{r.choice(('', '', '+', '-'))}{r.randint(0, 1000) / 10:g}%"

    def date(self) -> str:
        """A date in one of the usual forms."""
        r = self.random
        d, m, y = r.randint(1, 28), r.randint(1, 12), r.randint(1970, 2031)
        return r.choice(
            (
                f"{d:02}.{m:02}.{y}",
                f"{m}/{d}/{y}",
                f"{y}-{m:02}-{d:02}",
                f"{MONTHS[m - 1]} {d}, {y}",
                f"{d} {MONTHS[m - 1][:3]} {y}",
                f"{DAYS[d % 7][:3]} {d} {MONTHS[m - 1][:3]}",
                f"{MONTHS[m - 1][:3]} {d}",
                f"{d}/{m:02}/{y % 100:02}",
                MONTHS[m - 1],
                DAYS[d % 7],
            )
        )

    def time(self) -> str:
        """A time of day or a duration."""
        r = self.random
        h, m, s = r.randint(0, 23), r.randint(0, 59), r.randint(0, 59)
        return r.choice(
            (
                f"{h:02}:{m:02}",
                f"{h:02}:{m:02}:{s:02}",
                f"{h % 12 + 1}:{m:02} {'AM' if h < 12 else 'PM'}",
                f"{h}h {m}m",
                f"{m} min ago",
                f"{s}.{m:02}s",
            )
        )

    def code(self) -> str:
        """Letters and digits: a code, a hash, a part number."""
        r = self.random
        k = r.random()
        if k < 0.45:
            return "".join(r.choices(string.ascii_uppercase + string.digits, k=r.randint(3, 9)))
        if k < 0.65:
            return "".join(r.choices("0123456789abcdef", k=r.choice((7, 8, 12))))
        if k < 0.85:
            return "".join(r.choices(string.ascii_uppercase, k=r.randint(1, 3))) + "-" + str(r.randint(10, 99999))
        return "".join(r.choices(string.ascii_letters + string.digits + "#/_-.+", k=r.randint(3, 10)))

    def name(self) -> str:
        """A person."""
        r = self.random
        first = r.choice(self.lists["names"])
        return first if r.random() < 0.3 else f"{first} {r.choice(self.lists['lexicon']).capitalize()}"

    def email(self) -> str:
        """An address of e-mail."""
        r = self.random
        return f"{r.choice(self.lists['names']).lower()}{r.choice(('', '.', '_', '-'))}{r.choice(self.lists['low'])}@{r.choice(self.lists['low'])}.{r.choice(TOPLEVEL)}"

    def url(self) -> str:
        """An address of the web or a path."""
        r = self.random
        low = self.lists["low"]
        path = "/".join(r.choice(low) for _ in range(r.randint(1, 3)))
        return r.choice(
            (
                f"https://{r.choice(low)}.{r.choice(TOPLEVEL)}/{path}",
                f"www.{r.choice(low)}.{r.choice(TOPLEVEL)}",
                f"/{path}",
                f"~/{path}.{r.choice(('txt', 'py', 'md', 'json', 'png'))}",
                f"{r.choice(low)}.{r.choice(TOPLEVEL)}",
            )
        )

    def version(self) -> str:
        """A version number."""
        r = self.random
        return f"{r.choice(('', 'v'))}{r.randint(0, 20)}.{r.randint(0, 30)}{r.choice(('', f'.{r.randint(0, 20)}'))}"

    def phone(self) -> str:
        """A telephone number."""
        r = self.random
        d = "".join(r.choices(string.digits, k=10))
        return r.choice(
            (f"({d[:3]}) {d[3:6]}-{d[6:]}", f"+{r.randint(1, 99)} {d[:3]} {d[3:7]} {d[7:]}", f"{d[:3]}-{d[3:6]}-{d[6:]}", f"0{d[:4]}/{d[4:]}")
        )

    def address(self) -> str:
        """A street with its number."""
        r = self.random
        return f"{r.randint(1, 999)} {r.choice(self.lists['lexicon']).capitalize()} {r.choice(('Street', 'Road', 'Ave', 'Lane', 'St.', 'Blvd'))}"

    def item(self) -> str:
        """A thing one buys, in the form of a receipt."""
        r = self.random
        text = r.choice(self.lists["items"]) if r.random() < 0.55 else self.words(1, 2)
        if r.random() < 0.3:
            text = r.choice(self.lists["low"]) + " " + text
        return text.title() if r.random() < 0.5 else text.upper() if r.random() < 0.5 else text

    def label(self) -> str:
        """The name of a field."""
        r = self.random
        return r.choice(LABELS) if r.random() < 0.6 else self.title()

    def value(self) -> str:
        """What a field may hold."""
        r = self.random
        return r.choice(
            (
                self.number,
                self.price,
                self.date,
                self.time,
                self.code,
                self.name,
                self.email,
                self.percent,
                self.phone,
                self.address,
                self.word,
                self.version,
                lambda: self.words(1, 3),
            )
        )()

    def cell(self, kind: str) -> str:
        """A table's cell of one kind of column."""
        return {
            "number": self.number,
            "price": self.price,
            "percent": self.percent,
            "date": self.date,
            "time": self.time,
            "code": self.code,
            "name": self.name,
            "word": self.word,
            "words": lambda: self.words(1, 3),
            "email": self.email,
            "version": self.version,
        }[kind]()

    # ---- signs of programs and documentation ---------------------------------------------------------------------------

    def identifier(self) -> str:
        """A name in a program: words joined as programs join them, sometimes with brackets or a sign before it."""
        r = self.random
        low = self.lists["low"]
        parts = [r.choice(low)[: r.choice((3, 4, 6, 8, 20))] for _ in range(r.choice((1, 2, 2, 2, 3, 3, 4)))]
        k = r.random()
        if k < 0.32:
            text = "_".join(parts)
        elif k < 0.52:
            text = parts[0] + "".join(p.capitalize() for p in parts[1:])
        elif k < 0.64:
            text = "".join(p.capitalize() for p in parts)
        elif k < 0.80:
            text = "_".join(parts).upper()
        elif k < 0.88:
            text = "-".join(parts)
        elif k < 0.95:
            text = ".".join(parts)
        else:
            text = "::".join(parts)
        k = r.random()
        if k < 0.55:
            return text
        return r.choice(("_{}", "__{}__", "${}", "--{}", "-{}", "@{}", ".{}", "#{}", "{}()", "{}()", "{}[]", "{}[i]", "<{}>", "{}:", "{};", "[{}]", "&{}", "*{}", "{{{}}}", "`{}`", "({})", "{}/", "%{}%")).format(text)

    def snippet(self) -> str:
        """A line of a program, a command's option, a tag, a declaration."""
        r = self.random
        i = self.identifier
        name = r.choice(self.lists["low"])
        return r.choice(
            (
                lambda: f"{r.choice(('int', 'void', 'char *', 'const char *', 'size_t', 'double', 'bool'))} {i()} ({i()} {name}, {i()} *{r.choice(self.lists['low'])});",
                lambda: f"def {name}_{r.choice(self.lists['low'])}(self, {i()}=None):",
                lambda: f"#define {i().upper()} {r.choice((str(r.randint(0, 999)), hex(r.randint(0, 65535))))}",
                lambda: f"{i()} = {i()}[{r.randint(0, 99)}];",
                lambda: f"{i()}({r.choice((chr(34), chr(39)))}{name}{r.choice((chr(34), chr(39)))}, {i()})",
                lambda: f"--{name}=<{r.choice(self.lists['low'])}>",
                lambda: f"-{name[0]}, --{name}[={r.choice(self.lists['low']).upper()}]",
                lambda: f'<{name} {r.choice(("class", "id", "name", "href", "src"))}="{i()}">',
                lambda: f"</{name}>",
                lambda: f"{{ {name}: {self.value()}, {r.choice(self.lists['low'])}: [] }}",
                lambda: f"[{', '.join(str(r.randint(0, 99)) for _ in range(r.randint(1, 5)))}]",
                lambda: f"if ({i()} {r.choice(('==', '!=', '<', '>=', '&&', '||', '==='))} {i()}) {{",
                lambda: f"{name} |= {i()} & ~{i()};",
                lambda: f"$ {name} {self.snippet() if r.random() < 0.3 else i()} | {r.choice(self.lists['low'])}",
                lambda: f"{i()}: {i()} | null;",
                lambda: f"const {{ {name} }} = require('{i()}');",
                lambda: f"typedef struct _{i()} {i()};",
                lambda: f"{name}@{self.version()}",
                lambda: f"{i()} -> {i()}",
                lambda: f"({name}) => {i()}",
            )
        )()

    def signs(self) -> str:
        """A few signs of all the keyboard has, as they stand in programs, sums and pictures of keys."""
        r = self.random
        return "".join(r.choices("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", k=r.choice((1, 1, 2, 2, 3, 4)))) + r.choice(("", r.choice(self.lists["low"])))

    # ---- lines that look alike -----------------------------------------------------------------------------------------

    def alike(self, count: int) -> list[list[str]]:
        """Rows of pieces that differ little from one another: amounts, names with one beginning, log lines, numbered things, contents of a book."""
        r = self.random
        low = self.lists["low"]
        kind = r.choice(("amounts", "amounts", "names", "names", "log", "numbered", "files", "contents", "settings", "numbers"))
        few = [self.title() for _ in range(r.randint(1, 3))]
        stems = [r.choice(low) for _ in range(r.randint(1, 2))]
        join = r.choice(("_", "", "-", "."))
        start, step = r.randint(0, 500), r.choice((1, 1, 1, 2, 5, 10))
        months = r.random() < 0.5

        def name():
            parts = [r.choice(stems)] + [r.choice(low) for _ in range(r.choice((1, 1, 2)))]
            return join.join(parts) if join else parts[0] + "".join(p.capitalize() for p in parts[1:])

        ends = r.choice(("", "", "()", ";", " ();", ":", "[]"))
        base = r.randint(1, 10 ** r.randint(2, 5))
        out = []
        for k in range(count):
            n = start + k * step
            near = f"{(base + r.randint(-9, 9)) / 100:,.2f}" if r.random() < 0.7 else self.number()
            out.append(
                {
                    "amounts": lambda: [r.choice(few), near] + ([self.percent()] if months else []),
                    "names": lambda: [name() + ends] if months else [name() + ends, r.choice((r.choice(stems), r.choice(low), self.identifier()))],
                    "log": lambda: [f"{n // 60 % 24:02}:{n % 60:02}:{r.randint(0, 59):02} {stems[0]}: {few[0].lower()} {r.randint(0, 999)}"],
                    "numbered": lambda: [f"{few[0]} {n}", r.choice((near, r.choice(few), r.choice(low)))],
                    "files": lambda: [f"{stems[0]}{join}{n:03}.{r.choice(('png', 'png', 'txt'))}", f"{r.randint(1, 999)} KB"],
                    "contents": lambda: [f"{start % 9 + 1}.{k + 1}", self.title() if r.random() < 0.7 else name(), str(n)],
                    "settings": lambda: [f"{r.choice(stems)} {r.choice(low)}", r.choice(("on", "off", "yes", "no", "auto", "0", "1"))],
                    "numbers": lambda: [str((base + r.randint(-50, 50)) * 10 ** r.randint(0, 1)) for _ in range(3 if months else 5)],
                }[kind]()
            )
        return out

    # ---- lines ---------------------------------------------------------------------------------------------------------

    def code_lines(self, count: int) -> list[str]:
        """Lines of a program, of a JSON file, or of something like it."""
        r = self.random
        runs = _code(self.split)
        if runs and r.random() < 0.55:
            lines = r.choice(runs)
            at = r.randrange(max(1, len(lines) - count))
            return lines[at : at + count]
        low = self.lists["low"]
        out, depth = [], 0
        style = r.choice(("json", "js", "css", "yaml", "sql"))

        def name():
            return r.choice(low) + (r.choice(("_", "")) + r.choice(low).capitalize() if r.random() < 0.5 else "")

        for _ in range(count):
            pad = "  " * depth
            if style == "json":
                out.append(f'{pad}"{name()}": {r.choice((str(r.randint(0, 9999)), chr(34) + self.word() + chr(34), "true", "false", "null", "{"))}')
                depth = min(4, depth + 1) if out[-1].endswith("{") else depth
                if not out[-1].endswith("{"):
                    out[-1] += ","
                if depth and r.random() < 0.15:
                    depth -= 1
                    out.append("  " * depth + "},")
            elif style == "js":
                out.append(
                    pad
                    + r.choice(
                        (
                            f"const {name()} = {name()}({r.randint(0, 99)});",
                            f"if ({name()} === '{name()}') {{",
                            f"return {name()}.{name()}();",
                            f"// {self.words(2, 6)}",
                            f"import {{ {name()} }} from './{r.choice(low)}';",
                            f"{name()}.{name()} += {r.randint(1, 9)};",
                            f"for (let i = 0; i < {name()}.length; i++) {{",
                            f"await {name()}({name()}, {name()});",
                        )
                    )
                )
                depth = min(4, depth + out[-1].endswith("{"))
                if depth and r.random() < 0.2:
                    depth -= 1
                    out.append("  " * depth + "}")
            elif style == "css":
                out.append(
                    r.choice(
                        (f".{name()} {{", f"  {r.choice(low)}-{r.choice(low)}: {r.randint(0, 99)}px;", f"  color: #{r.randrange(16**6):06x};", "}")
                    )
                )
            elif style == "yaml":
                depth = max(0, min(3, depth + r.choice((-1, 0, 0, 1))))
                out.append("  " * depth + r.choice((f"{name()}: {self.value()}", f"- {name()}", f"{name()}:", f"# {self.words(2, 5)}")))
            else:
                out.append(
                    r.choice(
                        (
                            f"SELECT {name()}, {name()} FROM {name()}",
                            f"WHERE {name()} = {r.randint(0, 999)}",
                            f"ORDER BY {name()} DESC;",
                            f"JOIN {name()} ON {name()}.id = {name()}.id",
                            f"INSERT INTO {name()} VALUES ({r.randint(0, 99)}, '{self.word()}');",
                        )
                    )
                )
        return out[:count]

    def terminal_lines(self, count: int) -> list[str]:
        """What a terminal shows: prompts with commands, listings, logs."""
        r = self.random
        low = self.lists["low"]
        prompt = r.choice(
            ("$ ", "% ", f"{r.choice(low)}@{r.choice(low)}:~$ ", f"[{r.choice(low)}@{r.choice(low)} {r.choice(low)}]$ ", "> ", "root# ")
        )
        kind = r.choice(("log", "list", "mixed", "mixed", "test"))
        out = []
        while len(out) < count:
            k = kind if kind != "mixed" else r.choice(("log", "list", "text", "test", "prompt", "prompt"))
            if k == "prompt" or r.random() < 0.1:
                out.append(
                    prompt + (r.choice(COMMANDS) if r.random() < 0.6 else f"{r.choice(low)} {r.choice(('-', '--'))}{r.choice(low)} {self.token()}")
                )
            elif k == "log":
                out.append(
                    f"{r.choice((self.time(), self.date(), ''))} {r.choice(('', '['))}{r.choice(LEVELS)}{r.choice((']', ':', ''))} {self.words(2, 7)}".strip()
                )
            elif k == "list":
                out.append(
                    f"{r.choice(('-rw-r--r--', 'drwxr-xr-x', '-rwxr-xr-x'))} {r.randint(1, 9)} {r.choice(low)} {r.choice(low)} {r.randint(0, 99999)} {MONTHS[r.randrange(12)][:3]} {r.randint(1, 28)} {r.randint(0, 23):02}:{r.randint(0, 59):02} {r.choice(low)}"
                )
            elif k == "test":
                out.append(
                    f"{r.choice(('PASS', 'FAIL', 'ok', '+', '-', '[OK]'))} {r.choice(low)}/{r.choice(low)}.{r.choice(('js', 'py', 'go', 'rs'))} {r.choice(('', f'({r.randint(1, 999)} ms)', self.percent()))}".strip()
                )
            else:
                out.append(self.sentence() if r.random() < 0.5 else self.words(1, 8))
        return out


def known(text: str, extra: str) -> str:
    """The text with what a font lacks (printable ASCII and `extra` are there) replaced by plain characters, single spaces."""
    plain = {
        "\u2019": "'",
        "\u2018": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "-",
        "\u2014": "-",
        "\u2026": "...",
        "\u20ac": "EUR ",
        "\u00a3": "GBP ",
        "\u2022": "*",
    }
    if text.isascii():
        return text
    return re.sub(" +", " ", "".join(c if c.isascii() or c in extra else plain.get(c, "") for c in text)).strip()
