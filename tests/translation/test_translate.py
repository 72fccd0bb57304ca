"""The main job: text to text, with the attention of the translation. Real model, Transformers' own classes."""

import hashlib
import json
import shutil
from pathlib import Path
from unittest import mock

import pytest
import torch
from matplotlib.figure import Figure
from torch.testing import assert_close
from transformers import MarianConfig, MarianMTModel, MarianTokenizer

import regard
from regard.errors import ModelError, OptionError, TooLongError
from regard.translation.translator import EMBEDDED, load_translator
from regard.viewer.document.document import document
from regard.viewer.notebook.still import still_picture

pytestmark = pytest.mark.slow

SEED = "The cat sat on the mat."

# Short sentences whose French is beyond dispute: every right answer is listed, so that a wrong one is a wrong one.
BEYOND_DISPUTE = {
    "I love you.": {"Je t'aime.", "Je vous aime."},
    "Thank you.": {"Merci.", "Je vous remercie.", "Je te remercie.", "Merci !"},
    "Where is the station?": {"Où est la gare ?", "Où se trouve la gare ?"},
    "I am hungry.": {"J'ai faim."},
    "It is raining.": {"Il pleut."},
    "I don't understand.": {"Je ne comprends pas."},
    "She is my sister.": {"C'est ma sœur.", "Elle est ma sœur."},
    "He is my brother.": {"C'est mon frère.", "Il est mon frère."},
    "What time is it?": {"Quelle heure est-il ?"},
    "I have a dog.": {"J'ai un chien."},
    "My name is Tom.": {"Je m'appelle Tom.", "Mon nom est Tom."},
    "I like music.": {"J'aime la musique."},
    "The water is cold.": {"L'eau est froide."},
    "We are at home.": {"Nous sommes à la maison.", "Nous sommes chez nous.", "On est à la maison."},
    "He is sleeping.": {"Il dort.", "Il est en train de dormir."},
    "Open the door.": {"Ouvre la porte.", "Ouvrez la porte.", "Ouvre la porte !", "Ouvrez la porte !"},
    "I speak French.": {"Je parle français.", "Je parle le français."},
    "Good night.": {"Bonne nuit.", "Bonne nuit !"},
    "The book is on the table.": {"Le livre est sur la table."},
    "I drink coffee.": {"Je bois du café.", "Je bois un café."},
}


@pytest.fixture(scope="module")
def cat():
    return regard.translate(SEED)


@pytest.fixture(scope="module")
def tiny_opus(tmp_path_factory):
    """A folder in exactly the layout of Helsinki-NLP/opus-mt-*, with a tiny random model: separate .spm files, vocab.json."""
    folder = tmp_path_factory.mktemp("opus-mt-en-fr")
    for name in ("source.spm", "target.spm", "vocab.json"):
        shutil.copy(EMBEDDED / name, folder / name)
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"target_lang": "fr", "source_lang": "en", "model_max_length": 512, "tokenizer_class": "MarianTokenizer"})
    )
    tokenizer = MarianTokenizer.from_pretrained(folder)
    torch.manual_seed(5)
    config = MarianConfig(
        vocab_size=len(tokenizer.get_vocab()),
        d_model=24,
        encoder_layers=3,
        decoder_layers=3,
        encoder_attention_heads=3,
        decoder_attention_heads=2,
        encoder_ffn_dim=11,
        decoder_ffn_dim=13,
        max_position_embeddings=29,
        activation_function="swish",
        scale_embedding=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
        forced_eos_token_id=tokenizer.eos_token_id,
    )
    MarianMTModel(config).half().save_pretrained(folder)
    return folder


def test_the_cat_sat_on_the_mat(cat):
    assert "chat" in cat.text
    assert "tapis" in cat.text
    assert str(cat) == cat.text
    assert "".join(cat.source_tokens) == "▁The▁cat▁sat▁on▁the▁mat.</s>"
    assert "".join(cat.target_tokens[:-1]).replace("▁", " ").strip() == cat.text
    assert cat.target_tokens[-1] == "</s>"


