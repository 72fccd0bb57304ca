"""FlashAttention through Transformers' own code to the kernel call, each map against the output of its own call."""

from types import SimpleNamespace

import pytest
import torch
import transformers
from torch.testing import assert_close
from transformers import (
    AttentionInterface,
    GPTJConfig,
    GPTJModel,
    ModernBertConfig,
    ModernBertModel,
)
from transformers import modeling_flash_attention_utils as place
from transformers.integrations import hub_kernels
from transformers.integrations.flash_attention import flash_attention_forward
from transformers.masking_utils import AttentionMaskInterface
from transformers.models.gptj import modeling_gptj
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLVisionConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VisionTransformerPretrainedModel

import regard
from regard.errors import RecordingError
from regard.recording.copies import Copies
from regard.recording.functions.flash import read_flash
from regard.recording.functions.given import Given
from support import flash_stand_in
from support.flash_stand_in import flash_kernels, without_sinks
from support.kernel_models import IDS, PADDED, WINDOW, bart, gemma2, gpt_oss, mistral, padding, seeded
from support.own_output import assert_each_map_gives_its_output, masks, recorded_like_plain
from support.tiny_models import VOCABULARY, tiny


def recorded(model, *, name="flash_attention_2", **inputs):
    """On the stand-in kernels."""
    with flash_kernels(model, name):
        return recorded_like_plain(model, **inputs)


OLDEST = transformers.__version__.startswith("5.2.")
FOURTH = pytest.param("flash_attention_4", marks=pytest.mark.skipif(OLDEST, reason="this Transformers has no fourth"))
OLDER = transformers.__version__.startswith(("5.2.", "5.9."))
of_newer = pytest.mark.skipif(
    OLDER, reason="this Transformers knows no pages, and its kernels of the hub need their own package"
)
takes_sinks = pytest.mark.skipif(OLDEST, reason="this Transformers runs GPT-OSS on a kernel of the hub only")


@pytest.mark.parametrize("name", ["flash_attention_2", "flash_attention_3", FOURTH])
def test_plain_calls_are_symbolic(name):
    assert masks(recorded(tiny("llama"), name=name, input_ids=IDS)) == ["causal(0)"] * 3
    assert masks(recorded(tiny("bert"), name=name, input_ids=IDS)) == ["everything()"] * 3


@pytest.mark.parametrize("how", PADDED)
def test_padding(how):
    for amap in recorded(tiny("llama"), input_ids=IDS, attention_mask=padding(how)).maps:
        seen = padding(how).bool()
        truth = seen[:, None, :, None] & seen[:, None, None] & torch.ones(7, 7, dtype=torch.bool).tril()
        assert torch.equal(amap.dense() > 0, truth.expand(2, 6, 7, 7))
        assert amap.queries.is_padded
        assert amap.sample(1).shape == (1, 6, 4, 4)


@pytest.mark.parametrize("how", PADDED)
def test_padding_of_an_encoder(how):
    for amap in recorded(tiny("bert"), input_ids=IDS, attention_mask=padding(how)).maps:
        seen = padding(how).bool()
        assert torch.equal(amap.dense() > 0, (seen[:, None, :, None] & seen[:, None, None]).expand(2, 2, 7, 7))


def test_padding_without_holes_is_kept_as_two_numbers_a_query():
    assert masks(recorded(tiny("llama"), input_ids=IDS, attention_mask=padding("left"))) == ["spans(2 x 1 x 7, keys=7)"] * 3


def test_layers_share_their_mask():
    recording = recorded(tiny("llama"), input_ids=IDS, attention_mask=padding("left"))
    assert len({id(amap.factors.mask.pattern.starts) for amap in recording.maps}) == 1


def test_window():
    assert masks(recorded(mistral(), input_ids=IDS)) == ["window(3)"] * 2


def test_window_over_holes_counts_real_tokens():
    keep = padding("holes")
    for amap in recorded(mistral(), input_ids=IDS, attention_mask=keep).maps:
        for item in range(2):
            real = keep[item].nonzero().flatten()
            seen = (amap.dense()[item, 0] > 0)[real][:, real]
            near = torch.ones(len(real), len(real), dtype=torch.bool)
            assert torch.equal(seen, near.tril() & near.triu(1 - WINDOW))


