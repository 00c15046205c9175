"""Questions as people type them, composed from patterns: `python -m nano.phrasings` prints how many there are of each kind.

A pattern's [a|b|] means one of these (the last: nothing); <1> and <2> are texts of the page, <n> a word of our own. All expansions of a kind's patterns are
its phrasings. A phrasing belongs to one split, by its hash: those of tests are never trained on. What people do besides (small letters, no question mark,
a letter missed, please) is `typed`.
"""

import random
import re
from functools import lru_cache

from .assets import split_of

ASK = "[What is|What's|Tell me|Give me|Find|Show me|I need]"
HERE = "[|| here| in the image| on this page| in this picture]"
WHICH = "[Which|What]"

PATTERNS: dict[str, tuple[str, ...]] = {
    # a label and what is beside or under it
    "field": (
        f"{ASK} the <1>{HERE}",
        "<1>",
        "[the |]value [of|for|in|under] <1>",
        "What is [entered|given|written|filled in|shown|listed] [for|in|under|as|at] <1>",
        "What does [the field |]<1> [say|show|contain|hold]",
        "[Read|Look up|Copy|Get|Check] [the value of |the field |]<1>",
        "What [stands|is written|can be seen] [beside|next to|behind|under] <1>",
        "[How much|How many|How high] is [the |]<1>",
    ),
    "field_of": (
        f"{WHICH} [field|label|entry|line|row] [has|shows|contains|holds|says|is set to] <1>",
        "What is <1> [the value of|for|called]",
        "[What|Which field] does <1> [belong to|stand for|refer to]",
        "[Where|In which field|In what row] [is|do I find|does it say] <1>",
        "<1> is [the|which] [value of what|field|what]",
    ),
    # things and prices
    "item": (
        "[How much|What] [does|did|will|would] [the |a |one |]<1> cost",
        "[How much|What] [is|was] [the |a |][price of |cost of |]<1>",
        f"{ASK} the [price|cost|amount] [of|for] [the |]<1>",
        "[Price|Cost|Amount] [of|for] <1>",
        "What [do I|does one|did they|must I|would I] pay for [the |]<1>",
        "How much [money |]for [the |]<1>",
        "<1> [price|cost|how much|costs]",
        "At what price is [the |]<1> [sold|listed|offered]",
    ),
    "item_of": (
        f"{WHICH} [item|product|thing|article|position|line] [costs|is|sells for|is listed at|was] <1>",
        "What [costs|is sold for|can I get for|was bought for|is listed at] <1>",
        "[Which item has|What has] [the |a ][price|amount] [of |]<1>",
        "<1> is [the price of|for] what",
    ),
    "total": (
        f"{ASK} the [total|sum|total amount|final amount|grand total|amount due|full price]{HERE}",
        "[How much|What] is [it|this|everything|all of it|the whole|the bill] [in total|altogether|in all]",
        "[How much|What] does [it|this|everything|all of it|the bill] cost [in total|altogether|in all]",
        "[How much|What] [do I|must I|does one|do we] [owe|pay|have to pay|spend][| in total| altogether]",
        "[Total|Sum|total amount|the total please|total price]",
        "What does [it|everything|the order|the bill] [come to|add up to|amount to]",
    ),
    "setting": (
        "[What|To what] is <1> [set to|set|switched to|configured as]",
        "[What|Which] is the [state|status|setting|option] of <1>",
        "Is <1> [on or off|enabled|turned on|active or not|switched on]",
        "[How|What] is <1> [configured|set up]",
        "[Setting|State|Status|Option] [of|for] <1>",
        f"{ASK} the [setting|state|status|choice] [of|for] <1>",
    ),
    # tables
    "cell": (
        f"{ASK} the <2> [of|for|in the row] <1>",
        "[What|Which] <2> does <1> [have|show|get]",
        "[What|Which] <2> has <1>",
        "<2> [of|for|in row] <1>",
        "[How much|How many|How high|What] is <2> [for|of|in the row of] <1>",
        "What [does the table say|is in the table|is listed|is written] for <1> [under|in the column|in column|and] <2>",
        "[Look up|Read|Check|Get] [the |]<2> [of|for] <1>",
        "<1>[,| and| -] <2>",
        "In the [row|line] [of |with |]<1>[,|] what is [the |][<2>|value of <2>|entry under <2>]",
    ),
    "row_of": (
        f"{WHICH} [row|line|entry|one] has [the |a ][<1>|value <1>] [of |as |in the column |in ][<2>]",
        "[Who|What|Which] has [the |]<2> <1>",
        "[Which|What] is the [row|entry|one] with <1> [under|as|in|for] <2>",
        "[Find|Show me|Name|Give me] the [row|entry|one] [where|whose] <2> is <1>",
        "For [which|what] [row|entry|one] is [the |]<2> <1>",
    ),
    "row_nth": (
        "What [is|stands|is listed] in the <n> row[| of the table| of the list]",
        "[Which|What] is the <n> [row|entry|item|line][| of the table| of the list| in the list]",
        "[Read|Name|Give me|Tell me] the <n> [row|entry|item]",
        "<n> [row|entry|item][| of the list| of the table| please]",
    ),
    "columns": (
        "[What|Which] is the <n> column[| called| of the table| named]",
        "[What is the|Read the|Name the] [heading|title|name|head] of the <n> column",
        "<n> column [name|heading|title|of the table]",
    ),
    # pages
    "title": (
        f"{ASK} the [title|heading|headline|main heading|name of the page|caption]{HERE}",
        "[What|How] is [this|this page|it|the document|the window|the screen] [called|titled|named]",
        "What does the [heading|title|headline] say",
        "What is the [heading|title|headline] [of this page|at the top]",
        "[Title|Heading|Headline|page title|the title please]",
        "[Read|Copy|Name] the [title|heading|headline]",
        "What is [this|the page|it] [about|headed]",
    ),
    "button": (
        "What does the button [say|read|do]",
        "What is [written|the text|the label|the word] on the button",
        "[Which|What] button [is there|can I press|do I see|can be clicked|is shown]",
        "[Read|Name] [the button|the text on the button|the button's label]",
        "[button|the button|button text|label of the button]",
        "What [can I click|do I click|can be pressed|should I press]",
    ),
    "right_of": (
        "[What|Which button|Which entry|Which tab] [is|comes|stands] [right of|to the right of|after|next to|beside|behind] [the button |]<1>",
        "[What|Which one] follows [the button |]<1>",
        "[right of|after|next to|beside] <1>",
        "What [do I see|can I read|is written|does it say] [right of|to the right of|next to|after|beside] <1>",
        "[Name|Read|Tell me] what is [right of|to the right of|next to|after] <1>",
    ),
    "left_of": (
        "[What|Which button|Which entry|Which tab] [is|comes|stands] [left of|to the left of|before|in front of] [the button |]<1>",
        "[left of|before|in front of] <1>",
        "What [do I see|can I read|is written|does it say] [left of|to the left of|before] <1>",
        "[Name|Read|Tell me] what is [left of|to the left of|before] <1>",
    ),
    "below": (
        "[What|Which entry|Which line] [is|comes|stands|is written] [below|under|beneath|underneath|after] <1>",
        "[below|under|beneath|underneath] <1>",
        "What [do I see|can I read|does it say] [below|under|beneath|underneath] <1>",
        "[Name|Read|Tell me] [what is|the line|the entry] [below|under|beneath] <1>",
    ),
    "menu": (
        "[What|Which] is the <n> [entry|item|word|point|option] [of the menu|in the menu|of the menu bar|in the bar|in the navigation]",
        "<n> menu [entry|item|point|option]",
        "[Read|Name|Tell me] the <n> [entry|item|option] [of the menu|of the bar|in the menu bar]",
    ),
    "tab": (
        "[What|Which] is the <n> tab[| called| named]",
        "<n> tab",
        "[Name|Read] the <n> tab",
    ),
    # messages
    "said": (
        "What [did|does] <1> [say|write|answer|reply|send]",
        "What has <1> [said|written|sent|answered]",
        "[Read|Show me|What is] [the message|the text|the line] [of|by|from|sent by] <1>",
        "<1> [said what|wrote what|says|wrote]",
        "What is <1>'s [message|text|comment|reply]",
        "[message|text|comment|reply] [from|by|of] <1>",
    ),
    "sender": (
        "Who [said|wrote|sent|answered|posted|typed] <1>",
        "[Who is|What is the name of] the [sender|author|writer] of <1>",
        "[By whom|From whom] is <1>",
        "[sender|author|writer] of <1>",
    ),
    "when_said": (
        "When did <1> [write|answer|post|send it|send this|reply|send the message|comment]",
        "[At what time|On what date|When] [was|is] the [message|mail|comment|text] [of|by|from] <1>[| sent| posted| written]",
        "[time|date|when] [of|for|from] [the message of |the mail from |]<1>",
    ),
    "subject": (
        "What is the [subject|topic|title] of [the mail|the message|the e-mail|the email] [of|by|from] <1>",
        "What does <1> [write about|want|mail about]",
        "What is [the mail|the message|the e-mail|the email] [of|by|from] <1> about",
        "[subject|topic] [of|from] <1>",
    ),
    # signs and single texts
    "sign": (
        "What does the [sign|label|notice|board|plate|poster|placard|text] say",
        "What [is written|is printed|is shown|stands|can be read] [on the sign|on it|on the board|on the plate|on the label]",
        "[Read|Transcribe|Copy] the [sign|label|notice|board|plate|poster|text on the sign]",
        "[sign|what sign is this|text on the sign|what is on the sign|sign text]",
        "What [word is|words are|text is] on the [sign|board|plate|label|notice]",
    ),
    "sign_line": (
        "What is [written|printed|said] in the <n> line[| of the sign| on the sign]",
        "[What is|Which words are] on the <n> line[| of the sign| of the board]",
        "[Read|Copy] the <n> line[| of the sign]",
        "<n> line of the [sign|board|label|plate]",
    ),
    # charts
    "bar": (
        f"{ASK} the [value|number|amount|height|share] [of|for|in|at] <1>{HERE}",
        "[How much|How many|How high|How large|How big] [is|was] [the bar of |the value of |the bar for |]<1>",
        "[Which|What] value does <1> [have|reach|show]",
        "<1> [value|how much|how many]",
        "[Value|Number|Amount|Height] [of|for|in|at] <1>",
        "What does the [chart|graph|diagram|plot] [say|show|give] for <1>",
    ),
    "bar_of": (
        f"{WHICH} [bar|category|one|slice|point|entry] [is|has|shows|reaches|stands at] <1>",
        "[Where|For what|For which one] is the value <1>",
        "[What|Which one] has [the |a ]value [of |]<1>",
    ),
    "highest": (
        f"{WHICH} [bar|category|one|entry|column|name] [is|has] the [highest|largest|greatest|biggest|longest|tallest][| value| bar| number]",
        "[What|Which] is the [highest|largest|biggest|greatest|tallest|longest] [bar|category|one|value's name|column]",
        "[Where|For which one|For what] is the [value|number|bar] [the highest|the largest|at its maximum|the biggest]",
        "[What|Who|Which one] [is first|leads|has the most|comes out on top]",
        "[highest|tallest|largest|longest|biggest] [bar|value|one|category]",
    ),
    "lowest": (
        f"{WHICH} [bar|category|one|entry|column|name] [is|has] the [lowest|smallest|shortest|least][| value| bar| number]",
        "[What|Which] is the [lowest|smallest|shortest] [bar|category|one|column]",
        "[Where|For which one|For what] is the [value|number|bar] [the lowest|the smallest|at its minimum]",
        "[Who|Which one] [is last|has the least|comes last]",
        "[lowest|smallest|shortest] [bar|value|one|category]",
    ),
    "higher": (
        "[Which|What] is [higher|larger|greater|bigger|more][,|:|] <1> or <2>",
        "Which has [more|the higher value|the larger value|the greater number][,|] <1> or <2>",
        "<1> or <2>[,|:] [which is higher|which is more|which is larger|what is more]",
        "Is <1> or <2> [higher|larger|greater|bigger]",
    ),
    "chart_title": (
        "What is the [title|heading|caption] of the [chart|graph|diagram|plot|figure]",
        "[What|How] is the [chart|graph|diagram|plot|figure] [called|titled|named]",
        "What does the [chart|graph|diagram|plot|figure] show",
        "What is the [chart|graph|diagram|plot|figure] [about|showing]",
        "[chart|graph|diagram|plot] title",
    ),
    "axis_x": (
        "What is [written|the label|the title|the name] [on|of|under|below] the [x axis|horizontal axis|lower axis|x-axis]",
        "[What|How] is the [x axis|horizontal axis|lower axis] [called|labelled|named]",
        "[label|title|name] of the [x axis|horizontal axis]",
    ),
    "axis_y": (
        "What is [written|the label|the title|the name] [on|of|at|beside] the [y axis|vertical axis|left axis|y-axis]",
        "[What|How] is the [y axis|vertical axis|left axis] [called|labelled|named]",
        "[label|title|name] of the [y axis|vertical axis]",
    ),
    "count": (
        "How many [bars|categories|slices|points|columns|entries] [are there|are shown|does the chart have|do you see|are in the chart]",
        "[Count the|Number of] [bars|categories|slices|points|entries]",
    ),
    "series": (
        f"{ASK} the [value|number|amount] of <2> [in|for|at] <1>",
        "[How much|How many|How high|What] is <2> [in|for|at] <1>",
        "<2> [in|for|at] <1>",
        "What does the [chart|graph] [show|say] for <2> [in|at|and] <1>",
    ),
    # one of its kind on the page
    "email": (
        f"{ASK} the [e-mail|email|mail] address{HERE}",
        "[To which|What] [e-mail|email] [address|] [can I write to|is given|is shown|do I use]",
        "[email|e-mail|mail address|email address please]",
    ),
    "phone": (
        f"{ASK} the [phone number|telephone number|number to call|phone]{HERE}",
        "[Which|What] number [can I call|do I call|should I dial]",
        "[phone|telephone|phone number please|tel]",
    ),
    "url": (
        f"{ASK} the [web address|URL|link|website|address of the website]{HERE}",
        "[Which|What] [website|web page|link|URL] is [given|shown|mentioned|written here]",
        "[url|website|link|web address]",
    ),
    "date": (
        f"{ASK} the date{HERE}",
        "[Which|What] date [is given|is shown|is written here|does it say|is on it]",
        "[date|the date please|what day is given|when is it]",
    ),
    "time": (
        f"{ASK} the time{HERE}",
        "[Which|What] time [is given|is shown|is written here|does it say|is on it]",
        "[time|the time please|at what time|what time is it]",
    ),
    "percent": (
        f"{ASK} the [percentage|percent value|per cent]{HERE}",
        "[How many|What] per cent [is it|is shown|are given|does it say]",
        "[percentage|how many percent|percent]",
    ),
    "price": (
        f"{ASK} the price{HERE}",
        "[Which|What] price [is given|is shown|is written here|does it say]",
        "[price|how much is it|how much does it cost|what does it cost]",
    ),
    # whether something is there
    "exists": (
        "[Is there|Do you see|Can you see|Does it show|Is there anything like] [the word |the text |a button |an entry |][called |]<1>",
        "Does [it|the page|the picture|the text] [say|contain|mention|show|have] <1>",
        "Is <1> [on the page|in the image|there|written here|mentioned|to be seen]",
        "[any|is it] <1>[| here| in it]",
    ),
}
ORDINALS = {"first": ("first", "top", "1st"), "second": ("second", "2nd"), "third": ("third", "3rd"), "last": ("last", "final", "bottom")}