def test_the_words_of_the_seed_sentence_find_each_other(cat):
    pairs = {(cat.alignment.source_words[s], cat.alignment.target_words[t]) for s, t in cat.alignment.links}
    assert {("cat", "chat"), ("mat.", "tapis.")} <= pairs
    assert cat.alignment.source_words == tuple(cat.source.split())
    assert cat.alignment.target_words == tuple(cat.text.split())
    assert cat.alignment.weights.shape == (len(cat.text.split()), 6)


@pytest.mark.parametrize("english", BEYOND_DISPUTE)
def test_sentences_beyond_dispute(english):
    assert regard.translate(english).text in BEYOND_DISPUTE[english]


def test_a_paragraph_of_eight_sentences_comes_out_whole():
    paragraph = (
        "My brother lives in Paris. He works in a bank. Every morning he drinks a cup of coffee. Then he takes the train. "
        "He likes his work. In the evening he reads a book. His wife is a doctor. They have two children."
    )
    text = regard.translate(paragraph).text
    assert text.count(".") == 8
    kept = ("frère", "Paris", "banque", "café", "train", "travail", "livre", "femme", "enfants")
    assert [word for word in kept if word not in text] == []


def test_maps_have_the_models_layers_and_whole_rows(cat):
    recording = cat.recording
    sources, targets = len(cat.source_tokens), len(cat.target_tokens)
    assert [amap.shape for amap in recording.encoder] == [(1, 4, sources, sources)] * 4
    assert [amap.shape for amap in recording.decoder] == [(1, 4, targets, targets)] * 2
    assert [amap.shape for amap in recording.cross] == [(1, 4, targets, sources)] * 2
    for amap in recording.maps:
        assert_close(amap.dense().sum(-1), torch.ones(amap.shape[:3]))
    assert recording.cross[0].queries == cat.target_tokens
    assert recording.cross[0].keys == cat.source_tokens
    assert recording.decoder[0].keys == recording.consumed == ("<pad>", *cat.target_tokens[:-1])


def test_the_text_and_the_maps_are_those_of_transformers(cat):
    tokenizer = MarianTokenizer.from_pretrained(EMBEDDED)
    model = MarianMTModel.from_pretrained(EMBEDDED, dtype=torch.float32, attn_implementation="eager")
    inputs = tokenizer([SEED], return_tensors="pt")
    ids = model.generate(**inputs, num_beams=4)
    assert tokenizer.decode(ids[0], skip_special_tokens=True) == cat.text
    with torch.no_grad():
        eager = model(**inputs, decoder_input_ids=ids[:, :-1], output_attentions=True)
    for kind, expected in (
        (cat.recording.cross, eager.cross_attentions),
        (cat.recording.decoder, eager.decoder_attentions),
        (cat.recording.encoder, eager.encoder_attentions),
    ):
        for amap, weights in zip(kind, expected, strict=True):
            assert_close(amap.dense(), weights, atol=1e-5, rtol=0)


def test_the_model_runs_on_its_fused_kernel():
    fused = torch.nn.functional.scaled_dot_product_attention
    with (
        mock.patch("torch.nn.functional.scaled_dot_product_attention", wraps=fused) as sdpa,
        mock.patch("transformers.models.marian.modeling_marian.eager_attention_forward") as eager,
    ):
        regard.translate("No.", beams=1)
    assert sdpa.call_count > 8
    assert eager.call_count == 0


