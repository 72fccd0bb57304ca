"""Random groups beside a group of heads: what they are, where they are, and that they are in no table."""

import pytest
import torch

import regard
from regard.errors import OptionError
from regard.interventions import Prompt, all_but, heads, layers, random_groups, zero
from regard.interventions.effects import Effects
from support.tiny_models import tiny

GROUP = [(0, 1), (2, 0)]
COUNT = 5


def prompts_of(count=4):
    ids = torch.randint(3, 50, (count, 6), generator=torch.Generator().manual_seed(0))
    return [Prompt(one[:5], answer=one[5:], wrong=[2]) for one in ids]


@pytest.fixture(scope="module")
def found():
    return regard.sweep(
        tiny("gpt2"), prompts_of(), ["logit_difference", "kl"], what={"pair": heads(*GROUP, at=-1)}, controls=COUNT, seed=3
    )


def test_controls_are_the_random_groups_at_the_same_places(found):
    one = found.beside_controls("kl")[0]
    groups = random_groups(GROUP, dict.fromkeys(range(3), 2), COUNT, seed=3)
    own = regard.sweep(
        tiny("gpt2"), prompts_of(), "kl", what={str(at): heads(*group, at=-1) for at, group in enumerate([GROUP, *groups])}
    )
    means = {row.site: row.effect for row in own.summary()}
    assert (one.site, len(one.controls)) == ("pair", COUNT)
    assert one.effect == pytest.approx(means["0"], abs=1e-6)
    assert list(one.controls) == pytest.approx([means[str(at)] for at in range(1, COUNT + 1)], abs=1e-6)
    assert one.p == (1 + sum(abs(mean) >= abs(one.effect) for mean in one.controls)) / (1 + COUNT)


def test_controls_are_in_the_file_and_in_no_family(found, tmp_path):
    found.save(tmp_path / "effects.parquet")
    read = Effects.load(tmp_path / "effects.parquet")
    assert read.beside_controls() == found.beside_controls()
    assert [site.name for site in read.sites] == [row.site for row in read.tests().rows] == ["pair"]
    assert read.strongest(9) == ["pair"]
    assert "1 sites" in str(read).replace("1 site ", "1 sites ")
    assert "control" not in str(read)
    assert len({row[0] for row in read.table()} - {"site"}) == 1 + COUNT


def test_what_has_no_controls_is_refused():
    model = tiny("gpt2")
    hook = model.register_forward_pre_hook(lambda *_: pytest.fail("it runs"))
    for what in ("heads", [layers(1)], {"key": heads((0, 1), part="key")}, [all_but(heads((0, 1)))]):
        with pytest.raises(OptionError, match="controls: expected groups of heads' outputs, queries or patterns, got"):
            regard.sweep(model, prompts_of(), "kl", what=what, controls=2)
    for name, options in (("controls", {"controls": -1}), ("seed", {"controls": 2, "seed": -1})):
        with pytest.raises(OptionError, match=f"{name}: expected a whole number .*, got -1"):
            regard.sweep(model, prompts_of(), "kl", what=[heads((0, 1))], **options)
    with pytest.raises(OptionError, match=r"controls: expected a whole number .*10,?000, got"):
        regard.sweep(model, prompts_of(), "kl", what=[heads((0, 1))], controls=2**40)
    with pytest.raises(OptionError, match="controls: expected measures of prompts"):
        regard.sweep(model, prompts_of(), len, controls=2)
    hook.remove()
    with pytest.raises(OptionError, match="controls: expected random groups beside a group of heads, got none"):
        regard.sweep(model, prompts_of(), "kl", what=[heads((0, 1))], replace=zero()).beside_controls()
