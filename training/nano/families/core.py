"""The kinds of questions the model is made for and tested on. Training mixes in a few of the others, which the report does not count."""

CORE = {
    "charts": set("""absent bar_value bar_colour_value bar_largest bar_smallest bar_top_value bar_top_colour bar_lowest_colour bar_count
        bar_colour_name bar_name_colour bar_place_colour slice_percent slice_colour_percent slice_largest slice_top_colour slice_top_percent
        slice_colour_name slice_name_colour slice_count point_value point_count point_end line_colour line_count line_top_colour title""".split()),
    "objects": set("single corner count position size tag_of tag_at absent".split()),
    "shapes": set("colour shape count position corner size size_colour more tag_of absent".split()),
    "signs": {"absent", "all text", "say", "top", "bottom", "word", "code", "number", "price", "name", "colour", "arrow", "shape", "speed", "gate",
              "room", "time", "date", "weight", "year", "licence", "phone", "wrecked"},
    "tables": set("""absent price price_to_item total row_count cell cell_to_row first_row last_row nth_row field title shop date line board_time
        last_line""".split()),
    "words": {"absent", "read", "line", "first", "last", "value", "first value", "last value", "heading", "place", "where", "text colour",
              "card colour", "count lines", "count boxes", "all text", "first word", "last word", "after", "wrecked"},
}
KINDS = set().union(*CORE.values())
OTHERS = 0.08  # share of training pictures whose questions may be of any kind