def test_window_that_hides_nothing_is_not_passed_on():
    assert masks(recorded(mistral(), input_ids=IDS[:, :WINDOW])) == ["causal(0)"] * 2


def test_softcap():
    recording = recorded(gemma2(), input_ids=IDS, attention_mask=padding("left"))
    assert [amap.factors.softcap for amap in recording.maps] == [1.5, 1.5]


@takes_sinks
def test_sinks():
    recording = recorded(gpt_oss(), input_ids=IDS, attention_mask=padding("left"))
    for amap, layer in zip(recording.maps, (0, 1), strict=True):
        assert amap.factors.sinks.shape == (6,), layer
        assert float(amap.dense()[0].sum(-1).min()) < 0.9


@takes_sinks
def test_kernel_without_sinks_runs_without_them():
    with (
        flash_kernels(gpt_oss(), plain=without_sinks) as model,
        regard.record(model, values=True) as recording,
        torch.no_grad(),
    ):
        model(IDS)
    assert_each_map_gives_its_output(recording)
    for amap in recording.maps:
        assert amap.factors.sinks is None
        assert_close(amap.dense().sum(-1), torch.ones(2, 6, 7))


def test_window_of_an_encoder_reaches_to_both_sides():
    options = {"local_attention": 4, "global_attn_every_n_layers": 2, "hidden_size": 24, "num_attention_heads": 2}
    model = seeded(
        lambda: ModernBertModel(
            ModernBertConfig(
                vocab_size=VOCABULARY, pad_token_id=0, intermediate_size=13, num_hidden_layers=2, initializer_range=0.5,
                cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2, **options,
            )
        )
    )  # fmt: skip
    assert masks(recorded(model, input_ids=IDS)) == ["everything()", "window(5, offset=2)"]
    recorded(model, input_ids=IDS, attention_mask=padding("right"))


@pytest.mark.parametrize("how", PADDED)
@pytest.mark.parametrize("queries", [1, 2, 5, 7])
def test_cross_attention(how, queries):
    recording = recorded(bart(), input_ids=IDS, attention_mask=padding(how), decoder_input_ids=IDS[:, :queries])
    ran = (
        padding(how)[:, -queries:].bool()
        if 1 < queries < 7
        else padding(how).bool()
        if queries == 7
        else torch.ones(2, 1).bool()
    )
    for amap in recording.cross:  # rows that Transformers drops with the padding of the source see nothing
        assert torch.equal(amap.dense().sum(3) > 0, ran[:, None].expand(2, 2, queries))


def test_cross_attention_of_more_queries_than_keys_is_one_sequence_where_items_are_mixed():
    recording = recorded(
        bart(), input_ids=IDS[:, :4], attention_mask=padding("right")[:, :4] * torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]),
        decoder_input_ids=IDS,
    )  # fmt: skip
    for amap in recording.cross:  # the mask of 4 columns was read as if it had 7: that is what ran
        assert amap.shape == (1, 2, 14, 8)
        assert amap.queries.id is None
        assert amap.keys.id is None


def test_packing_by_positions():
    positions = torch.tensor([[0, 1, 2, 0, 1, 2, 3]])
    for cache in (True, False):
        recording = recorded(tiny("llama"), input_ids=IDS[:1], position_ids=positions, use_cache=cache)
        truth = torch.block_diag(torch.ones(3, 3).tril(), torch.ones(4, 4).tril()).bool()
        for amap in recording.maps:
            assert torch.equal(amap.dense()[0, 0] > 0, truth)
            assert amap.queries.id == tuple(IDS[0].tolist())


def test_packing_by_lengths():
    ends = torch.tensor([0, 3, 7], dtype=torch.int32)
    lengths = {"cu_seq_lens_q": ends, "cu_seq_lens_k": ends, "max_length_q": 4, "max_length_k": 4}
    recording = recorded(mistral(), input_ids=IDS[:1], use_cache=False, **lengths)
    assert masks(recording) == ["spans(1 x 1 x 7, keys=7)"] * 2


