"""One block: a fresh process that fits and predicts one case with one peer, and prints a JSON line.

The parent sets the thread variables of the environment before this process starts. The first fit is
the cold start, with the imports; the second is the one that counts, without anything that the first may
have left: what Hone keeps of a dataset is forgotten. Conversions stand inside the timed part.
"""

import json
import os
import pickle
import sys
import time

from . import data, gate, peers


def timed(call, model=None):
    """(value, seconds, processor seconds); the model's own `seconds` count where it is another program."""
    start, cpu = time.perf_counter(), time.process_time()
    value = call()
    seconds = time.perf_counter() - start
    return value, getattr(model, "seconds", seconds), time.process_time() - cpu


def memory(field):
    """MiB of this process: VmRSS now, VmHWM at most since `watch_memory`."""
    with open("/proc/self/status") as status:
        line, = (line for line in status if line.startswith(field + ":"))
    return int(line.split()[1]) / 1024


def watch_memory():
    """The peak begins anew: a process inherits that of its parent."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return memory("VmRSS")


def best_rows(model, X, count):
    """Single rows with all threads and, where the model may be told so, with one: the faster of the two."""
    times = [single_rows(model, X, count)]
    if getattr(model, "n_jobs", None) not in (None, 1):
        given, model.n_jobs = model.n_jobs, 1
        times.append(single_rows(model, X, count))
        model.n_jobs = given
    return min(times, key=lambda row: row[len(row) // 2])


def single_rows(model, X, count, seconds=2.0):
    """Microseconds of predicting one row at a time, sorted; at most `seconds`, at least 20 rows."""
    rows = [X[i : i + 1] for i in range(min(count, X.shape[0]))]
    model.predict(rows[0])
    times = []
    for row in rows:
        if len(times) >= 20 and sum(times) > seconds * 1e6:
            break
        start = time.perf_counter_ns()
        model.predict(row)
        times.append((time.perf_counter_ns() - start) / 1e3)
    return sorted(times)


def size_of(model):
    """Bytes of the model as its library stores it, else of its pickle."""
    if hasattr(model, "stored_bytes"):
        return model.stored_bytes()
    try:
        return len(pickle.dumps(model))
    except (TypeError, ValueError, pickle.PicklingError):
        return None


def outcome(job, model, X, y, y_test, predicted):
    """Who computed what, and how well: a line without its times."""
    return {"peer": job["peer"], "version": peers.PEERS[job["peer"]].version(), "variant": job["variant"],
            "dtype": str(X.dtype), "threads": job["threads"], "seed": job["seed"],
            "score": gate.score(job["task"], y_test, predicted),
            "objective": gate.objective(job, model, X, y)}


def block(job):
    X, y, X_test, y_test = data.read(job["data"])
    peer = peers.PEERS[job["peer"]]
    make = lambda: peer.make(job["model"], job["task"], job["params"], job["threads"], job["seed"],
                             job["variant"])
    if not job["timed"]:
        model = make().fit(X, y)
        return outcome(job, model, X, y, y_test, model.predict(X_test))
    before = watch_memory()
    (cold, cold_seconds, _) = timed(lambda: make().fit(X, y))
    timed(lambda: cold.predict(X_test[:256]))
    del cold
    peer.forget()
    model = make()
    _, fit_seconds, fit_cpu = timed(lambda: model.fit(X, y), model)
    predicted, predict_seconds, _ = timed(lambda: model.predict(X_test), model)
    line = {
        "cold": cold_seconds, "fit": fit_seconds, "fit_cpu": fit_cpu, "predict": predict_seconds,
        "peak_mib": getattr(model, "peak_mib", memory("VmHWM") - before),
        "load": os.getloadavg()[0],
    } | outcome(job, model, X, y, y_test, predicted)
    if peer.one_row:
        times = best_rows(model, X_test, job["single_rows"])
        line |= {"p50_us": times[len(times) // 2], "p99_us": times[len(times) * 99 // 100]}
        if hasattr(model, "model_"):
            times = single_rows(model.model_, X_test, job["single_rows"])
            line |= {"plain_p50_us": times[len(times) // 2], "plain_p99_us": times[len(times) * 99 // 100]}
    return line | {"bytes": size_of(model)}


if __name__ == "__main__":
    print(json.dumps(block(json.load(sys.stdin))))
