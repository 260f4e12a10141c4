"""bench/report: one self-contained HTML page, its pictures, and the table of the README."""

import argparse
import html
import json
import pathlib
import sys

from . import pictures, runs

BEGIN, END = "<!-- bench table: made by bench/report -->", "<!-- bench table ends -->"
PUBLISHED = runs.ROOT / "bench/published.jsonl"  # the rows that the README quotes
STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #666; --line: #ddd; --win: #0a7a3c; --lose: #b3261e }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --soft: #aaa; --line: #444; --win: #5fd08f; --lose: #ff8a80 } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 62rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem } .soft { color: var(--soft) }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100% }
th, td { text-align: right; padding: .3rem .4rem; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child { text-align: left } td small { display: block; opacity: .7 }
td.text { text-align: left; white-space: normal; min-width: 12rem } .win { color: var(--win) } .lose { color: var(--lose) }
pre { overflow-x: auto; font-size: .8rem } img { width: 100%; min-width: 34rem; height: auto; background: white; border-radius: 6px }
"""


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def latest(path, *keys):
    """The last line of each combination of keys, in the order of the file."""
    return list({tuple(row[key] for key in keys): row for row in lines_of(path)}.values())


def ratio_text(value):
    return f"{value[0]:.2f} [{value[1]:.2f}, {value[2]:.2f}]"


def where(row):
    machine = row["machine"]
    return (f"{machine['processor']}, {machine['cores']} cores, {machine['vectors']}, "
            f"{machine['date'][:10]}, commit {machine['commit']}; suite `{row['suite']}`, "
            f"{row['pairs']} pairs, load {machine['load']:.2f} at the start")


def left_out(rows):
    """The cases that other suites measure."""
    tables, _ = runs.cases_of("default", [])
    return [case["name"] for case in tables["case"] if case["name"] not in {row["case"] for row in rows}]


def disagreements(rows, others):
    """Lines on rows of two runs whose intervals of a metric lie apart."""
    theirs = {(row["case"], row["peer"], row["threads"]): row for row in others}
    both = [(row, theirs.get((row["case"], row["peer"], row["threads"]), {})) for row in rows]
    return [f"{runs.label(a)}, {a['peer']}, {metric}: {ratio_text(a[metric])} and {ratio_text(b[metric])}"
            for a, b in both for metric in runs.METRICS
            if metric in a and metric in b and (a[metric][1] > b[metric][2] or b[metric][1] > a[metric][2])]


# --- the page -------------------------------------------------------------------------------------


def cells(row):
    if "missing" in row:
        return f'<td class="text soft" colspan="5">not run: {html.escape(row["missing"])}</td>'
    scores = f"<td>{row['our_score']:.4f}</td><td>{row['their_score']:.4f}</td>"
    if not row["passed"]:
        return f'<td class="text lose" colspan="3">no ratio: {html.escape(row["quality"])}</td>{scores}'
    parts = []
    for metric in runs.METRICS:
        if metric not in row:
            parts.append("<td></td>")
            continue
        kind = "win" if row[metric][1] > 1 else "lose" if row[metric][2] < 1 else ""
        middle, low, high = row[metric]
        parts.append(f'<td class="{kind}">{middle:.2f}<small>{low:.2f} to {high:.2f}</small></td>')
    return "".join(parts) + scores


def table_of(header, rows):
    head = "".join(f"<th>{html.escape(text)}</th>" for text in header)
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def named(row, who):
    return f"<td>{html.escape(runs.label(row))}<small>{html.escape(who)}</small></td>"


def ratio_table(rows):
    header = ("case and peer", *pictures.TITLES.values(), "Hone's score", "peer's score")
    return table_of(header, [f"<tr>{named(row, row['peer'])}{cells(row)}</tr>" for row in rows])


def size_table(rows):
    """Memory, cold start and size of the model: not judged, but told."""
    def line(row, side, name):
        block = row[side]
        size = f"{block['bytes'] / 2**20:.2f}" if block.get("bytes") else ""
        return (f"<tr>{named(row, name)}<td>{block['cold']:.3g}</td><td>{block['peak_mib']:.0f}</td><td>{size}</td></tr>")

    parts = [line(row, side, name) for row in rows
             for side, name in (("ours", "hone"), ("theirs", row["peer"]))]
    return table_of(("case and library", "first fit, s", "memory, MiB", "model, MiB"), parts)


def kernel_table(kernels):
    if not kernels:
        return "<p>Not measured: bench/kernels/run.</p>"
    header = ("kernel", "instructions", "shape", "10^9 a second", "share of the limit")
    return table_of(header, [
        f"<tr><td>{html.escape(k['what'])}</td><td>{k['isa']}</td><td>{k['shape']}</td>"
        f"<td>{k['giga_per_second']:.2f}</td><td>{k['share_of_limit']:.2f}</td></tr>" for k in kernels])


def speeds(kernels):
    """What this machine reaches, as bench/kernels/run measured it, a second."""
    limits = {"stream triad, bytes": "bytes", "OpenBLAS sgemm, flops": "flops"}
    return {limits[k["what"]]: 1e9 * k["giga_per_second"] for k in kernels if k["what"] in limits}


def printed(folder):
    """What the other benches printed, as it stands."""
    return "".join(f"<h3>{html.escape(file.stem)}</h3><pre>{html.escape(file.read_text())}</pre>"
                   for file in sorted(folder.glob("*.txt")))


def figures(draws, folder):
    return "".join(f'<div class="scroll">{pictures.picture(draw, folder / (name + ".png"))}</div>'
                   for name, draw in draws.items())


def page(rows, curves, kernels, folder):
    good = [row for row in rows if row.get("passed")]
    ratios = {f"ratios-{m}": pictures.draw_ratios([r for r in good if m in r], m)
              for m in runs.METRICS}
    grown = {f"{c['model']}-{c['axis']}": pictures.draw_curve(c, speeds(kernels)) for c in curves}
    summary = "".join(f"<li>{html.escape(line)}</li>" for line in runs.summary(rows))
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hone against its peers</title><style>{STYLE}</style>
<h1>Hone against its peers</h1>
<p class="soft">{html.escape(where(rows[-1]))}</p>
<p>Ratios are the peer's time over Hone's in paired runs of fresh processes on the same arrays: the
median and the interval of the pairs that holds it with 95 % (below six pairs: all of them). Above 1 Hone is faster. A case whose quality is not at least
the peer's has no ratio. Score: held-out accuracy, or minus the root mean squared error.</p>
<ul>{summary}</ul>
<p class="soft">Left out, of other suites: {html.escape(", ".join(left_out(rows)) or "nothing")}.</p>
{ratio_table(rows)}
<h2>Ratios</h2>{figures(ratios, folder)}
<h2>One row</h2>{figures({"latency": pictures.draw_latency([r for r in good if "p50_us" in r])}, folder)}
<h2>Time against accuracy</h2>{figures({"accuracy": pictures.draw_accuracy(good)}, folder)}
<h2>Start, memory, size</h2>{size_table(good)}
<h2>How cost grows</h2>{figures(grown, folder) or "<p>Not measured: bench/scaling.</p>"}
<h2>Kernels against the limits of this machine</h2>{kernel_table(kernels)}
<h2>Questions of single models, searches, readers</h2>{printed(folder) or "<p>Not measured: see bench/README.md.</p>"}
</html>
"""


# --- the README -----------------------------------------------------------------------------------


def quoted(rows, metric):
    """The ratio against the peer that was hardest to beat, with its name."""
    known = [row for row in rows if metric in row]
    if not known:
        return ""
    worst = min(known, key=lambda row: row[metric][0])
    return f"{ratio_text(worst[metric])} {worst['peer']}"


def readme_table(rows):
    """A line a case: the ratio against the best peer of each metric, and who that is."""
    if not rows:
        return BEGIN + "\n" + END
    lines = [BEGIN, "", "| case | " + " | ".join(pictures.TITLES.values()) + " | score, that of the strongest peer |",
             "| --- | --- | --- | --- | --- |"]
    for case in dict.fromkeys(runs.label(row) for row in rows if row["peer"] != "hone again"):
        mine = [row for row in rows if runs.label(row) == case and "missing" not in row]
        passed = [row for row in mine if row["passed"]]
        failed = ", ".join(row["peer"] for row in mine if not row["passed"])
        best = max(mine, key=lambda row: row["their_score"] - row["our_score"], default=None)
        scores = f"{best['our_score']:.4f}, {best['their_score']:.4f} {best['peer']}" if best else ""
        note = f" (no ratio, quality: {failed})" if failed else ""
        texts = [quoted(passed, metric) for metric in runs.METRICS]
        lines.append("| " + " | ".join([case, *texts, scores + note]) + " |")
    return "\n".join(lines + ["", where(rows[-1]) + ".", "", END])


def put(readme, table):
    text = readme.read_text()
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{readme}: the marks of the table are missing: {BEGIN} ... {END}")
    return text[: text.index(BEGIN)] + table + text[text.index(END) + len(END) :]


def publish(folder, readme):
    """The rows of the folder become those that the README quotes."""
    rows = latest(folder / "rows.jsonl", "case", "peer", "threads")
    PUBLISHED.write_text("".join(json.dumps(row) + "\n" for row in rows))
    readme.write_text(put(readme, readme_table(rows)))


def check(readme):
    if put(readme, readme_table(lines_of(PUBLISHED))) != readme.read_text():
        sys.exit(f"{readme.name}: its table is not that of {PUBLISHED.name}; run bench/report --publish")
    print(f"{readme.name}: the table is that of {PUBLISHED.name}")


def main():
    parser = argparse.ArgumentParser(prog="bench/report", description=__doc__)
    parser.add_argument("--out", default=str(runs.ROOT / "bench/out"))
    parser.add_argument("--publish", action="store_true", help="put the table into README.md")
    parser.add_argument("--check", action="store_true", help="only look whether README.md has drifted")
    parser.add_argument("--against", metavar="FOLDER", help="name the rows that another run contradicts")
    args = parser.parse_args()
    readme, folder = runs.ROOT / "README.md", pathlib.Path(args.out)
    if args.check:
        check(readme)
        return
    if args.publish:
        publish(folder, readme)
    rows = latest(folder / "rows.jsonl", "case", "peer", "threads")
    if args.against:
        others = latest(pathlib.Path(args.against) / "rows.jsonl", "case", "peer", "threads")
        print("\n".join(disagreements(rows, others)) or "the runs agree within their intervals")
        return
    curves = latest(folder / "curves.jsonl", "model", "axis")
    text = page(rows, curves, lines_of(folder / "kernels.jsonl"), folder)
    (folder / "report.html").write_text(text)
    print(folder / "report.html")


if __name__ == "__main__":
    main()
