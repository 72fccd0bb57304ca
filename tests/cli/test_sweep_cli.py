"""``regard sweep``: over a file, shown, compared, and prompts checked without a model."""

import json

import pytest

from regard.cli import main
from regard.interventions.effects import Effects
from support.effects import columns_of
from support.survey_models import saved_model
from support.surveys import write

PROMPTS = [
    {"text": "w5 w6 w7", "other": "w8 w6 w7", "answer": " w9", "wrong": " w10", "spans": {"first": "w5"}},
    {"text": "w11 w6", "other": "w12 w6", "answer": " w9", "wrong": " w10"},
    {"text": "w11 w6 w7", "other": "w12 w6 w9", "answer": " w9", "wrong": " w10"},
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p.jsonl", [*map(json.dumps, PROMPTS), '{"text": "w5 w6", "other": "w5"}'])
    Effects.of(columns_of(25, mean=[[0, 2, -0.7], [0.1, 0, 0.4]])).save("one.parquet")
    Effects.of(columns_of(25, mean=[[0, 0, -0.7], [0.1, 0, 0.4]])).save("two.parquet")
    return tmp_path


def test_a_sweep_of_a_file(place, capsys):
    saved_model("gpt2", place / "m")
    over = ["sweep", "m", "--over", "p.jsonl", "--measure", "logit_difference", "kl", "--replace"]
    capsys.readouterr()
    for replacement in ("patch", "resample", "mean", "zero", "running-mean", "denoise"):
        assert main([*over, replacement, "-o", f"{replacement}.parquet"]) == 0, capsys.readouterr().err
        out, err = capsys.readouterr()
        assert "effects of 6 sites on" in out
        assert f"next:  regard sweep show {replacement}.parquet" in out
        assert "left out: " in err or replacement == "mean"
    found = Effects.load("patch.parquet")
    assert found.prompts == [("p.jsonl", 0), ("p.jsonl", 1), ("p.jsonl", 2)]
    assert found.about["model"] == "m"
    assert found.about["replacement"] == "patch"


def test_effects_are_shown(place, capsys):
    assert main(["sweep", "show", "one.parquet", "--measure", "margin", "--save", "x.svg"]) == 0
    out, err = capsys.readouterr()
    assert "margin, changed − unchanged: 25 prompts, Holm over 6 sites" in out
    assert err == "picture: x.svg\n"
    assert (place / "x.svg").exists()
    assert main(["sweep", "show", "one.parquet", "--json", "--adjust", "max"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["adjust"] == "max"
    assert said["sites"][0]["site"] == "0.1"
    assert set(said["sites"][0]["highest"]) == {"value", "file", "line"}
    assert main(["sweep", "show", "one.parquet", "--csv", "--margin", "3"]) == 0
    assert capsys.readouterr().out.startswith("site,kind,layer,head,measure,prompts")


@pytest.mark.usefixtures("place")
def test_two_are_compared(capsys):
    assert main(["sweep", "diff", "one.parquet", "two.parquet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "loss, effect of the other − effect: 25 prompts, Holm over 6 sites"
    assert lines[2].split()[:2] == ["0.1", "−2"]


def test_prompts_are_checked_without_weights(place, capsys):
    (saved_model("gpt2", place / "m") / "model.safetensors").unlink()
    capsys.readouterr()
    assert main(["sweep", "pairs", "p.jsonl", "--model", "m"]) == 1
    out, err = capsys.readouterr()
    assert err.startswith("regard: expected prompts that can be swept, got 1 that cannot (p.jsonl:4.other: expected as many")
    assert out.startswith(
        "3 prompts of 2 to 3 tokens: 3 with an answer\n3 with a partner of as many tokens, 1 to 2 of them others\n"
    )
    assert "1 that cannot be swept:\n  p.jsonl:4.other: expected as many tokens as the text has, 2, got 1" in out
    (place / "none.jsonl").touch()
    assert main(["sweep", "pairs", "none.jsonl", "--model", "m"]) == 1
    assert capsys.readouterr().err == "regard: expected prompts that can be swept, got none\n"
    write(place / "q.jsonl", map(json.dumps, PROMPTS))
    assert main(["sweep", "pairs", "q.jsonl", "--model", "m"]) == 0
    write(place / "r.jsonl", [json.dumps({"clean": "w5 w6"})])
    assert main(["sweep", "pairs", "r.jsonl", "--model", "m", "--columns", "text=clean"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["m", "--over", "p.jsonl", "--measure", "no", "-o", "x"], "measures: expected some of accuracy"),
        (["m", "--over", "p.jsonl", "--measure", "kl", "-o", "x", "--columns", "text"], "expected PART=NAME, got 'text'"),
        (["m", "--over", "p.jsonl", "--measure", "kl", "-o", "x", "--reference", "p.jsonl"], "with --replace resample or mean"),
        (["show", "p.jsonl"], "expected effects, got 'p.jsonl', which is no readable Parquet"),
        (["diff", "one.parquet", "one.parquet", "--measure", "kl"], "measure: expected one of loss, margin, got 'kl'"),
    ],
)
@pytest.mark.usefixtures("place")
def test_what_is_amiss_is_said_in_a_line(arguments, said, capsys):
    assert main(["sweep", *arguments]) == 1
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.usefixtures("place")
def test_prompts_of_which_none_fits_leave_nothing(place, capsys):
    saved_model("gpt2", place / "m")
    write(place / "q.jsonl", ['{"text": "w5 w6"}'])
    capsys.readouterr()
    assert main(["sweep", "m", "--over", "q.jsonl", "--measure", "margin", "-o", "x.parquet"]) == 1
    assert "expected prompts that can be swept, got none: 1 unfit (q.jsonl:1.answer: expected one" in capsys.readouterr().err
    assert not list(place.glob("x.parquet*"))
