import pytest
import torch
from torch.testing import assert_close
from transformers import BartConfig, BartForConditionalGeneration, MistralConfig, MistralForCausalLM

import regard
from regard.errors import DtypeError, OptionError, RecordingError, ShapeError
from regard.recording.generation import replay
from support.tiny_models import EOS, PAD, SPECIAL, Tokenizer, tiny, tiny_inputs

pytestmark = pytest.mark.slow

STEPS = 6
VARIED = {"no_repeat_ngram_size": 1}  # random weights like to say one token for ever
STRATEGIES = {
    "greedy": {"do_sample": False},
    "sampling": {"do_sample": True, "top_k": 0},
    "beam 4": {"do_sample": False, "num_beams": 4},
    "beam 4, two returned": {"do_sample": False, "num_beams": 4, "num_return_sequences": 2},
    "sampling, three returned": {"do_sample": True, "num_return_sequences": 3},
    "static cache": {"do_sample": False, "cache_implementation": "static"},
    "static cache, beams": {"do_sample": False, "cache_implementation": "static", "num_beams": 3},
    "no cache": {"do_sample": False, "use_cache": False},
}
each_strategy = pytest.mark.parametrize("options", STRATEGIES.values(), ids=STRATEGIES.keys())
each_family = pytest.mark.parametrize("name", ["marian", "gpt2", "llama"])


def prompt(name):
    """Two inputs of unequal length, padded on the left where a decoder goes on with them."""
    inputs = tiny_inputs("marian" if name == "marian" else "llama")
    return {key: inputs[key] for key in ("input_ids", "attention_mask")}


