"""Public functions from many threads at once, on one model and on several: each answer is the one that a single thread gets."""

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.nn import functional

import regard
from regard.measures import logit_difference
from regard.recording.pretrained import load_text_model
from regard.translation import load_translator, translator
from support.survey_models import tokenizer_of
from support.tiny_models import Tokenizer, tiny

THREADS = 4
SIZES = (5, 7, 11)
PAIRS = (
    ("The cat sat on the mat.", "Le chat s'assit sur le tapis."),
    ("I like red apples.", "J'aime les pommes rouges."),
    ("She reads a big book.", "Elle lit un gros livre."),
)


class ByHand(nn.Module):
    """Attention that a function mode sees, and fused attention."""

    def forward(self, x):
        return (x @ x.mT).softmax(-1) @ x + functional.scaled_dot_product_attention(x, x, x)


@pytest.fixture(scope="module")
def models():
    return {name: tiny(name) for name in ("bert", "gpt2", "llama", "marian")} | {"by hand": ByHand()}


@pytest.fixture(autouse=True)
def threads_take_turns():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def ids(number):
    size = SIZES[number % 3]
    return torch.arange(3 + number % 5, 3 + number % 5 + size)[None]


def maps_of(recording):
    said = [(amap.name, amap.kind, amap.layer, amap.step, repr(amap.keys)) for amap in recording.maps]
    return said, [amap.dense() for amap in recording.maps]


def recorded(models, number):
    """Models of one kind after another: each thread is on another one, and on the same one as some other."""
    model = models[("llama", "gpt2", "bert", "by hand")[number % 4]]
    with torch.no_grad(), regard.record(model, tokenizer=Tokenizer(), values=True) as recording:
        if isinstance(model, ByHand):
            model(torch.linspace(-2, 2, 3 * SIZES[number % 3]).view(1, -1, 3))
        else:
            model(input_ids=ids(number))
    return recording


def record(models, number, _):
    recording = recorded(models, number)
    return maps_of(recording), recording.check().worst, recording.passes, [tuple(call) for call in recording.calls]


def ablate(models, number, _):
    model = models["llama"]
    with torch.no_grad(), regard.ablate(model, heads=[(number % 3, number % 6)], how=("zero", "mean")[number % 2]):
        return model(ids(number)).logits


def sweep(models, number, _):
    return regard.sweep(models["gpt2"], ids(number), logit_difference(5, 6)).measured


def generate(models, number, _):
    name = ("marian", "gpt2")[number % 2]
    options = {"num_beams": 1 + number % 3, "max_new_tokens": 4, "do_sample": False}
    recording = regard.generate(models[name], ids(number), tokenizer=Tokenizer(), **options)
    return recording.sequences, maps_of(recording)


def translate(_, number, __):
    text, target = PAIRS[number % 3]
    translation = regard.translate(text, target=target)
    return translation.text, sorted(translation.alignment.links), translation.recording.cross[1].dense()


def decode(_, number, __):
    translation = regard.translate(PAIRS[number % 3][0], beams=1 + number % 2)
    return translation.text, sorted(translation.alignment.links), len(translation.recording.maps)


def findings(models, number, _):
    recording = recorded(models, 4 * number)  # a decoder
    found = regard.heads(recording), [amap.dense() for amap in regard.norm_weighted(recording)]
    return found[0].to_csv(), found[1], regard.rollout(recording), regard.attention_flow(recording, 3)


def relevance(models, number, _):
    model = models["llama"]
    with regard.record(model, values=True) as recording:
        logits = model(ids(number)).logits
    return regard.relevance(recording, logits[0, -1, 7])


def page(models, number, _):
    return regard.page(recorded(models, 4 * number), title=f"page {number % 3}")


def picture(models, number, folder):
    """Letters that the usual font lacks change matplotlib's settings while they are drawn."""
    amap = recorded(models, 4 * number).self[0]
    words = [("mat", "коврик", "マット")[number % 3]] * amap.shape[3]
    path = folder / f"{threading.get_ident()}-{number}.svg"
    regard.save(amap, path, head=number % 2, queries=words, keys=words)
    figure = regard.Sweep("self", 1.0, torch.tensor([[0.5, 1.5 + number % 3]])).figure()
    regard.save(figure, path.with_suffix(".png"))
    return path.read_bytes(), path.with_suffix(".png").read_bytes()