def test_packed_items_that_stay_apart_keep_their_names():
    ends = torch.tensor([0, 3, 7, 9, 14], dtype=torch.int32)
    lengths = {"cu_seq_lens_q": ends, "cu_seq_lens_k": ends, "max_length_q": 5, "max_length_k": 5}
    for amap in recorded(tiny("llama"), input_ids=IDS, use_cache=False, **lengths).maps:
        assert amap.shape == (2, 6, 7, 7)
        assert [line.id for line in amap.queries.lines] == [tuple(ids) for ids in IDS.tolist()]


def test_packed_items_with_a_document_across_them_are_one_sequence():
    ends = torch.tensor([0, 3, 9, 14], dtype=torch.int32)
    lengths = {"cu_seq_lens_q": ends, "cu_seq_lens_k": ends, "max_length_q": 6, "max_length_k": 6}
    for amap in recorded(tiny("llama"), input_ids=IDS, use_cache=False, **lengths).maps:
        assert amap.shape == (1, 6, 14, 14)
        assert amap.queries.id is None
        assert float(amap.dense()[0, :, 8, 3].min()) > 0


@pytest.mark.parametrize("cache", [None, "static"])
@pytest.mark.parametrize("how", ["left", None])
@pytest.mark.parametrize("make", [lambda: tiny("llama"), mistral, gemma2], ids=["llama", "mistral", "gemma2"])
def test_decoding(make, how, cache):
    model = make()
    options = {"max_new_tokens": 4, "do_sample": False, "cache_implementation": cache, "eos_token_id": None}
    if how:
        options["attention_mask"] = padding(how)
    with flash_kernels(model):
        plain = model.generate(IDS, **options)
        with regard.record(model, values=True) as recording:
            assert torch.equal(model.generate(IDS, **options), plain)
    assert assert_each_map_gives_its_output(recording) == 4 * len(model.model.layers)
    assert {amap.shape[2] for amap in recording.maps} == {1, 7}


def at_the_first_key(q, k, v, softmax_scale=None, causal=False, window_size=(-1, -1), softcap=0.0):
    """As kernels before FlashAttention 2.1: the first query sees the first key, whatever there is after it."""
    if not causal:
        return flash_stand_in.flash_attn_func(q, k, v, softmax_scale, causal, window_size, softcap)
    square = min(q.shape[1], k.shape[1])
    first = flash_stand_in.flash_attn_func(q[:, :square], k[:, :square], v[:, :square], softmax_scale, True, (-1, -1), softcap)
    return torch.cat((first, flash_stand_in.flash_attn_func(q[:, square:], k, v, softmax_scale, False, (-1, -1), softcap)), 1)


@pytest.mark.parametrize(("kernel", "said"), [(at_the_first_key, "causal(0)"), (flash_stand_in.flash_attn_func, "causal(3)")])
def test_which_end_a_causal_mask_is_aligned_at_is_seen_in_the_output(kernel, said):
    with flash_kernels(tiny("llama"), plain=kernel) as model, torch.no_grad():
        before = model(IDS[:1, :3], use_cache=True).past_key_values
        with regard.record(model, values=True) as recording:
            model(IDS[:1, 3:], past_key_values=before, use_cache=True)
    assert masks(recording) == [said] * 3
    assert assert_each_map_gives_its_output(recording) == 3


def test_generate_and_replay():
    with flash_kernels(tiny("llama")) as model:
        recording = regard.generate(model, IDS[:1], max_new_tokens=4, do_sample=False)
    assert recording.self[0].shape[2:] == (recording.sequences.shape[1] - 1,) * 2


def test_other_implementations_are_not_listened_to_afterwards():
    before = place.lazy_import_flash_attention, place._upad_input
    recorded(tiny("llama"), input_ids=IDS, attention_mask=padding("left"))
    assert (place.lazy_import_flash_attention, place._upad_input) == before


def test_names_of_hub_kernels():
    name = "kernels-community/flash-attn2"
    AttentionInterface.register(name, flash_attention_forward)
    try:
        recorded(tiny("llama"), name=name, input_ids=IDS)
    finally:
        del AttentionInterface._global_mapping[name]


