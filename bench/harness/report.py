"""bench/report: one self-contained HTML page, its pictures, and the table of the README."""

import argparse
import base64
import html
import json
import pathlib
import sys

from . import runs, stats

BEGIN, END = "<!-- bench table: made by bench/report -->", "<!-- bench table ends -->"
TITLES = {"fit": "fit", "predict": "predict", "p50_us": "one row"}
STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #666; --line: #ddd; --win: #0a7a3c; --lose: #b3261e }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --soft: #aaa; --line: #444; --win: #5fd08f; --lose: #ff8a80 } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 62rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem } .soft { color: var(--soft) }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100% }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left }
td.text { text-align: left; white-space: normal; min-width: 16rem } .win { color: var(--win) } .lose { color: var(--lose) }
img { max-width: 100%; height: auto; background: white; border-radius: 6px }
"""


def latest(path):
    """The last row of each (case, peer, threads), in the order of the file."""
    rows = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        rows[row["case"], row["peer"], row["threads"]] = row
    return list(rows.values())


def ratio_text(value):
    return f"{value[0]:.2f} [{value[1]:.2f}, {value[2]:.2f}]"


def cells(row):
    if "missing" in row:
        return f'<td class="text soft" colspan="5">not run: {html.escape(row["missing"])}</td>'
    scores = f"<td>{row['our_score']:.4f}</td><td>{row['their_score']:.4f}</td>"
    if not row["passed"]:
        return f'<td class="text lose" colspan="3">no ratio: {html.escape(row["quality"])}</td>{scores}'
    parts = []
    for metric in runs.METRICS:
        kind = "win" if row[metric][1] > 1 else "lose" if row[metric][2] < 1 else ""
        parts.append(f'<td class="{kind}">{ratio_text(row[metric])}</td>')
    return "".join(parts) + scores


def picture(draw, path):
    """A PNG in the folder and the same as an <img> tag."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = draw(plt)
    figure.savefig(path, dpi=130, bbox_inches="tight")
    plt.close(figure)
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{path.stem}" src="data:image/png;base64,{data}">'


def draw_ratios(rows, metric):
    def draw(plt):
        figure, axes = plt.subplots(figsize=(7, 0.9 + 0.3 * len(rows)))
        places = range(len(rows))[::-1]
        for y, row in zip(places, rows):
            middle, low, high = row[metric]
            colour = "#0a7a3c" if low > 1 else "#b3261e" if high < 1 else "#777777"
            axes.plot([low, high], [y, y], color=colour, linewidth=3)
            axes.plot([middle], [y], "o", color=colour)
            axes.text(high * 1.06, y, f"{middle:.1f}x", va="center", fontsize=8)
        axes.axvline(1, color="#333333", linewidth=1)
        axes.set_xscale("log")
        axes.set_yticks(list(places), [f"{r['case']} / {r['peer']}" for r in rows], fontsize=8)
        axes.set_xlabel("time of the peer over time of Hone (right: Hone is faster)")
        axes.set_title(TITLES[metric])
        axes.margins(x=0.15)
        return figure

    return draw


def draw_accuracy(rows):
    def draw(plt):
        figure, axes = plt.subplots(figsize=(7, 4))
        for row in rows:
            ratio, gain = row["fit"][0], row["our_score"] - row["their_score"]
            if row["their_score"] >= 0:
                axes.plot([ratio], [100 * gain], "o", color="#1f5fa8")
                axes.annotate(f"{row['case']} / {row['peer']}", (ratio, 100 * gain), fontsize=6)
        axes.axvline(1, color="#333333", linewidth=1)
        axes.axhline(0, color="#333333", linewidth=1)
        axes.set_xscale("log")
        axes.set_xlabel("fit time of the peer over Hone's")
        axes.set_ylabel("accuracy of Hone over the peer's, points")
        return figure

    return draw


def page(rows, folder):
    machine = rows[-1]["machine"]
    good = [r for r in rows if r.get("passed")]
    table = "".join(f"<tr><td>{html.escape(r['case'])}</td><td>{html.escape(r['peer'])}</td>"
                    f"{cells(r)}</tr>" for r in rows)
    pictures = [picture(draw_ratios(good, m), folder / f"ratios-{m}.png") for m in runs.METRICS]
    pictures.append(picture(draw_accuracy(good), folder / "accuracy.png"))
    head = "".join(f"<th>{html.escape(t)}</th>"
                   for t in ("case", "peer", "fit", "predict", "one row", "Hone's score", "peer's score"))
    facts = (f"{machine['processor']}, {machine['cores']} cores, {machine['vectors']}, "
             f"{machine['system']}; {machine['date']}; commit {machine['commit']}; suite "
             f"{rows[-1]['suite']}, {rows[-1]['pairs']} pairs; load at the start {machine['load']:.2f}")
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hone against its peers</title><style>{STYLE}</style>
<h1>Hone against its peers</h1>
<p class="soft">{html.escape(facts)}</p>
<p>Ratios are the peer's time over Hone's in paired runs of fresh processes on the same arrays: the
median and its bootstrap 95 % interval. Above 1 Hone is faster. A case whose quality is not at least
the peer's has no ratio. Score: held-out accuracy, or minus the root mean squared error.</p>
<ul>{"".join(f"<li>{html.escape(line)}</li>" for line in runs.summary(rows))}</ul>
<div class="scroll"><table><tr>{head}</tr>{table}</table></div>
<h2>Ratios</h2>{"".join(f"<p>{p}</p>" for p in pictures[:-1])}
<h2>Time against accuracy</h2><p>{pictures[-1]}</p>
</html>
"""


def readme_table(rows):
    machine = rows[-1]["machine"]
    lines = [BEGIN, "", "| case | peer | fit | predict | one row | Hone's score | peer's score |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        if row.get("passed"):
            ratios = [ratio_text(row[m]) for m in runs.METRICS]
        else:
            ratios = ["not run" if "missing" in row else "no ratio: quality", "", ""]
        scores = [f"{row[s]:.4f}" if s in row else "" for s in ("our_score", "their_score")]
        lines.append("| " + " | ".join([row["case"], row["peer"], *ratios, *scores]) + " |")
    lines += ["", f"{machine['processor']}, {machine['cores']} cores, {machine['date'][:10]}, commit "
              f"{machine['commit']}; suite `{rows[-1]['suite']}`, {rows[-1]['pairs']} pairs.", "", END]
    return "\n".join(lines)


def put(readme, table):
    text = readme.read_text()
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{readme}: the marks of the table are missing: {BEGIN} ... {END}")
    return text[: text.index(BEGIN)] + table + text[text.index(END) + len(END) :]


def main():
    parser = argparse.ArgumentParser(prog="bench/report", description=__doc__)
    parser.add_argument("--out", default=str(runs.ROOT / "bench/out"))
    parser.add_argument("--readme", action="store_true", help="put the table into README.md")
    parser.add_argument("--check", action="store_true", help="fail when README.md has another table")
    args = parser.parse_args()
    folder = pathlib.Path(args.out)
    rows = latest(folder / "rows.jsonl")
    readme = runs.ROOT / "README.md"
    if args.readme or args.check:
        text = put(readme, readme_table(rows))
        if args.check and text != readme.read_text():
            sys.exit("README.md: its bench table is not that of rows.jsonl; run bench/report --readme")
        readme.write_text(text)
    (folder / "report.html").write_text(page(rows, folder))
    print(folder / "report.html")


if __name__ == "__main__":
    main()
