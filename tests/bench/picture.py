"""Draws the results: what agw and the floor take, beside libcurl."""

from build import FLOOR
from measure import FULL, RESUMED, WARM

# label, scenario, figure
ROWS = (
    ("warm call: instructions", WARM, "instructions"),
    ("warm call: CPU", WARM, "cpu_us"),
    ("warm call: median latency", WARM, "median_us"),
    ("warm call: bytes allocated", WARM, "allocated_bytes"),
    ("full handshake: instructions", FULL, "instructions"),
    ("full handshake: CPU", FULL, "cpu_us"),
    ("resumed: CPU", RESUMED, "cpu_us"),
    ("fresh process to first answer", "first", "all_us"),
    ("resident memory after a call", "first", "resident_kib"),
    ("512 idle connections", "connections, 512", "connection_kib"),
    ("64 threads: CPU", "threads, 64", "cpu_us"),
)

LEFT, WIDTH, TOP, ROW, BAR = 250, 480, 92, 40, 13
COLOURS = {"agw": "#1f6feb", FLOOR: "#9aa4b0"}

STYLE = """<style>
text { font-family: "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; font-size: 13px;
       fill: #24292f }
.title { font-size: 17px; font-weight: bold } .small { font-size: 11px; fill: #57606a }
</style>"""


def draw(everything):
    bars = rows(everything["results"])
    bottom = TOP + ROW * len(bars)
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img">'
             % (LEFT + WIDTH + 70, bottom + 44), STYLE,
             '<rect width="100%" height="100%" fill="#ffffff"/>',
             text(20, 30, "What a call takes, beside libcurl with OpenSSL", "title")]
    parts += legend() + scale(bottom)
    for place, (label, shares) in enumerate(bars):
        parts += row(TOP + ROW * place, label, shares)
    return "\n".join([*parts, "</svg>", ""])


def rows(results):
    """(label, {client: share of libcurl's figure})"""
    found = [(label, results.get(name), figure) for label, name, figure in ROWS]
    bars = [(label, {client: had[client][figure] / had["libcurl"][figure] for client in COLOURS})
            for label, had, figure in found if had and figure in had["agw"]]
    python = results.get("python")
    if python:
        share = python["agw"]["cpu_us"] / python["requests"]["cpu_us"]
        bars.append(("Python: CPU, beside requests", {"agw": share}))
    return bars


def legend():
    parts, left = [], 20
    for client, words in (("agw", "agw"), (FLOOR, "the floor: rustls by hand")):
        parts += [bar(left, 46, 13, COLOURS[client]), text(left + 19, 57, words)]
        left += 70
    return [*parts, text(left + 130, 57, "the line at 1.0: libcurl (less is better)", "small")]


def scale(bottom):
    parts = []
    for tenth in range(0, 11, 2):
        x = LEFT + WIDTH * tenth / 10
        strong = tenth in (0, 10)
        parts.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-width="%s"/>' % (
            x, TOP - 8, x, bottom, "#57606a" if strong else "#d8dee4", "1.5" if strong else "1"))
        parts.append(text(x, bottom + 20, "%.1f" % (tenth / 10), "small", "middle"))
    return parts


def row(top, label, shares):
    parts = [text(LEFT - 12, top + (18 if len(shares) > 1 else 11), label, anchor="end")]
    for place, (client, share) in enumerate(shares.items()):
        y, length = top + place * (BAR + 2), WIDTH * min(share, 1.06)
        parts.append(bar(LEFT, y, length, COLOURS[client], BAR))
        parts.append(text(LEFT + length + 6, y + 11, "%.2f" % share, "small"))
    return parts


def bar(x, y, length, colour, height=13):
    return '<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="2" fill="%s"/>' % (
        x, y, length, height, colour)


def text(x, y, words, style="", anchor="start"):
    return '<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>' % (
        x, y, style, anchor, words)