def generated(call, **options):
    """What a sampled call gives, always from the same random numbers."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return call(max_new_tokens=STEPS, **VARIED, **options)


def alone(name, inputs, sequence, row, copies, ends=(EOS,), seed=0):
    """Eager weights of one returned sequence in a batch of its own, cut at its end: no padding, no cache, no beams."""
    model = tiny(name, "eager", seed)
    source = inputs["input_ids"][row // copies][inputs["attention_mask"][row // copies].bool()]
    given = 1 if name == "marian" else inputs["input_ids"].shape[1]
    new = sequence[given:].tolist()
    new = new[: next((at + 1 for at, token in enumerate(new) if token in ends), len(new))]
    text = torch.tensor([*(sequence[:1].tolist() if name == "marian" else source.tolist()), *new])
    with torch.no_grad():
        if name == "marian":
            output = model(input_ids=source[None], decoder_input_ids=text[None, :-1], output_attentions=True)
            weights = {
                "encoder": output.encoder_attentions,
                "decoder": output.decoder_attentions,
                "cross": output.cross_attentions,
            }
        else:
            weights = {"self": model(input_ids=text[None, :-1], output_attentions=True).attentions}
    return text, weights


def assert_maps_are_those_of_the_sequences(recording, name, inputs, ends=(EOS,), seed=0):
    """Every layer of every returned sequence; gives the lengths of the sequences."""
    copies = len(recording.sequences) // len(inputs["input_ids"])
    lengths = []
    for row, sequence in enumerate(recording.sequences):
        text, weights = alone(name, inputs, sequence, row, copies, ends, seed)
        sample = recording.sample(row)
        for kind, layers in weights.items():
            for amap, truth in zip(getattr(sample, kind), layers, strict=True):
                assert_close(amap.dense(), truth, atol=1e-5, rtol=0)
        lengths.append(len(text))
    return lengths


@each_family
@each_strategy
def test_maps_equal_a_teacher_forced_pass(name, options):
    inputs = prompt(name)
    recording = generated(lambda **o: regard.generate(tiny(name), inputs, **o), **options)
    assert_maps_are_those_of_the_sequences(recording, name, inputs)


@each_family
@each_strategy
def test_sequences_are_those_of_plain_generate(name, options):
    plain = generated(lambda **o: tiny(name).generate(**prompt(name), **o), **options)
    recording = generated(lambda **o: regard.generate(tiny(name), prompt(name), **o), **options)
    assert torch.equal(recording.sequences, plain)
    assert recording.passes == 1


@each_family
@pytest.mark.parametrize("how", ["assistant", "prompt lookup"])
def test_assisted_decoding(name, how):
    inputs = {key: value[:1] for key, value in prompt(name).items()}
    helped = {"assistant_model": tiny(name, seed=1)} if how == "assistant" else {"prompt_lookup_num_tokens": 2}
    recording = regard.generate(tiny(name), inputs, do_sample=False, max_new_tokens=STEPS, **helped)
    assert torch.equal(recording.sequences, tiny(name).generate(**inputs, do_sample=False, max_new_tokens=STEPS))
    assert_maps_are_those_of_the_sequences(recording, name, inputs)


@pytest.mark.parametrize("options", [{}, {"num_beams": 3, "num_return_sequences": 2}], ids=["greedy", "beams"])
def test_a_decoder_that_is_prompted(options):
    inputs = prompt("marian")
    start = torch.tensor([[PAD, 11, 12], [PAD, 21, 22]])
    recording = regard.generate(
        tiny("marian"), inputs, decoder_input_ids=start, do_sample=False, max_new_tokens=STEPS, **VARIED, **options
    )
    copies = len(recording.sequences) // 2
    assert torch.equal(recording.sequences[:, :3], start.repeat_interleave(copies, 0))
    assert_maps_are_those_of_the_sequences(recording, "marian", inputs)


def windowed(attention="sdpa"):
    """A decoder that looks back over three tokens only, and whose cache forgets the others."""
    config = MistralConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, intermediate_size=13,
        initializer_range=0.5, sliding_window=3, max_position_embeddings=32, attn_implementation=attention, **SPECIAL,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MistralForCausalLM(config).eval()


@pytest.mark.parametrize("cache", [{}, {"cache_implementation": "static"}], ids=["dynamic", "static"])
def test_a_cache_that_forgets(cache):
    inputs = prompt("llama")
    recording = regard.generate(windowed(), inputs, do_sample=False, max_new_tokens=STEPS, **VARIED, **cache)
    for row, sequence in enumerate(recording.sequences):
        real = inputs["input_ids"].shape[1] - int(inputs["attention_mask"][row].sum())
        text = sequence[real:]
        text = text[: [*text.tolist(), EOS].index(EOS) + 1]
        weights = windowed("eager")(input_ids=text[None, :-1], output_attentions=True).attentions
        for amap, truth in zip(recording.sample(row).self, weights, strict=True):
            assert_close(amap.dense(), truth, atol=1e-5, rtol=0)


@each_family
def test_plain_generate_in_the_block_says_what_to_call_instead(name):
    model = tiny(name)
    with regard.record(model) as recording:
        sequences = model.generate(**prompt(name), do_sample=False, max_new_tokens=STEPS)
    assert sequences.shape[1] > 1
    kind = "cross" if name == "marian" else "self"
    with pytest.raises(RecordingError, match=r"expected one pass .* call regard\.generate\(model, inputs"):
        getattr(recording, kind)
    steps = recording.passes - (name == "marian")  # its encoder runs by itself first, once
    assert steps > 1
    layers = len({amap.name for amap in recording.maps if amap.kind == kind})
    assert sum(amap.kind == kind for amap in recording.maps) == layers * steps


def one_ends_early(name, inputs, **options):
    """A seed of weights and an end token for which one text ends before the other."""
    for seed in range(30):
        model = tiny(name, seed=seed)
        for end in model.generate(**inputs, **options)[:, -STEPS:].unique().tolist():
            new = model.generate(**inputs, **options, eos_token_id=end)[:, 1 if name == "marian" else 7 :]
            first, last = sorted([*row, end].index(end) for row in new.tolist())
            if first + 1 < last:
                return seed, end
    return pytest.fail("expected one of 30 seeds to end early, got none")


@each_family
@pytest.mark.parametrize("how", [{}, {"num_beams": 3, "length_penalty": -2.0}], ids=["greedy", "beams"])
def test_some_sequences_end_early(name, how):
    inputs, options = prompt(name), {"do_sample": False, "max_new_tokens": STEPS, **VARIED, **how}
    seed, end = one_ends_early(name, inputs, **options)
    recording = regard.generate(tiny(name, seed=seed), inputs, eos_token_id=end, **options)
    lengths = assert_maps_are_those_of_the_sequences(recording, name, inputs, ends=(end,), seed=seed)
    kind = "cross" if name == "marian" else "self"
    assert [getattr(recording.sample(row), kind)[0].shape[2] for row in range(2)] == [length - 1 for length in lengths]
    assert min(lengths) + 1 < recording.sequences.shape[1]
    by_config = tiny(name, seed=seed)
    by_config.generation_config.eos_token_id = [end]
    again = regard.generate(by_config, inputs, **options)
    assert torch.equal(again.sequences, recording.sequences)
    assert assert_maps_are_those_of_the_sequences(again, name, inputs, ends=(end,), seed=seed) == lengths


def test_some_beams_of_a_batch_end_early():
    """Two returned hypotheses of unequal length for one source: what stands after the end is no row."""
    for seed in range(30):
        model, inputs = tiny("marian", seed=seed), prompt("marian")
        model.final_logits_bias[0, EOS] = 4.0
        recording = regard.generate(model, inputs, num_beams=4, num_return_sequences=2, do_sample=False, max_new_tokens=STEPS)
        if len({tuple(row) for row in (recording.sequences == EOS).tolist()}) > 2:
            break
    lengths = assert_maps_are_those_of_the_sequences(recording, "marian", inputs, seed=seed)
    assert len(set(lengths)) > 1


def test_the_naive_reading_of_beams_is_another_map():
    """Row 0 of each step, as model.generate hands it out, is whatever beam led at that step, not the text that won."""
    inputs = {key: value[:1] for key, value in prompt("marian").items()}
    options = {"num_beams": 4, "do_sample": False, "max_new_tokens": STEPS, "eos_token_id": None}
    for seed in range(30):
        eager = tiny("marian", "eager", seed)
        said = eager.generate(**inputs, **options, output_attentions=True, return_dict_in_generate=True)
        naive = torch.cat([step[-1][:1] for step in said.cross_attentions], dim=2)
        recording = regard.generate(tiny("marian", seed=seed), inputs, **options)
        ours = recording.cross[-1].dense()
        assert torch.equal(recording.sequences, said.sequences)
        assert naive.shape == ours.shape
        if float((naive - ours).abs().max()) > 0.01:
            break
    assert float((naive - ours).abs().max()) > 0.01
    assert_maps_are_those_of_the_sequences(recording, "marian", inputs, ends=(), seed=seed)


def test_eager_models_generate_too():
    inputs = prompt("llama")
    recording = regard.generate(tiny("llama", "eager"), inputs, do_sample=False, max_new_tokens=STEPS)
    assert_maps_are_those_of_the_sequences(recording, "llama", inputs)


# -- the model's inputs, however they come


@each_family
def test_a_mask_among_the_options_is_a_mask(name):
    inputs = prompt(name)
    recording = regard.generate(tiny(name), inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=3)
    assert_maps_are_those_of_the_sequences(recording, name, inputs)


@each_family
def test_padding_is_hidden_where_generate_hides_it(name):
    """Without a mask, generate takes the padding token for padding, and so must the replay."""
    inputs = prompt(name)
    recording = regard.generate(tiny(name), inputs["input_ids"], max_new_tokens=3, do_sample=False)
    assert torch.equal(recording.sequences, tiny(name).generate(**inputs, max_new_tokens=3, do_sample=False))
    assert_maps_are_those_of_the_sequences(recording, name, inputs)


def test_padding_that_ends_texts_is_no_padding():
    """GPT-2 pads with its end token, and then generate hides nothing unless told."""
    inputs = prompt("gpt2")
    recording = regard.generate(tiny("gpt2"), inputs["input_ids"], eos_token_id=[PAD, EOS], max_new_tokens=3, do_sample=False)
    everything = inputs | {"attention_mask": torch.ones_like(inputs["attention_mask"])}
    assert_maps_are_those_of_the_sequences(recording, "gpt2", everything, ends=(PAD, EOS))


def test_the_inputs_are_not_touched():
    inputs = prompt("marian")
    before = {key: value.clone() for key, value in inputs.items()}
    regard.generate(tiny("marian"), inputs, max_new_tokens=3)
    assert inputs.keys() == before.keys()
    for key, value in inputs.items():
        assert torch.equal(value, before[key])


def test_layers_and_kinds():
    recording = regard.generate(tiny("marian"), prompt("marian"), layers=[2], kinds=["cross"], max_new_tokens=3)
    assert [(amap.kind, amap.layer) for amap in recording.maps] == [("cross", 2)]


# -- labels


def names(ids):
    return tuple(Tokenizer().convert_ids_to_tokens(ids.tolist()))


def test_rows_are_labelled_with_the_token_that_they_produced():
    inputs = prompt("marian")
    recording = regard.generate(
        tiny("marian"),
        inputs,
        tokenizer=Tokenizer(),
        num_beams=4,
        num_return_sequences=2,
        max_new_tokens=STEPS,
        eos_token_id=None,
    )
    for row in range(4):
        sample, sequence = recording.sample(row), recording.sequences[row]
        source = names(inputs["input_ids"][row // 2, : 4 if row > 1 else 7])
        assert torch.equal(sample.sequences, sequence[None])
        assert sample.queries == sample.cross[0].queries == sample.decoder[0].queries == names(sequence[1:])
        assert sample.consumed == sample.decoder[0].keys == names(sequence[:-1])
        assert sample.keys == sample.cross[0].keys == sample.encoder[0].queries == sample.encoder[0].keys == source


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_labels_of_a_decoder_are_cut_at_its_padding(name):
    inputs = prompt(name)
    recording = regard.generate(tiny(name), inputs, tokenizer=Tokenizer(), max_new_tokens=3, do_sample=False, eos_token_id=None)
    sample, text = recording.sample(1), recording.sequences[1, 3:]
    assert sample.queries == sample.self[0].queries == names(text[1:])
    assert sample.keys == sample.consumed == sample.self[0].keys == names(text[:-1])
    assert sample.self[0].shape[2:] == (6, 6)


def test_one_sequence_is_labelled_without_asking():
    inputs = {key: value[:1] for key, value in prompt("marian").items()}
    recording = regard.generate(tiny("marian"), inputs, tokenizer=Tokenizer(), max_new_tokens=3, do_sample=False)
    assert recording.queries == recording.cross[1].queries == names(recording.sequences[0, 1:])
    assert recording.keys == recording.cross[1].keys == names(inputs["input_ids"][0])


# -- a text that is given


def test_a_forced_text():
    inputs, sequences = prompt("marian"), torch.tensor([[PAD, 5, 7, EOS, PAD, PAD], [PAD, 3, 11, 13, 17, EOS]])
    recording = replay(tiny("marian"), inputs, sequences)
    assert assert_maps_are_those_of_the_sequences(recording, "marian", inputs) == [4, 6]


# -- errors


@pytest.mark.parametrize(
    ("inputs", "error", "text"),
    [
        ("The cat sat.", DtypeError, "inputs as a tensor or a mapping, got str"),
        ([[3, 5]], DtypeError, "got list"),
        ({"pixel_values": torch.ones(1, 3)}, OptionError, r"inputs with input_ids or inputs_embeds, got \['pixel_values'\]"),
        ({"input_ids": [[3, 5]]}, ShapeError, r"a tensor \(batch, positions\), got list; .*return_tensors='pt'"),
        (torch.tensor([3, 5]), ShapeError, r"got \(2,\)"),
    ],
)
def test_inputs_that_do_not_fit(inputs, error, text):
    with pytest.raises(error, match=text):
        regard.generate(tiny("marian"), inputs, max_new_tokens=3)


def test_return_dict_is_needed():
    with pytest.raises(OptionError, match="return_dict_in_generate=True, got False"):
        regard.generate(tiny("marian"), prompt("marian"), return_dict_in_generate=False)


def test_a_model_that_does_not_generate():
    with pytest.raises(OptionError, match=r"a model that generates, got BertModel; .*AutoModelForCausalLM"):
        regard.generate(tiny("bert"), prompt("llama"))


def test_what_generate_refuses_is_refused():
    with pytest.raises(ValueError, match="not_an_option"):
        regard.generate(tiny("marian"), prompt("marian"), not_an_option=1)


@pytest.mark.parametrize(
    ("shape", "error", "text"),
    [
        ((3, 5), ShapeError, r"\(2 · n, length\) for a batch of 2, got \(3, 5\)"),
        ((5,), ShapeError, r"got \(5,\)"),
        ((2, 1), RecordingError, "at least one generated token, got sequences of length 1"),
    ],
)
def test_sequences_that_do_not_fit(shape, error, text):
    with pytest.raises(error, match=text):
        replay(tiny("marian"), prompt("marian"), torch.full(shape, 3))


@pytest.mark.parametrize("options", [{"do_sample": False}, {"do_sample": False, "num_beams": 3}], ids=["greedy", "beams"])
def test_bart_writes_what_its_maps_say(options):
    """Learned positions with an offset, a start that is its end, padding on the right: what Marian has otherwise."""
    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 11, "decoder_ffn_dim": 13}
    tokens = {"vocab_size": 61, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 64, "init_std": 0.5}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BartForConditionalGeneration(BartConfig(**sizes, **tokens, **heads, forced_eos_token_id=None)).eval()
    ids = torch.tensor([[0, 5, 6, 7, 2], [0, 9, 2, 1, 1]])
    given = {"input_ids": ids, "attention_mask": (ids != 1).long()}
    recording = regard.generate(model, given, max_new_tokens=STEPS, tokenizer=Tokenizer(), **VARIED, **options)
    assert torch.equal(recording.sequences, model.generate(**given, max_new_tokens=STEPS, **VARIED, **options))
    model.set_attn_implementation("eager")
    for item, source in enumerate((ids[:1], ids[1:, :3])):
        found, text = recording.sample(item), recording.sequences[item : item + 1]
        rows = found.decoder[0].shape[2]
        with torch.no_grad():
            output = model(input_ids=source, decoder_input_ids=text[:, :rows], output_attentions=True)
        for kind, weights in (("encoder", output.encoder_attentions), ("decoder", output.decoder_attentions)):
            assert_close([amap.dense() for amap in getattr(found, kind)], list(weights), atol=1e-5, rtol=0)
        assert_close([amap.dense() for amap in found.cross], list(output.cross_attentions), atol=1e-5, rtol=0)
        assert found.cross[0].keys.id == tuple(source[0].tolist())
        assert found.cross[0].queries.id == tuple(text[0, 1 : rows + 1].tolist())
