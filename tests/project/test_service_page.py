"""The service of the documentation, asked by many threads at once; and that nothing of a request stays."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from starlette.testclient import TestClient
from test_docs import blocks_of

import regard
from support.tiny_models import tiny

PAGE = Path(__file__).parents[2] / "docs" / "service.md"
TEXTS = ("The cat sat on the mat.", "I like red apples.", "No.", "She reads a big book.")


@pytest.fixture(scope="module")
def client():
    made = {"__name__": "service"}
    exec(compile(blocks_of(PAGE.read_text(encoding="utf-8"))[0], str(PAGE), "exec"), made)  # noqa: S102 - the page is ours
    with TestClient(made["app"]) as client:
        yield client


def ask(client, path, text):
    return client.get(path, params={"text": text}).json()


@pytest.mark.slow
def test_threads_get_what_one_gets(client):
    jobs = [(path, text) for path in ("/attended", "/received") for text in TEXTS]
    alone = {job: ask(client, *job) for job in jobs}
    assert alone["/attended", "No."] == {"text": "Non.", "words": [{"word": "Non.", "looked_at": ["No."]}]}
    assert alone["/received", "No."]["tokens"][-1] == "</s>"
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda job: ask(client, *job), jobs * 2))
    assert answers == [alone[job] for job in jobs * 2]


@pytest.mark.parametrize(
    ("text", "said"), [("", "got an empty one"), ("no " * 400, "tokens, got"), ("a" * 2001, "at most 2000 letters, got 2001")]
)
def test_what_is_refused(client, text, said):
    answer = client.get("/attended", params={"text": text})
    assert answer.status_code == 422
    assert said in answer.json()["error"]


@pytest.mark.slow
@pytest.mark.parametrize("requests", [60, pytest.param(1000, marks=[pytest.mark.exhaustive, pytest.mark.slow])])
def test_nothing_of_a_request_stays(requests):
    """Recordings go with the last reference to them, without the collector; what is left is the same after any number."""
    model, ids = tiny("llama"), torch.arange(3, 8)[None]

    def request():
        with torch.no_grad(), regard.record(model) as recording:
            model(input_ids=ids)
        recording.self[0].entropy()
        return [weakref.ref(one) for one in (recording, *recording.maps, recording.maps[0].factors.query)]

    def objects():
        gc.collect()
        return len(gc.get_objects())

    for _ in range(3):
        request()
    before = objects()
    gc.disable()
    try:
        alive = sum(ref() is not None for _ in range(requests) for ref in request())
    finally:
        gc.enable()
    assert alive == 0
    assert abs(objects() - before) < 50