def test_a_batch_is_its_sentences_with_maps_cut_to_each():
    texts = [SEED, "No.", "I don't know where my friend is."]
    together = regard.translate(texts)
    for text, one in zip(texts, together, strict=True):
        alone = regard.translate(text)
        assert (one.source, one.text, one.source_tokens, one.target_tokens) == (
            text,
            alone.text,
            alone.source_tokens,
            alone.target_tokens,
        )
        assert one.alignment.links == alone.alignment.links
        for mine, expected in zip(one.recording.maps, alone.recording.maps, strict=True):
            assert_close(mine.dense(), expected.dense(), atol=1e-4, rtol=0)


def test_more_sentences_than_a_batch_keep_their_order():
    texts = [f"I have {number} books." for number in range(2, 21)]
    found = regard.translate(texts, beams=1)
    assert [one.source for one in found] == texts
    assert regard.translate([]) == []


def test_a_given_translation_is_aligned_instead_of_decoded():
    forced = regard.translate(SEED, target="Le chat est sur le tapis.")
    assert forced.text == "Le chat est sur le tapis."
    pairs = {(forced.alignment.source_words[s], forced.alignment.target_words[t]) for s, t in forced.alignment.links}
    assert {("cat", "chat"), ("mat.", "tapis.")} <= pairs
    with mock.patch.object(MarianMTModel, "generate", side_effect=AssertionError("decoded")):
        both = regard.translate([SEED, "No."], target=["Le chat est sur le tapis.", "Non."])
    assert [one.text for one in both] == ["Le chat est sur le tapis.", "Non."]
    assert_close(both[0].recording.cross[1].dense(), forced.recording.cross[1].dense(), atol=1e-4, rtol=0)


def test_beams_are_handed_on():
    with mock.patch.object(MarianMTModel, "generate", autospec=True, side_effect=MarianMTModel.generate) as generate:
        regard.translate("No.", beams=3)
    assert generate.call_args.kwargs["num_beams"] == 3


def test_a_folder_in_the_layout_of_opus_mt(tiny_opus):
    translation = regard.translate("The cat.", tiny_opus, beams=2)
    assert [amap.shape[1] for amap in translation.recording.cross] == [2, 2, 2]
    assert translation.recording.cross[0].keys == ("▁The", "▁cat", ".", "</s>")
    assert len(translation.target_tokens) <= 29
    assert translation.alignment.reading.layer in (0, 1, 2)
    assert regard.translate("The cat.", str(tiny_opus)).text == regard.translate("The cat.", tiny_opus).text


def test_the_shipped_files_are_the_published_ones_and_small():
    sums = dict(reversed(line.split("  ")) for line in (EMBEDDED / "SHA256SUMS").read_text().splitlines())
    shipped = {path.name for path in EMBEDDED.iterdir()} - {"SHA256SUMS"}
    assert set(sums) == shipped
    for name, expected in sums.items():
        assert hashlib.sha256((EMBEDDED / name).read_bytes()).hexdigest() == expected, name
    assert sum(path.stat().st_size for path in EMBEDDED.iterdir()) <= 16 * 2**20
    for file in ("README.md", "LICENSE"):
        assert "tatoeba.org (CC BY 2.0 FR)" in (EMBEDDED / file).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("",), OptionError, "expected a text with words, got an empty one"),
        ((" \n",), OptionError, "expected a text with words, got an empty one"),
        ((["Yes.", ""],), OptionError, "expected a text with words, got an empty one at 1"),
        ((None,), OptionError, "expected a text or a list of them, got NoneType"),
        (([3],), OptionError, "expected a text or a list of them, got int at 0"),
        (("word " * 300,), TooLongError, "expected a text of at most 256 tokens, got 30"),
    ],
    ids=["empty", "blank", "empty in a list", "nothing", "number", "too long"],
)
def test_bad_texts(arguments, error, words):
    with pytest.raises(error, match=words):
        regard.translate(*arguments)