def shared(models, number, folder):
    """One map, of which all threads read something else for the first time: what it keeps is of all of them."""
    (amap,) = kept(models, number // 8, folder)
    rows = amap.select(queries=slice(number % 5, None))
    return rows.dense(), amap.entropy(), amap.received(), amap.topk(3)[0], amap[0, 1, 2:5, 1:3]


def survey(models, number, folder):
    own = folder / f"{threading.get_ident()}-{number}"
    own.mkdir(exist_ok=True)
    corpus = own / "corpus.txt"
    corpus.write_text("".join(f"w{5 + word} w{6 + word * number % 40} w9\n" for word in range(3)))
    found = regard.survey(models["gpt2"], str(corpus), tokenizer=tokenizer_of("gpt2"))
    return [repr(row) for row in found.rows()]


KEPT, KEEPING = {}, threading.Lock()


def kept(models, round_, folder):
    """A map from a file, the same for all threads; a fresh one for each round."""
    with KEEPING:
        if (folder, round_) not in KEPT:
            path = folder / f"{round_}.safetensors"
            recorded(models, 4).save(path)
            KEPT[folder, round_] = regard.load(path).self[1:2]
        return KEPT[folder, round_]


FUNCTIONS = (record, ablate, sweep, generate, translate, decode, findings, relevance, page, picture, survey, shared)
MORE = pytest.param(73, marks=[pytest.mark.exhaustive, pytest.mark.slow])


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(found, tuple | list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(found, torch.Tensor):
        assert torch.equal(found.nan_to_num(), expected.nan_to_num())
    else:
        assert found == expected


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:expected a font:UserWarning")  # once in a process, where none is installed
@pytest.mark.parametrize("calls", [8, MORE])
@pytest.mark.parametrize("function", FUNCTIONS, ids=[one.__name__ for one in FUNCTIONS])
def test_each_answer_is_that_of_a_single_thread(function, calls, models, tmp_path):
    alone, together = tmp_path / "alone", tmp_path / "together"
    alone.mkdir()
    together.mkdir()
    period = 60  # numbers of a period have all remainders
    expected = {number: function(models, number, alone) for number in sorted({number % period for number in range(calls)})}
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda number: function(models, number % period, together), range(calls)))
    for number, answer in enumerate(answers):
        assert_same(answer, expected[number % period])


@pytest.mark.slow
def test_all_of_them_at_once(models, tmp_path):
    (tmp_path / "alone").mkdir()
    (tmp_path / "together").mkdir()
    quick = (record, ablate, generate, findings, translate, shared)
    expected = {one: [one(models, number, tmp_path / "alone") for number in range(4)] for one in quick}
    jobs = [(one, number) for number in range(4) for one in quick]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda job: job[0](models, job[1], tmp_path / "together"), jobs))
    for (one, number), answer in zip(jobs, answers, strict=True):
        assert_same(answer, expected[one][number])


# -- loading


def test_a_translator_is_loaded_once_by_threads_that_ask_at_once(monkeypatch):
    loads = []
    monkeypatch.setattr(translator, "_kept", {})
    real = translator.AutoModelForSeq2SeqLM.from_pretrained

    def counted(*args, **kwargs):
        loads.append(threading.get_ident())
        return real(*args, **kwargs)

    monkeypatch.setattr(translator.AutoModelForSeq2SeqLM, "from_pretrained", counted)
    with ThreadPoolExecutor(THREADS) as pool:
        found = set(pool.map(lambda _: load_translator(), range(8)))
    assert len(found) == len(loads) == 1


@pytest.mark.slow
def test_models_that_are_loaded_at_once():
    """Transformers changes torch's own functions while it loads one."""
    with ThreadPoolExecutor(THREADS) as pool:
        loaded = list(pool.map(lambda _: load_text_model(translator.EMBEDDED), range(4)))
    whole = loaded[0][0].state_dict()
    for model, _ in loaded:
        assert all(torch.equal(one, whole[name]) for name, one in model.state_dict().items())


