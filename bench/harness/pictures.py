"""The pictures of the report: drawn once, kept as PNG files and put into the page."""

import base64

from .peers import PEERS
from .runs import label

TITLES = {"fit": "fit", "predict": "predict", "p50_us": "one row"}
WIN, LOSE, EVEN, LINE = "#0a7a3c", "#b3261e", "#777777", "#333333"
SIDES = ("#0a7a3c", "#1f5fa8", "#c26a00", "#7a3fa0")


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
            colour = WIN if low > 1 else LOSE if high < 1 else EVEN
            axes.plot([low, high], [y, y], color=colour, linewidth=3)
            axes.plot([middle], [y], "o", color=colour)
            axes.text(high * 1.06, y, f"{middle:.2g}x", va="center", fontsize=8)
        axes.axvline(1, color=LINE, linewidth=1)
        axes.set_xscale("log")
        axes.set_yticks(list(places), [f"{label(r)} / {r['peer']}" for r in rows], fontsize=8)
        axes.set_xlabel("time of the peer over time of Hone (right: Hone is faster)")
        axes.set_title(TITLES[metric])
        axes.margins(x=0.15)
        return figure

    return draw


def draw_accuracy(rows):
    def draw(plt):
        figure, axes = plt.subplots(figsize=(7, 4))
        for row in rows:
            if "fit" in row and row["their_score"] >= 0:
                ratio, gain = row["fit"][0], row["our_score"] - row["their_score"]
                axes.plot([ratio], [100 * gain], "o", color=SIDES[1])
                axes.annotate(f"{label(row)} / {row['peer']}", (ratio, 100 * gain), fontsize=6)
        axes.axvline(1, color=LINE, linewidth=1)
        axes.axhline(0, color=LINE, linewidth=1)
        axes.set_xscale("log")
        axes.set_xlabel("fit time of the peer over Hone's")
        axes.set_ylabel("accuracy of Hone over the peer's, points")
        return figure

    return draw


def draw_curve(row, speeds):
    """Seconds of fit and predict, and MiB, over the axis of the curve: all sides, and below them the least
    that this machine needs at its speeds, {"bytes": a second, "flops": a second}."""
    parts = (("fit", "fit, s"), ("predict", "predict, s"), ("peak_mib", "memory, MiB"))

    def draw(plt):
        figure, panels = plt.subplots(1, 3, figsize=(11, 3))
        for axes, (field, label) in zip(panels, parts):
            for colour, (side, curve) in zip(SIDES, row["sides"].items()):
                slope = curve.get(f"{field}_exponent")
                power = f", power {slope:.2f}" if slope is not None else ""
                axes.plot([p["value"] for p in curve["points"]],
                          [max(p[field], 1e-6) for p in curve["points"]],
                          "o-", color=colour, markersize=3, label=side + power)
            kind, work = row["least"].get(field, (None, []))
            if kind in speeds:
                axes.plot([value for value, _ in work], [amount / speeds[kind] for _, amount in work],
                          "--", color=LINE, linewidth=1, label=f"floor of the machine ({kind})")
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlabel(row["axis"])
            axes.set_title(label, fontsize=9)
            axes.legend(fontsize=7)
        figure.suptitle(f"{row['model']} over {row['axis']}", fontsize=10)
        figure.tight_layout()
        return figure

    return draw


def draw_latency(rows):
    """Median and 99th percentile of one row, each case, Hone and the peers."""

    def draw(plt):
        figure, axes = plt.subplots(figsize=(7, 0.9 + 0.3 * len(rows)))
        places = range(len(rows))[::-1]
        for y, row in zip(places, rows):
            for shift, side, colour in ((0.15, "ours", WIN), (-0.15, "theirs", SIDES[1])):
                name = "plain_" if side == "ours" and PEERS[row["peer"]].plain else ""
                line = [row[side][f"{name}p50_us"], row[side][f"{name}p99_us"]]
                axes.plot(line, [y + shift] * 2, "-", color=colour)
                axes.plot(line[:1], [y + shift], "o", color=colour, markersize=4)
        axes.set_xscale("log")
        axes.set_yticks(list(places), [f"{label(r)} / {r['peer']}" for r in rows], fontsize=8)
        axes.set_xlabel("microseconds, median to 99th percentile (green: Hone, blue: the peer)")
        axes.set_title("one row")
        return figure

    return draw