def test_bfloat16_is_kept_as_the_kernel_got_it():
    model = tiny("llama")
    autocast = torch.autocast("cpu", dtype=torch.bfloat16)
    with flash_kernels(model), torch.no_grad(), autocast, regard.record(model, values=True) as recording:
        model(input_ids=IDS, attention_mask=padding("left"))
    # Older ones cast nothing under the autocast of a CPU.
    got = torch.float32 if OLDER else torch.bfloat16
    assert {amap.factors.query.dtype for amap in recording.maps} == {got}
    assert_each_map_gives_its_output(recording, atol=4e-3)


@pytest.fixture
def gptj(monkeypatch):
    """GPT-J, whose file imports the function where the package is."""
    if not hasattr(modeling_gptj, "GPTJFlashAttention2"):
        pytest.skip("this Transformers' GPT-J calls no kernel itself")
    monkeypatch.setattr(modeling_gptj, "_flash_attention_forward", place._flash_attention_forward, raising=False)
    sizes = {"n_embd": 24, "n_layer": 2, "n_head": 2, "n_positions": 32, "rotary_dim": 4, "initializer_range": 0.5}
    model = seeded(lambda: GPTJModel(GPTJConfig(vocab_size=VOCABULARY, **sizes)))
    for layer, block in enumerate(model.h):  # as the configuration would choose at construction, were the package there
        eager, block.attn = block.attn, modeling_gptj.GPTJFlashAttention2(model.config, layer).eval()
        block.attn.load_state_dict(eager.state_dict())
    return model


@pytest.mark.parametrize("how", [None, *PADDED])
def test_model_files_that_call_flash_attention_themselves(how, gptj):
    before = modeling_gptj._flash_attention_forward
    recording = recorded(gptj, input_ids=IDS, **({} if how is None else {"attention_mask": padding(how)}))
    assert [amap.name for amap in recording.self] == ["h.0.attn", "h.1.attn"]
    assert modeling_gptj._flash_attention_forward is before


def test_two_observers_see_a_direct_call(gptj):
    with flash_kernels(gptj) as model, torch.no_grad(), regard.record(model) as around, regard.record(model) as inside:
        model(IDS)
    assert len(around.maps) == len(inside.maps) == 2


def test_switching_heads_off():
    with flash_kernels(tiny("llama")) as model, torch.no_grad():
        plain = model(IDS).logits
        with regard.ablate(model, heads=[(1, 2)]):
            changed = model(IDS).logits
    eager = tiny("llama")
    with torch.no_grad(), regard.ablate(eager, heads=[(1, 2)]):
        assert_close(changed, eager(IDS).logits, atol=1e-4, rtol=0)
    assert not torch.equal(plain, changed)


@of_newer
def test_a_page_table_of_keys():
    """As continuous batching decodes on CUDA: one new query for each sequence, whose keys stand in pages."""
    generator = torch.Generator().manual_seed(7)
    key_pages, value_pages = torch.randn(2, 6, 4, 2, 8, generator=generator)
    query, key, value = (torch.randn(1, heads, 3, 8, generator=generator) for heads in (6, 2, 2))
    lengths = torch.tensor([0, 7, 9, 14], dtype=torch.int32)  # the new one included
    table = torch.tensor([[3, 1], [0, 4], [2, 5]], dtype=torch.int32)
    options = {
        "block_table": table, "k_cache": key_pages, "v_cache": value_pages, "cu_seq_lens_q": torch.arange(4),
        "cu_seq_lens_k": lengths, "max_length_q": 1, "max_length_k": 7, "is_causal": True,
    }  # fmt: skip
    with flash_kernels(tiny("llama")) as model:
        module = model.model.layers[0].self_attn
        result, call = read_flash(flash_attention_forward, Given(module, query, key, value, None, (), options))
    amap = call.make_map(Copies())
    assert amap.shape == (1, 6, 3, 14)
    made = amap @ call.value().repeat_interleave(3, dim=1)
    assert_close(made, call.heads_first(result[0]), atol=1e-6, rtol=0)