def test_the_translators_that_were_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(translator, "_kept", {})
    monkeypatch.setattr(translator, "_read", lambda _: object())
    found = {name: load_translator(name) for name in "abcd"}
    assert load_translator("a") is found["a"]
    load_translator("e")
    assert list(translator._kept) == ["c", "d", "a", "e"]
    assert load_translator("b") is not found["b"]


COLD = """
import sys, threading
sys.setswitchinterval(1e-5)
import regard
barrier, answers = threading.Barrier(6), []
def first(ask):
    barrier.wait()
    try:
        answers.append(ask())
    except BaseException as error:
        answers.append(f"{type(error).__name__}: {error}")
def recorded():
    import torch
    layer = torch.nn.MultiheadAttention(4, 2, batch_first=True).eval()
    with regard.record(layer) as recording:
        layer(*[torch.ones(1, 3, 4)] * 3, need_weights=False)
    return len(recording.maps)
def drawn():
    import torch
    return type(regard.heatmap(torch.eye(3))).__name__
said = lambda: regard.translate("No.", beams=1).text
asks = [said, said, said, recorded, drawn, lambda: len(regard.catalogue()) > 30]
threads = [threading.Thread(target=first, args=(ask,)) for ask in asks]
[one.start() for one in threads]
[one.join() for one in threads]
print(sorted(map(str, answers)), regard.translate("Yes.", beams=1).text)
"""


@pytest.mark.slow
def test_a_cold_start_by_several_threads():
    """Everything is imported and loaded for the first time, by all of them."""
    ran = subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, timeout=600, check=False)
    assert ran.stdout.strip() == "['1', 'Non.', 'Non.', 'Non.', 'NotebookAxes', 'True'] Oui.", ran.stderr[-2000:]


# -- tasks, and threads of a model's own


@pytest.mark.slow
def test_tasks_of_one_thread_have_their_own_maps(models):
    """They take turns inside their blocks, and leave in the order in which they came."""

    async def request(number, begun):
        with regard.record(models["llama"]) as language, regard.record(models["by hand"]) as own:
            begun.append(number)
            while len(begun) < 3 * THREADS:
                await asyncio.sleep(0)
            models["llama"](input_ids=ids(number))  # no torch.no_grad() around both: it belongs to the thread, not to a task
            await asyncio.sleep(0)
            models["by hand"](torch.ones(1, SIZES[number % 3], 3))
            await asyncio.sleep(0)
        return number, language, own

    async def serve():
        begun = []
        return await asyncio.gather(*(request(number, begun) for number in range(3 * THREADS)))

    for number, language, own in asyncio.run(serve()):
        size = SIZES[number % 3]
        assert [amap.shape[2:] for amap in language.maps] == [(size, size)] * 3
        assert [amap.shape[2:] for amap in own.maps] == [(size, size)] * 2
    assert torch._C._len_torch_function_stack() == 0


def test_tasks_that_a_block_starts_are_of_the_block(models):
    async def run():
        models["by hand"](torch.ones(1, 5, 3))

    async def serve():
        with regard.record(models["by hand"]) as recording:
            await asyncio.gather(run(), run())
        return recording

    assert len(asyncio.run(serve()).maps) == 4


class WithAPool(nn.Module):
    """A model that computes a part of itself in a thread of its own."""

    def __init__(self):
        super().__init__()
        self.here, self.there = ByHand(), ByHand()

    def forward(self, x):
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(self.there, x)
            return self.here(x) + other.result()


def test_a_part_that_runs_in_a_thread_of_its_own_is_said():
    model = WithAPool()
    with regard.record(model) as recording:
        model(torch.ones(1, 5, 3))
    assert [amap.name for amap in recording.maps] == ["here", "here"]
    said = "it ran in another thread, whose calls are not in the recording of this one"
    assert [(call.name, call.kept) for call in recording.calls if call.layer is None] == [("there", said)]


def test_another_request_is_not_said(models):
    model = models["llama"]
    with regard.record(model) as recording, torch.no_grad():
        handle = model.model.layers[0].register_forward_hook(lambda *_: in_another_thread(lambda: model(ids(2))))
        try:
            model(ids(0))
        finally:
            handle.remove()
    assert len(recording.maps) == len(recording.calls) == 3


def in_another_thread(function):
    if threading.current_thread() is threading.main_thread():
        other = threading.Thread(target=function)
        other.start()
        other.join()
