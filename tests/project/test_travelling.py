"""What Regard gives a user goes where other objects go: through pickles, copies, and to workers of all kinds."""

import copy
import multiprocessing
import pickle

import pytest
import torch

from support.things import said, things


@pytest.fixture(scope="module")
def made():
    return things()


@pytest.fixture(scope="module")
def expected(made):
    return {name: said(thing) for name, thing in made.items()}


def through_pickle(thing, protocol=pickle.DEFAULT_PROTOCOL):
    return pickle.loads(pickle.dumps(thing, protocol))  # noqa: S301 - of its own making


@pytest.mark.parametrize("way", [through_pickle, copy.deepcopy, copy.copy], ids=["pickle", "deepcopy", "copy"])
def test_each_is_the_same_afterwards(way, made, expected):
    for name, thing in made.items():
        there = way(thing)
        assert type(there) is type(thing), name
        assert said(there) == expected[name], name


def test_what_they_say_tells_them_apart(expected):
    assert len(set(expected.values())) == len(expected)


def test_a_card_of_the_catalogue_stays_one(made):
    card = made["card of grouped-query"]
    assert through_pickle(card) is card
    assert copy.deepcopy(card) is card


def heard(names, arrived):
    """In another process: what has arrived says there, and sends back."""
    assert sorted(arrived) == sorted(names)
    return {name: (said(thing), thing) for name, thing in arrived.items()}


class Recordings(torch.utils.data.Dataset):
    """What workers of a DataLoader hand over."""

    def __init__(self, made):
        self.made = made

    def __len__(self):
        return len(self.made)

    def __getitem__(self, at):
        name = sorted(self.made)[at]
        return name, said(self.made[name]), self.made[name]


def as_it_is(batch):
    return batch


@pytest.mark.slow
def test_a_process_that_was_spawned(made, expected):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        answers = pool.apply(heard, (list(made), made))
    for name, (there, thing) in answers.items():
        assert there == said(thing) == expected[name], name


@pytest.mark.slow
@pytest.mark.exhaustive
def test_workers_of_joblib_and_of_a_data_loader(made, expected):
    joblib = pytest.importorskip("joblib")
    few = {name: made[name] for name in ("recording", "map", "mask", "survey", "translation", "card of grouped-query")}
    (answers,) = joblib.Parallel(n_jobs=2)([joblib.delayed(heard)(list(few), few)])
    assert {name: there for name, (there, _) in answers.items()} == {name: expected[name] for name in few}
    options = {"batch_size": 3, "num_workers": 1, "collate_fn": as_it_is, "multiprocessing_context": "spawn"}
    for batch in torch.utils.data.DataLoader(Recordings(few), **options):
        for name, there, thing in batch:
            assert there == said(thing) == expected[name], name
