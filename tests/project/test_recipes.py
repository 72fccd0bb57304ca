"""The recipes run: a translator the size of a thimble is trained, stopped, resumed, published, scored and aligned."""

import gzip
import hashlib
import itertools
import json
import sys
from pathlib import Path
from unittest import mock

import pytest
import torch
from torch.testing import assert_close
from transformers import MarianMTModel

import link_words
import measure_alignment
import publish_translator
import regard
import score_translator
import train_translator
from regard.translation.translator import load_translator

pytestmark = pytest.mark.slow

ENGLISH = (
    ("the cat", "the dog", "the bird", "a child"),
    ("sees", "hears", "likes"),
    ("the house", "the sea", "a tree", "music"),
)
FRENCH = (
    ("le chat", "le chien", "l'oiseau", "un enfant"),
    ("voit", "entend", "aime"),
    ("la maison", "la mer", "un arbre", "la musique"),
)
SMALL = {
    "vocabulary": 46,
    "dim": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "heads": 2,
    "ffn": 24,
    "positions": 64,
    "batch_tokens": 256,
    "warmup_steps": 3,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    sentences = [[" ".join(parts) + "." for parts in itertools.product(*words)] for words in (ENGLISH, FRENCH)]
    pairs = [f"{english}\t{french}\n" for english, french in zip(*sentences, strict=True)]
    for name, kept in (("train", pairs[7:]), ("dev", pairs[:7])):
        with gzip.open(folder / f"{name}.tsv.gz", "wt", encoding="utf-8") as file:
            file.writelines(kept)
    return folder


class Diagonal:
    """An aligner to whom the n-th word is the n-th word's translation, both ways."""

    def __init__(self, model):
        assert model == 3

    def align(self, source, target, links_filename_fwd, links_filename_rev):
        for name in (links_filename_fwd, links_filename_rev):
            counts = [min(len(one.split()), len(other.split())) for one, other in zip(source, target, strict=True)]
            Path(name).write_text("".join(" ".join(f"{at}-{at}" for at in range(count)) + "\n" for count in counts))


@pytest.fixture(scope="module", autouse=True)
def aligner():
    with mock.patch.dict(sys.modules, {"eflomal": mock.Mock(Aligner=Diagonal)}):
        yield


def train(data, work, *more):
    options = [str(part) for name, value in SMALL.items() for part in (f"--{name.replace('_', '-')}", value)]
    command = ["train_translator.py", "--data", str(data), "--work", str(work), "--device", "cpu", *options, *map(str, more)]
    with mock.patch.object(sys, "argv", command):
        train_translator.main()


@pytest.fixture(scope="module")
def published(data, tmp_path_factory):
    """Trained for one epoch of two, stopped, and resumed to the end."""
    work, out = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("out")
    recipe = train_translator.Recipe
    with mock.patch.object(train_translator, "rate_factor", wraps=train_translator.rate_factor) as rates:
        train(data, work, "--epochs", 1)
        first = rates.call_count
        train(data, work, "--epochs", 3, "--out", out)
        assert first > 0
        assert rates.call_args_list[first].args[1] == first  # the resumed run goes on counting
    assert recipe.epochs > 3
    return work, out


def test_training_resumes_and_learns(published):
    work, _ = published
    log = [json.loads(line) for line in (work / "log.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in log] == [1, 2, 3]
    assert log[-1]["train_loss"] < log[0]["train_loss"]
    assert 0 < log[-1]["alignment_loss"] < log[0]["alignment_loss"]
    assert not list(work.glob("*.new"))


def test_what_is_published_is_a_model_that_regard_loads(published):
    _, out = published
    translation = regard.translate("the cat sees the sea.", out, beams=2)
    assert translation.recording.cross[0].shape[1] == 2
    assert MarianMTModel.from_pretrained(out).config.dtype == torch.float16
    assert load_translator(out).positions == 64
    sums = dict(reversed(line.split("  ")) for line in (out / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == {path.name for path in out.iterdir()} - {"SHA256SUMS"}
    for name, expected in sums.items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == expected


def test_the_card_says_what_must_be_said(published):
    _, out = published
    card = (out / "README.md").read_text(encoding="utf-8")
    assert publish_translator.ATTRIBUTION in card
    assert "python recipes/model/train_translator.py" in card
    assert '"vocabulary": 46' in card
    assert "| 3 |" in card
    assert "What it cannot do" in card
    assert "\n41 sentence pairs." in card
    assert f"{torch.get_num_threads()} CPU cores." in card
    assert "{" not in card.replace('{\n "', "").replace("{parameters", "")


def test_joined_rows_make_long_examples_and_lose_none(data):
    pairs = train_translator.read_pairs(data / "train.tsv.gz") * 11
    tokenizer = train_translator.learn_vocabulary(pairs, data, train_translator.Recipe(vocabulary=46))
    recipe = train_translator.Recipe(joined=0.5, sampled=0.0, positions=256, batch_tokens=512, seed=3)
    batches = train_translator.epoch_batches(pairs, tokenizer.spm_source, recipe, 0)
    examples = [example for batch in batches for example in batch]
    stop = tokenizer.convert_tokens_to_ids(".")
    sentences = [example.source.count(stop) for example in examples]
    assert sum(sentences) == len(pairs)
    assert max(sentences) <= 8
    joined = sum(count for count in sentences if count > 1) / len(pairs)
    assert joined == pytest.approx(0.5, abs=0.1)
    assert all(example.source.count(stop) == example.target.count(stop) for example in examples)
    for batch in batches:
        width = max(len(example.source) for example in batch) + max(len(example.target) for example in batch)
        assert len(batch) * width <= 512 or len(batch) == 1


def test_an_epoch_is_drawn_from_its_seed(data):
    pairs = train_translator.read_pairs(data / "train.tsv.gz")
    tokenizer = train_translator.learn_vocabulary(pairs, data, train_translator.Recipe(vocabulary=46))
    recipe = train_translator.Recipe(positions=64)

    def draw(epoch):
        return train_translator.epoch_batches(pairs, tokenizer.spm_source, recipe, epoch)

    assert draw(2) == draw(2)
    assert draw(2) != draw(3)


def test_training_can_start_from_what_is_published(data, published, tmp_path):
    _, out = published
    weights = MarianMTModel.from_pretrained(out, dtype=torch.float32).state_dict()
    train(data, tmp_path, "--start", out, "--epochs", 1, "--rate", 0.0)
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["model"]
    for name, weight in weights.items():
        assert_close(kept[name], weight, rtol=0, atol=0)
    assert not (tmp_path / "tokenizer").exists()


def test_pieces_are_guided_to_the_pieces_of_linked_words(published):
    tokenizer = load_translator(published[1]).tokenizer
    pairs = [("the bird sees a child.", "l'oiseau voit un enfant."), ("a child.", "un enfant.")]
    straight = link_words.Links(((0, 1), (1, 0), (2, 2)), ((0, 1), (1, 0)))
    links = [straight, link_words.Links(((0, 0), (1, 1)), ((0, 0), (1, 1)))]
    recipe = train_translator.Recipe(joined=1.0, sampled=0.0, spaced=0.0, positions=64)
    (batch,) = train_translator.epoch_batches(pairs, tokenizer.spm_source, recipe, 0, links)
    (example,) = [example for example in batch if len(example.source) > 20] or batch[:1]
    assert len(example.guide) == len(example.target) - 1
    source, target = (tokenizer.convert_ids_to_tokens(ids) for ids in (example.source, example.target))
    for at, look in enumerate(example.guide):
        assert sum(look.values()) <= 1 + 1e-6
        if target[at].startswith("▁v"):  # voit: linked to its verb in one direction only
            assert sum(look.values()) == pytest.approx(0.5)
            assert "".join(source[piece] for piece in look).lstrip("▁") == "sees"
        if target[at].startswith("▁l"):
            assert "".join(source[piece] for piece in look).lstrip("▁") == "bird"


def test_apart_means_blanks_between_all_words_and_marks(data):
    pairs = train_translator.read_pairs(data / "train.tsv.gz")
    tokenizer = train_translator.learn_vocabulary(pairs, data, train_translator.Recipe(vocabulary=46))
    recipe = train_translator.Recipe(joined=0.0, sampled=0.0, spaced=1.0, positions=256)
    batches = train_translator.epoch_batches([("it's the cat.", "l'oiseau.")], tokenizer.spm_source, recipe, 0)
    (example,) = [example for batch in batches for example in batch]
    assert tokenizer.decode(example.source, skip_special_tokens=True) == "it 's the cat ."
    assert tokenizer.spm_source.decode(example.target) == "l' oiseau ."
    assert example.guide == []


def test_the_guided_heads_loss_is_their_cross_entropy():
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(2, 3, 4, 5, generator=generator).softmax(-1)
    short = train_translator.Example([5, 0], [6, 0], [{0: 0.25}])
    long = train_translator.Example([5, 6, 7, 8, 0], [6, 7, 8, 0], [{0: 1.0}, {1: 0.5, 3: 0.5}, {}])
    expected = 0.0
    for number, example in enumerate((long, short)):
        end = len(example.source) - 1
        for at, look in enumerate([*example.guide, {}]):  # </s> looks at </s>
            full = {**look, end: look.get(end, 0.0) + 1 - sum(look.values())}
            for piece, share in full.items():
                expected -= share * weights[number, train_translator.PRODUCED_HEAD, at, piece].log() / 2
                if at + 1 < len(example.target):
                    expected -= share * weights[number, train_translator.CONSUMED_HEAD, at + 1, piece].log() / 2
    assert_close(train_translator.alignment_loss(weights, [long, short]), torch.as_tensor(expected))


def test_typographic_signs_become_plain_ones(published):
    tokenizer = load_translator(published[1]).tokenizer
    assert tokenizer.tokenize("l’oiseau") == tokenizer.tokenize("l'oiseau")
    assert tokenizer.tokenize("le\u00a0chat") == tokenizer.tokenize("le chat")
    assert tokenizer.tokenize("le\u200b chat…") == tokenizer.tokenize("le chat...")


def test_the_rate_rises_stays_and_falls():
    recipe = train_translator.Recipe(warmup_steps=10, cooldown=0.5)
    factors = [train_translator.rate_factor(recipe, step, step / 100) for step in (0, 4, 9, 30, 50, 75, 100)]
    assert_close(torch.tensor(factors), torch.tensor([0.1, 0.5, 1.0, 1.0, 1.0, 0.5, 0.0]))


def test_scores_are_those_of_sacrebleu():
    class Echo:
        """A translator that knows the answers, but for one word in the second sentence."""

        config = mock.Mock(max_position_embeddings=9)
        device = "cpu"

    answers = {"a": "le chat est sur le tapis", "b": "il mange une pomme rouge ici"}
    pairs = [("a", "le chat est sur le tapis"), ("a", "la chatte est sur le tapis"), ("b", "il mange une pomme verte ici")]
    with mock.patch.object(
        score_translator,
        "decode",
        side_effect=lambda _m, _t, texts: [" ".join(answers[part] for part in text.split()) for text in texts],
    ):
        scores = score_translator.evaluate(Echo(), None, pairs)
    assert scores["sentences"] == 2
    assert scores["bleu_all_references"] == scores["bleu_first_reference"] < 100
    assert scores["kept_in_fours"] == 1.0


def test_gold_alignments_are_read_french_first_and_measured(tmp_path, capsys):
    story = tmp_path / "gold" / "Chat_Cat"
    story.mkdir(parents=True)
    (story / "Chat_sents.txt").write_text("0\tLe chat noir .\n1\tUn chien\n", encoding="utf-8")
    (story / "Cat_sents.txt").write_text("0\tThe black cat .\n1\tA dog\n", encoding="utf-8")
    (story / "ali_w2w_Chat_Cat.txt").write_text("0\t0-0 1-2 2p1 3-3 \n1\t0-0 1-1\n", encoding="utf-8")
    gold = measure_alignment.read_gold(tmp_path / "gold")
    assert gold[0] == (
        "The black cat .",
        "Le chat noir .",
        {(0, 0), (2, 1), (3, 3)},
        {(0, 0), (2, 1), (1, 2), (3, 3)},
    )
    out = tmp_path / "table.md"
    with mock.patch.object(sys, "argv", ["measure", "--gold", str(tmp_path / "gold"), "--out", str(out)]):
        measure_alignment.main()
    text = out.read_text(encoding="utf-8")
    assert "2 of 2 sentence pairs" in text
    assert text.count("\n| ") == 1 + 16  # the header; every head and row
    assert capsys.readouterr().out.strip() in text
