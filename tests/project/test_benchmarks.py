"""The benchmarks measure a case again without what it does not need."""

import importlib
import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
peers, run = (importlib.import_module(name) for name in ("peers", "run"))

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