def test_bad_options():
    with pytest.raises(OptionError, match="beams: expected a whole number from 1 to 1,000, got 0"):
        regard.translate("Yes.", beams=0)
    with pytest.raises(OptionError, match="expected one target a text, got 2 texts and 1 targets"):
        regard.translate(["Yes.", "No."], target=["Oui."])
    with pytest.raises(OptionError, match="expected a target with words, got an empty one"):
        regard.translate("Yes.", target=" ")
    with pytest.raises(TooLongError, match="expected a target of at most 256 tokens, got 30"):
        regard.translate("Yes.", target="mot " * 300)


def test_a_translation_that_does_not_end_is_an_error_not_a_fragment(tiny_opus):
    translator = load_translator(tiny_opus)
    with (
        mock.patch.object(translator.model.config, "forced_eos_token_id", None),
        mock.patch.object(translator.model.generation_config, "forced_eos_token_id", None),
        mock.patch.object(translator.model.generation_config, "suppress_tokens", [translator.tokenizer.eos_token_id]),
        pytest.raises(TooLongError, match="expected a translation that ends within 29 tokens"),
    ):
        regard.translate("The cat.", tiny_opus)


def test_a_hub_name_without_a_connection_names_the_embedded_model_first():
    with mock.patch("regard.recording.pretrained.HfApi") as api:
        api.return_value.model_info.side_effect = ConnectionError("Name or service not known")
        for name in ("Helsinki-NLP/opus-mt-en-fr-none", "t5-none"):
            with pytest.raises(ModelError) as caught:
                regard.translate("Yes.", name)
            ways = ["leave the model out: one that translates English to French is embedded", "connect once", "pass its path"]
            parts = [f"expected the model {name!r}", "got neither (ConnectionError: Name or service not known)", *ways]
            places = [str(caught.value).find(part) for part in parts]
            assert places == sorted(places)
            assert places[0] == 0


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ModelError, match="which does not exist; check the path"):
        regard.translate("Yes.", tmp_path / "nowhere")


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "model").write_text("")
    with pytest.raises(ModelError, match="expected a model folder, got the file"):
        regard.translate("Yes.", tmp_path / "model")


def test_a_folder_that_is_not_a_model(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ModelError, match="expected a model folder with config.json, got .* with notes.txt"):
        regard.translate("Yes.", tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "missing"])
def test_a_damaged_weight_file(tiny_opus, tmp_path, damage):
    folder = shutil.copytree(tiny_opus, tmp_path / damage)
    weights: Path = folder / "model.safetensors"
    content = weights.read_bytes()
    if damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"\xff" * 64 + content[64:])
    with pytest.raises(ModelError, match="expected (readable weights|a sequence-to-sequence model) in"):
        regard.translate("Yes.", folder)


def test_a_model_of_another_kind(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelError, match="expected a model with its tokenizer, got the folder"):
        regard.translate("Yes.", tmp_path)


def labels_of(figure):
    ax = figure.axes[0]
    return [label.get_text() for label in ax.get_yticklabels()], (ax.get_ylabel(), ax.get_xlabel()), ax.get_title()


def test_the_first_picture_has_a_row_for_each_token_that_was_produced(cat):
    reading = cat.reading()
    assert reading.rows == "produced"
    labels, sides, title = labels_of(cat.figure())
    assert labels == list(cat.target_tokens)
    assert labels[-1] == "</s>"
    assert sides == ("tokens produced", "source tokens")
    assert title == f"cross-attention, layer {reading.layer}, head {reading.head}"
    words = {
        "▁Le": "▁The",
        "▁chat": "▁cat",
        "▁tapis": "▁ma",
        "▁sur": "▁on",
        "</s>": "</s>",
    }  # a row looks where its token is from
    weights = cat.recording.cross[reading.layer][0, reading.head]
    found = {token: cat.source_tokens[int(row.argmax())] for token, row in zip(cat.target_tokens, weights, strict=True)}
    assert words.items() <= found.items()


