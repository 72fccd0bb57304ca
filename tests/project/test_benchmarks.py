"""The benchmarks measure a case again without what it does not need."""

import importlib
import json
import sys
from itertools import product
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
peers, report, run = (importlib.import_module(name) for name in ("peers", "report", "run"))

EVERY = list(run.jobs([2048], 2048, list(peers.PEERS), quick=True, long=False))


def test_what_reads_a_file_has_it_written():
    assert {job.case for job in run.chosen(EVERY, ["record", "check", "block"])} == {"record", "check", "block"}
    assert {job.case for job in run.chosen(EVERY, ["pool_long"])} == {"pool_long", "write"}


@pytest.mark.parametrize(
    ("again", "installed"),
    [(["record", "check", "block"], []), (["lens_cache"], ["transformer_lens"]), (["inseq_record", "record"], ["inseq"])],
)
def test_peers_are_installed_for_their_own_cases(again, installed, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(peers, "install", asked.append)
    monkeypatch.setattr(peers, "versions", lambda _: "")
    monkeypatch.setattr(run, "measure", lambda job, *_: {"case": job.case, "n": job.n})
    monkeypatch.setattr(run, "report", lambda *_: "")
    before = [{"case": name, "n": 0} for name in ("record", "tile")]
    kept = {"about": {"date": "then"}, "notes": ["inseq: not installed"], "found": before}
    (tmp_path / "results.json").write_text(json.dumps(kept), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["run.py", "--out", str(tmp_path), "--again", *again])
    run.main()
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert asked == installed
    assert {one["case"] for one in found["found"]} == {*again, "record", "tile"}
    assert ({"case": "record", "n": 0} in found["found"]) == ("record" not in again)
    assert found["notes"] == ([] if installed else kept["notes"])


def test_a_case_that_is_not_there_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["run.py", "--out", str(tmp_path), "--again", "everything"])
    with pytest.raises(SystemExit, match="2"):
        run.main()
    assert "expected cases that are measured here, got everything" in capsys.readouterr().err


def test_goals_are_measured_again_alone_and_stand_in_one_table(tmp_path, monkeypatch):
    every = list(run.jobs([2048, 8192, 32768], 131072, [], quick=False, long=False))
    goals = run.chosen(every, ["goals"])
    assert {(job.case, job.n) for job in goals} == set(product(report.GOALS, report.LENGTHS))
    assert len(goals) == len(set(goals)) == 3 * 5 * 2 * 2
    found = [{**vars(job), "seconds": [3.0, 1.5], "against_seconds": [2.0, 1.0]} for job in goals]
    lines = report.goals_table(found).splitlines()[2:]
    assert len(lines) == 20
    assert (
        "512 | causal | float32 | 1.5 s | **1.50×** (1.50–1.50) ≤ 2.0×: yes | **1.50×** (1.50–1.50) ≤ 0.95×: **no**" in lines[0]
    )
    kept = [{"case": "tile", "n": 8192}, {**vars(goals[0])}, {"case": "summary", "n": 32768}]
    (tmp_path / "results.json").write_text(json.dumps({"about": {"date": ""}, "notes": [], "found": kept}), encoding="utf-8")
    monkeypatch.setattr(run, "measure", lambda job, *_: {"case": job.case, "n": job.n})
    monkeypatch.setattr(run, "report", lambda *_: "")
    monkeypatch.setattr(sys, "argv", ["run.py", "--out", str(tmp_path), "--again", "goals"])
    run.main()
    again = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["found"]
    assert again[:2] == [kept[0], kept[2]]
    assert len(again) == 62