@pytest.fixture
def hub(monkeypatch):
    """Kernels of the hub by their names: only the download is replaced."""
    names = "flash_attn_func", "flash_attn_varlen_func", "flash_attn_with_kvcache"
    kernel = SimpleNamespace(**{name: getattr(flash_stand_in, name) for name in names})
    monkeypatch.setattr(hub_kernels, "get_kernel", lambda *_, **__: kernel)
    monkeypatch.setattr(hub_kernels, "is_kernels_available", lambda *_, **__: True)
    mappings = [AttentionInterface._global_mapping, AttentionMaskInterface._global_mapping]
    before = [dict(mapping) for mapping in mappings]
    found = {name: getattr(place, name) for name in flash_stand_in.NAMES if hasattr(place, name)}
    yield
    for name, one in found.items():
        setattr(place, name, one)
    for mapping, one in zip(mappings, before, strict=True):
        mapping.clear()
        mapping.update(one)


@pytest.mark.parametrize(
    "name", ["kernels-community/flash-attn2", "kernels-community/vllm-flash-attn3@v1", "someone/kernel:flash_attn_varlen_func"]
)
@of_newer
@pytest.mark.usefixtures("hub")
@torch.no_grad()
def test_kernels_of_the_hub(name):
    model = tiny("llama")
    model.set_attn_implementation(name, allow_all_kernels=True)
    given = {"attention_mask": padding("left")}
    plain = model(IDS, **given).logits
    with regard.record(model, values=True) as recording:
        assert torch.equal(model(IDS, **given).logits, plain)
    assert assert_each_map_gives_its_output(recording) == 3


def test_sparse_attention_of_blocks_is_refused_by_its_function():
    msa = pytest.importorskip("transformers.integrations.msa_attention")  # older Transformers has none
    model = tiny("llama")
    AttentionInterface.register("kernels-staging/msa", msa.msa_attention_forward)
    try:
        model.config._attn_implementation = "kernels-staging/msa"
        with pytest.raises(
            RecordingError, match=r"got .*msa_attention\.msa_attention_forward.*registered as 'kernels-staging/msa'"
        ):
            regard.record(model).__enter__()
    finally:
        del AttentionInterface._global_mapping["kernels-staging/msa"]


def test_pictures_that_are_packed_keep_their_places():
    """SDPA attends within each window in a call of its own, FlashAttention in one call for all of them."""
    sizes = {"hidden_size": 16, "intermediate_size": 13, "num_heads": 2, "patch_size": 2, "out_hidden_size": 16, "depth": 2}
    config = Qwen2_5_VLVisionConfig(window_size=8, fullatt_block_indexes=[1], spatial_merge_size=2, **sizes)
    model = seeded(lambda: Qwen2_5_VisionTransformerPretrainedModel(config))
    grid = torch.tensor([[1, 4, 6], [1, 4, 4]])
    patches = torch.randn(40, 24, generator=torch.Generator().manual_seed(4))
    with torch.no_grad(), regard.record(model) as alone:
        model(patches, grid_thw=grid)
    packed = recorded(model, hidden_states=patches, grid_thw=grid)
    for layer, amap in enumerate(packed.self):
        parts = [one for one in alone.maps if one.layer == layer]
        assert tuple(place for part in parts for place in part.keys.place) == amap.keys.place
        truth = torch.block_diag(*(part.dense()[0, 1] for part in parts))
        assert_close(amap.dense()[0, 1], truth, atol=1e-5, rtol=0)


def test_it_agrees_with_what_its_calls_returned():
    recording = recorded(bart(), input_ids=IDS, attention_mask=padding("holes"), decoder_input_ids=IDS[:, :5])
    checked = recording.check()
    assert len(checked.compared) == len(recording.maps) == 6
    assert not checked.wrong


@pytest.mark.parametrize("how", PADDED)
def test_files_and_other_devices(how, tmp_path):
    with flash_kernels(mistral()) as model, torch.no_grad(), regard.record(model, device="cpu") as recording:
        model(IDS, attention_mask=padding(how))
    recording.save(tmp_path / "flash.safetensors")
    for amap, kept in zip(recording.maps, regard.load(tmp_path / "flash.safetensors").maps, strict=True):
        assert torch.equal(amap.dense(), kept.dense())
        assert str(amap.factors.mask) == str(kept.factors.mask)


def test_training_with_checkpoints():
    model = tiny("llama").train()
    getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)()  # older ones have the other name
    with flash_kernels(model), regard.record(model, values=True) as recording:
        model(IDS, attention_mask=padding("right"), labels=IDS, use_cache=False).loss.backward()
    assert len(recording.maps) == 3
    assert not recording.check().wrong