def test_a_head_that_aligns_better_by_the_tokens_consumed_is_drawn_where_they_are_asked_for(cat):
    assert cat.reading(rows="consumed") == cat.alignment.reading
    labels, sides, title = labels_of(cat.figure(rows="consumed"))
    assert labels == ["<pad>", *cat.target_tokens[:-1]]
    assert sides == ("tokens consumed", "source tokens")
    assert title == "cross-attention, layer {}, head {}".format(*cat.alignment.reading)
    assert cat.recording.cross[cat.alignment.reading.layer].queries == cat.target_tokens  # the recording's map is as it was


def test_any_head_may_be_drawn_by_any_rows(cat):
    assert labels_of(cat.figure(1, 2))[:2] == (list(cat.target_tokens), ("tokens produced", "source tokens"))
    assert labels_of(cat.figure(1, 2, rows="consumed"))[:2] == (
        ["<pad>", *cat.target_tokens[:-1]],
        ("tokens consumed", "source tokens"),
    )
    with pytest.raises(OptionError, match="head: expected a whole number from 0 to 3, got 4"):
        cat.figure(0, 4)
    with pytest.raises(OptionError, match="expected layer and head together"):
        cat.figure(layer=1)
    with pytest.raises(OptionError, match="rows: expected one of produced, consumed, got 'read'"):
        cat.figure(rows="read")


def test_the_heads_of_the_pictures_are_those_that_were_measured(cat):
    config = json.loads((EMBEDDED / "config.json").read_text())
    assert cat.reading() == (*config["alignment_produced"], "produced")
    assert cat.reading(rows="consumed") == (*config["alignment_heads"][0], "consumed")
    [short] = regard.translate(["No."])
    assert short.reading() == cat.reading()  # one head, whatever the sentence


def test_where_no_head_was_measured_the_one_that_agrees_with_the_links_is_drawn(cat):
    with mock.patch.object(load_translator(), "produced", None):
        assert regard.translate(SEED).reading() == cat.reading()  # in this sentence it is the same


def test_all_pictures_of_one_map_have_one_set_of_labels(cat):
    """A heat map of the recording, the picture that ``show`` leaves in a notebook, and the figure of the translation."""
    layer, head, _ = cat.reading()
    drawn, save = [], Figure.savefig

    def seen(figure, *given, **options):
        drawn.append(figure)
        return save(figure, *given, **options)

    with mock.patch("matplotlib.figure.Figure.savefig", autospec=True, side_effect=seen):
        still_picture(document(cat), "still")
    pictures = [cat.figure(), regard.heatmap(cat.recording.cross[layer], head=head).figure, drawn[0]]
    found = [labels_of(picture)[:2] for picture in pictures]
    assert found[0] == (list(cat.target_tokens), ("tokens produced", "source tokens"))
    assert found[1] == found[2] == found[0]
    cells = [picture.axes[0].collections[0].get_array().reshape(len(cat.target_tokens), -1) for picture in pictures]
    assert_close(torch.tensor(cells[1]), torch.tensor(cells[0]))
    assert_close(torch.tensor(cells[2]), torch.tensor(cells[0]), atol=1e-6, rtol=0)
    assert regard.heads_grid(cat.recording.cross).axes[0].get_ylabel() == "tokens produced"


def test_links_are_those_above_the_weight_that_was_measured_for_the_model():
    translator = load_translator()
    assert translator.threshold == json.loads((EMBEDDED / "config.json").read_text())["alignment_threshold"] > 0
    text = "The cat sat on the mat."
    usual = next(iter(translator.stream([text], 4))).alignment
    with mock.patch.object(translator, "threshold", 0.9):
        strict = next(iter(translator.stream([text], 4))).alignment
    weak = {link for link in usual.links if usual.weights[link[1], link[0]] <= 0.9}
    assert weak
    assert strict.links == usual.links - weak


def test_the_translator_is_loaded_once_however_it_is_asked_for():
    assert load_translator() is load_translator(None)
    assert load_translator(EMBEDDED) is load_translator(str(EMBEDDED))
