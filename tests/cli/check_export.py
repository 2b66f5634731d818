"""Called by check-export.sh with a results.h5 and the folder of its CSV: both say the same, to the last bit."""
import csv
import sys
from pathlib import Path

import h5py
import numpy as np

path, folder = sys.argv[1], Path(sys.argv[2])


def read(name):
    with open(folder / f"{name}.csv", newline="") as file:
        rows = list(csv.reader(file))
    return rows[0], rows[1:]


def number(text):
    return float(text) if text else float("nan")


def same(text, value):
    if isinstance(value, bytes):
        return text == value.decode()
    if isinstance(value, np.integer):
        return int(text) == int(value)
    return text == "" if np.isnan(value) else float(text) == float(value)


compared = 0
with h5py.File(path) as file:
    runs = [(row["arm"].decode(), int(row["seed"])) for row in file["runs"]]
    assert any("," in arm for arm, _ in runs), "no arm needs quotes"
    for name in ["runs", "metrics", "cost"]:
        head, rows = read(name)
        table = file[name][:]
        assert tuple(head) == table.dtype.names and len(rows) == len(table), name
        for text, row in zip(rows, table):
            for field, column in zip(text, head):
                assert same(field, row[column]), (name, column, field, row[column])
                compared += 1

    head, rows = read("per_user")
    metrics = list(file["per_user"])
    assert head == ["arm", "seed", "user"] + metrics
    users = [int(n) for n in file["runs"]["n_users"]]
    assert len(rows) == sum(users)
    values = {metric: file["per_user"][metric][:] for metric in metrics}
    at = 0
    for i, (arm, seed) in enumerate(runs):
        for user in range(users[i]):
            assert rows[at][:3] == [arm, str(seed), str(user)]
            for metric, text in zip(metrics, rows[at][3:]):
                assert same(text, values[metric][i, user]), (arm, seed, user, metric, text)
                compared += 1
            at += 1

    def details(group):
        for i, run in enumerate(runs):
            for folder_ in file[f"runs_detail/r{i}"].get(group, {}).values():
                stage = folder_.attrs["stage"]
                for name, table in folder_.items():
                    yield run, stage.decode() if isinstance(stage, bytes) else stage, name, table[:]

    head, rows = read("curves")
    assert head == ["arm", "seed", "stage", "series", "step", "value"]
    wanted = [(arm, str(seed), stage, name, *point) for (arm, seed), stage, name, table in details("curves") for point in table]
    assert len(rows) == len(wanted) > 0
    for text, row in zip(rows, wanted):
        assert tuple(text[:4]) == row[:4] and same(text[4], row[4]) and same(text[5], row[5])

    tables = {}
    for (arm, seed), stage, name, table in details("tables"):
        tables.setdefault(name, []).extend((arm, str(seed), stage, table.dtype.names, row) for row in table)
    assert tables and {f"tables_{name}" for name in tables} == {p.stem for p in folder.glob("tables_*.csv")}
    for name, wanted in tables.items():
        head, rows = read(f"tables_{name}")
        assert len(rows) == len(wanted)
        for text, (arm, seed, stage, columns, row) in zip(rows, wanted):
            assert text[:3] == [arm, seed, stage]
            for column, field in zip(head[3:], text[3:]):
                assert same(field, row[column]) if column in columns else field == "", (name, column)

    head, rows = read("ranking")
    assert head == ["arm", "seed", "user", "rank", "item", "score"]
    at = 0
    for i, (arm, seed) in enumerate(runs):
        ranking = file[f"runs_detail/r{i}"].get("ranking")
        if ranking is None:
            continue
        items, scores = ranking["items"][:], ranking["scores"][:]
        for user, k in zip(*np.nonzero(items >= 0)):
            assert rows[at][:5] == [arm, str(seed), str(user), str(k + 1), str(items[user, k])]
            assert same(rows[at][5], scores[user, k])
            at += 1
    assert at == len(rows)

    try:
        import pandas
    except ImportError:
        print("SKIP: check_export: pandas is not installed")
    else:
        frame = pandas.read_csv(folder / "per_user.csv", float_precision="round_trip")
        for metric in metrics:
            there = np.concatenate([values[metric][i, :n] for i, n in enumerate(users)]).astype(float)
            assert np.array_equal(frame[metric].to_numpy(dtype=float), there, equal_nan=True), metric
        assert list(dict.fromkeys(zip(frame.arm, frame.seed))) == runs
print(f"{compared} values compared")