def expand(pattern: str) -> list[str]:
    """All texts a pattern stands for."""
    start = pattern.rfind("[")  # the innermost: nothing opens behind it
    if start < 0:
        return [re.sub(r"\s+", " ", pattern).replace(" ,", ",").strip()]
    end = pattern.index("]", start)
    out: list[str] = []
    for option in dict.fromkeys(pattern[start + 1 : end].split("|")):
        out += expand(pattern[:start] + option + pattern[end + 1 :])
    return out


def plain(text: str) -> str:
    """A phrasing without case and marks, to count each once."""
    return re.sub(r"\s+", " ", re.sub(r"[?!.,:'-]", " ", text.lower())).strip()


@lru_cache(None)
def of_kind(kind: str) -> tuple[tuple[str, ...], ...]:
    """All phrasings of a kind by pattern, each once whatever its case and marks."""
    seen: set = set()
    out = []
    for pattern in PATTERNS[kind]:
        found = {plain(t): t for t in reversed(expand(pattern)) if plain(t) not in seen}
        seen |= set(found)
        out.append(tuple(found.values()))
    return tuple(p for p in out if p)


@lru_cache(None)
def of_split(kind: str, split: str) -> tuple[tuple[str, ...], ...]:
    """A kind's phrasings that belong to a split, by pattern; validation's are trained on too. Every kind has some in both."""
    every = of_kind(kind)
    test = {t for p in every for t in p if split_of(f"{kind} {plain(t)}") == "test"} or {every[0][-1]}
    chosen = (tuple(t for t in p if (t in test) == (split == "test")) for p in every)
    return tuple(p for p in chosen if p)


