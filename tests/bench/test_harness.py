"""The bench harness itself: its statistics, its gate, a case end to end, and the README's table."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from harness import compare, gate, peers, report, runs, scaling, stats, worker  # noqa: E402


def pairs(ours, theirs):
    return [({"score": a, "objective": None}, {"score": b, "objective": None}) for a, b in zip(ours, theirs)]


def test_the_interval_of_a_median_holds_it_and_repeats_itself():
    middle, low, high = stats.interval([1.0, 2.0, 4.0, 3.0, 2.5])
    assert 1 <= low <= middle <= high <= 4


@pytest.mark.parametrize("n,low,high", [(3, 1, 3), (7, 1, 7), (9, 2, 8), (20, 6, 15)])
def test_the_interval_is_that_of_the_binomial_distribution(n, low, high):
    assert stats.interval(range(1, n + 1)) == ((n + 1) / 2, low, high)


def test_what_a_first_fit_left_is_forgotten_before_the_one_that_counts(monkeypatch, bench):
    job = {"data": str(bench.store.path(CASE | {"task": "classification"}, 0, "float64")), "peer": "hone", "model": "knn",
           "task": "classification", "params": CASE["params"], "threads": 1, "seed": 0, "variant": {},
           "single_rows": 20, "timed": True}
    told = []
    monkeypatch.setattr(peers.PEERS["hone"], "forget", lambda: told.append("forgotten"))
    line = worker.block(job)
    assert told == ["forgotten"] and line["peak_mib"] > 0


def test_a_model_that_is_not_pickled_has_the_size_of_its_own_form():
    class Stored:
        def stored_bytes(self):
            return 7

    assert worker.size_of(Stored()) == 7
    assert worker.size_of(sys) is None
    assert worker.size_of({"a": 1}) > 0


def test_a_worse_score_has_no_ratio_and_an_equal_one_has():
    worse, why = gate.verdict("classification", pairs([0.80] * 5, [0.81] * 5))
    assert not worse and "below the margin" in why
    assert gate.verdict("classification", pairs([0.81] * 5, [0.81] * 5))[0]


def test_noise_asks_for_more_seeds_instead_of_a_verdict():
    ours, theirs = [0.80, 0.83, 0.79], [0.81, 0.80, 0.80]
    assert gate.undecided("classification", pairs(ours, theirs))
    assert gate.undecided("classification", pairs([0.80, 0.79, 0.82], [0.80, 0.81, 0.81]))
    assert not gate.undecided("classification", pairs([0.7] * 3, [0.8] * 3))


def test_a_worse_optimum_has_no_ratio():
    rows = [({"score": 1, "objective": 1.001}, {"score": 1, "objective": 1.0})] * 3
    passed, why = gate.verdict("classification", rows)
    assert not passed and why.startswith("objective")


@pytest.mark.parametrize("ratio,word", [((2, 1.5, 3), "faster"), ((0.5, 0.4, 0.6), "slower"), ((1, 0.9, 1.2), "no difference")])
def test_compare_says_what_the_interval_says(ratio, word):
    assert compare.judge(*ratio) == word


@pytest.fixture
def bench(tmp_path):
    return runs.Bench("quick", 1, tmp_path, 2)


CASE = {"name": "small", "data": "vehicle", "scale": True, "model": "knn",
        "params": {"n_neighbors": 10, "weights": "uniform"}}


def test_a_case_runs_end_to_end_and_its_row_is_shown(bench):
    row, = bench.rows(CASE, ["scikit-learn"], 1)
    assert row["passed"], row["quality"]
    assert all(row[m][0] > 0 for m in runs.METRICS)
    assert row["ours"]["peer"] == "hone" and "small" in runs.show(row)
    assert (pathlib.Path(bench.out) / "lines.jsonl").stat().st_size > 0


def test_noise_does_not_choose_the_variant(bench, monkeypatch):
    seconds = {"float32": iter([1.4, 1.0, 1.4]), "float64": iter([1.2, 1.2, 1.2])}
    monkeypatch.setattr(bench, "block",
                        lambda case, peer, seed, dtype, variant: {"fit": next(seconds[dtype]), "predict": 0.0})
    assert bench.best(CASE, "hone") == ("float32", {})


def test_a_choice_that_is_far_or_long_is_tried_once(bench, monkeypatch):
    for fast, slow in (1.0, 1.6), (2.1, 2.2):
        seconds = {"float32": iter([slow]), "float64": iter([fast])}
        monkeypatch.setattr(bench, "block",
                            lambda case, peer, seed, dtype, variant: {"fit": next(seconds[dtype]), "predict": 0.0})
        assert bench.best(CASE, "hone") == ("float64", {})


def test_a_page_shows_a_peer_that_only_predicts(bench, tmp_path):
    row, = bench.rows(CASE, ["scikit-learn"], 1)
    del row["fit"], row["theirs"]["bytes"]
    assert "small" in report.page([row], [], [], tmp_path)


def test_a_peer_that_cannot_run_is_reported(bench):
    rows = list(bench.rows(CASE, ["libsvm", "scikit-learn"], 1))
    assert rows[0]["missing"] == "libsvm: has no knn for classification"
    assert "missing" not in rows[1] and "not run" in runs.show(rows[0])


def test_a_case_that_comes_too_late_is_reported(bench):
    row, = bench.late(CASE, ["scikit-learn"], 1)
    assert "not run: the minutes of the suite were over" in runs.show(row)


def test_scores_of_further_seeds_are_taken_from_an_earlier_run(bench, tmp_path, monkeypatch):
    bench.machine["commit"] = "abc"  # scores of changed files are not trusted
    first = bench.block(CASE | {"task": "classification"}, "scikit-learn", 0, "float64", {})
    made = bench.scored(CASE | {"task": "classification"}, "scikit-learn", 3, first)
    again = runs.Bench("quick", 1, tmp_path, 2)
    monkeypatch.setattr(again, "block", None)
    assert again.scored(CASE, "scikit-learn", 3, first)["score"] == made["score"]
    other = CASE | {"params": {"n_neighbors": 3}}
    assert runs.identity(first | {"params": other["params"]}) != runs.identity(first)


def test_a_curve_has_its_exponent_and_the_floor_of_the_machine(bench, tmp_path):
    tables = runs.cases_of("default", [])[0]
    tables["curve_axes"] = {"rows": [200, 400, 800]}
    curve = next(c for c in tables["curve"] if c["model"] == "knn") | {"peers": ["scikit-learn"]}
    row = scaling.curve_row(bench, tables, curve, "rows", 60)
    assert [p["value"] for p in row["sides"]["hone"]["points"]] == [200, 400, 800]
    assert row["sides"]["scikit-learn"]["fit_exponent"] is not None
    columns = tables["curve_base"]["columns"]
    assert row["least"]["fit"] == ("bytes", [[n, 4 * n * 3 // 4 * columns] for n in (200, 400, 800)])
    assert row["least"]["predict"] == ("flops", [[n, 2 * (n // 4) * (n * 3 // 4) * columns] for n in (200, 400, 800)])
    kernels = [{"what": "stream triad, bytes", "isa": "", "shape": "", "giga_per_second": 50, "share_of_limit": 1}]
    assert report.speeds(kernels) == {"bytes": 5e10}
    drawn, = bench.rows(CASE, ["scikit-learn"], 1)
    assert 'alt="knn-rows"' in report.page([drawn], [row], kernels, tmp_path)


def test_two_runs_that_lie_apart_are_named():
    machine = {"cores": 2}
    row = {"case": "c", "peer": "p", "threads": 2, "machine": machine, "fit": [2.0, 1.9, 2.1]}
    assert report.disagreements([row], [row | {"fit": [2.05, 1.95, 2.2]}]) == []
    apart, = report.disagreements([row], [row | {"fit": [3.0, 2.9, 3.1]}])
    assert apart.startswith("c, p, fit: 2.00")


def test_the_table_of_the_readme_is_that_of_the_published_rows():
    report.check(ROOT / "README.md")