def phrasing(kind: str, split: str, rng: random.Random) -> str:
    """One phrasing of a kind: patterns are chosen alike, however many texts they stand for."""
    return rng.choice(rng.choice(of_split(kind, split)))


def typed(text: str, rng: random.Random) -> str:
    """A phrasing (its slots not yet filled) as somebody types it."""
    k = rng.random()
    if k < 0.62:
        text = text[:1].upper() + text[1:]
        asks = re.match(r"(what|which|who|how|when|where|is|does|do|at what|in which|to |for |by |from |on )", text.lower())
        text += "?" if asks and rng.random() < 0.85 else "." if rng.random() < 0.3 else ""
    elif k < 0.9:
        text = text.lower() + rng.choice(("", "", "?"))
    else:
        text = text.lower()
        words = text.split(" ")
        i = rng.randrange(len(words))
        w = words[i]
        if "<" not in w and len(w) > 3:  # two letters exchanged, one missed, or one twice
            j = rng.randrange(1, len(w) - 1)
            words[i] = rng.choice((w[:j] + w[j + 1] + w[j] + w[j + 2 :], w[:j] + w[j + 1 :], w[:j] + w[j] + w[j:]))
        text = " ".join(words).replace("what's", "whats")
    if rng.random() < 0.05:
        text = (
            rng.choice(("please ", "pls ", "hey, ", "ok: ")) + text
            if rng.random() < 0.6
            else text.rstrip("?.") + rng.choice((" please", " pls", ", please?"))
        )
    return text


if __name__ == "__main__":
    counts = {name: (sum(map(len, of_kind(name))), sum(map(len, of_split(name, "test")))) for name in PATTERNS}
    for name, (every, test) in counts.items():
        print(f"{name:12} {every:5} phrasings, {test} of them for tests; {phrasing(name, 'train', random.Random(1))!r}")
    print(sum(n for n, _ in counts.values()), "in all")
