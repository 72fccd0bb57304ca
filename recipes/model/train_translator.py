"""Train the English-French Marian model that Regard ships.

    python recipes/model/train_translator.py --data DATA --work WORK --out MODEL

DATA holds ``train.tsv.gz`` and ``dev.tsv.gz``: UTF-8, one ``English<TAB>French`` pair a line (see README.md beside this file
for where the public data comes from). WORK keeps the vocabulary, the checkpoints and the log; run the same command again and
training resumes after the last whole epoch. MODEL receives the model in Transformers' standard layout, as float16, with its
card and checksums.

What is done, and why:

* One vocabulary for both languages, learned on the training pairs only, normalised inside the ``.spm`` file itself, so that
  any version of Transformers reads a typographic apostrophe or a non-breaking space the same way.
* Half of the sentences of an epoch are split into pieces at random (Kudo 2018, subword regularisation): 164,000 pairs are few.
* A share of the pairs is joined in rows of two to eight. Tatoeba's sentences are short, and a model that never saw a position
  beyond the thirtieth writes nonsense there.
* Two cross-attention heads are shown the words that belong together (guided alignment; see link_words.py). Left alone, no head
  aligns long sentences well: an error rate near 0.3.
* Master weights stay float32; the forward and backward pass run in bfloat16.
* The rate rises, stays, and falls to zero in the last part; what ships is the running average of the weights.

With ``--start FOLDER`` training begins with the vocabulary and the weights of a published model.
"""

from __future__ import annotations

import argparse
import ctypes
import dataclasses
import gzip
import json
import random
import sys
import time
import unicodedata
from pathlib import Path
from typing import NamedTuple

import sentencepiece
import torch
from torch import Tensor
from torch.func import functional_call
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm
from transformers import MarianConfig, MarianMTModel, MarianTokenizer

from link_words import Guide, Links, guide, link_pairs, spaced, words_of_pieces
from publish_translator import publish
from score_translator import evaluate

Pair = tuple[str, str]

PRODUCED_HEAD, CONSUMED_HEAD = 1, 0
"""The guided heads of the last decoder layer: one aligns the token that a row writes, one the token that it has read."""


class Example(NamedTuple):
    """Pieces of a row of pairs, ``</s>`` included, and where guided heads should look (nowhere: empty)."""

    source: list[int]
    target: list[int]
    guide: Guide


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that decides the result, in one place; it is written into the model card."""

    vocabulary: int = 8000
    dim: int = 256
    encoder_layers: int = 4
    decoder_layers: int = 2
    heads: int = 4
    ffn: int = 1024
    positions: int = 256
    dropout: float = 0.1
    label_smoothing: float = 0.1
    sampled: float = 0.5  # share of sentences whose pieces are drawn at random
    sampling_alpha: float = 0.2  # 0 = every segmentation alike, large = the best one only
    joined: float = 0.3  # share of pairs that are joined in rows of 2 to 8
    spaced: float = 0.05  # share of rows with blanks between all words and marks, as tokenized corpora have them
    guided: float = 0.1  # weight of the guided heads' loss; 0: no guidance
    batch_tokens: int = 8192  # source and target positions of a batch, padding included
    rate: float = 1.5e-3
    weight_decay: float = 0.01
    warmup_steps: int = 800
    cooldown: float = 0.4  # share of training in which the rate falls to zero
    average: float = 0.998  # decay of the running average of the weights
    epochs: int = 16
    seed: int = 1


def read_pairs(path: Path) -> list[Pair]:
    """Pairs of a ``.tsv.gz`` file, in the file's order."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        pairs = [tuple(line.rstrip("\n").split("\t")) for line in lines]
    for number, pair in enumerate(pairs, 1):
        if len(pair) != 2:
            sys.exit(f"{path}:{number}: expected English<TAB>French, got {len(pair)} columns")
    return pairs  # type: ignore[return-value]


def character_rules() -> str:
    """SentencePiece's normalisation table: Unicode's own (NFKC), and one form for each of blank, apostrophe, quote and dash."""
    rules: dict[str, str] = {}
    for code in (*range(0xA0, 0x3100), *range(0xFB00, 0xFB07), *range(0xFF01, 0xFF5F)):
        character = chr(code)
        if (plain := unicodedata.normalize("NFKC", character)) != character:
            rules[character] = plain
        parts = unicodedata.normalize("NFD", character)
        if len(parts) == 2 and unicodedata.normalize("NFC", parts) == character:
            rules[parts] = character
    rules |= dict.fromkeys("\u2018\u2019\u02bc\u2032`\u00b4", "'")
    rules |= dict.fromkeys("\u201c\u201d\u201e\u2033", '"')
    rules |= dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015", "-")
    rules |= dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", "")
    rules |= dict.fromkeys("\t\n\r\u00a0\u2028\u2029", " ")
    rules["\u2026"] = "..."

    def codes(text: str) -> str:
        return " ".join(f"{ord(character):X}" for character in text)

    return "".join(f"{codes(text)}\t{codes(plain)}\n" for text, plain in sorted(rules.items()))


def learn_vocabulary(pairs: list[Pair], work: Path, recipe: Recipe, start: Path | None = None) -> MarianTokenizer:
    """The shared SentencePiece vocabulary, in the layout of the Helsinki-NLP/opus-mt models; with ``start``, the one there."""
    folder = start or work / "tokenizer"
    if not (folder / "vocab.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rules.tsv").write_text(character_rules(), encoding="utf-8")
        text = dict.fromkeys(sentence for pair in pairs for sentence in pair)
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(text),
            model_prefix=str(folder / "source"),
            model_type="unigram",
            vocab_size=recipe.vocabulary - 1,  # <pad> is Marian's own
            character_coverage=0.9999,
            normalization_rule_tsv=str(folder / "rules.tsv"),
            split_digits=True,
            bos_id=-1,
            eos_id=0,
            unk_id=1,
            num_threads=2,
            minloglevel=1,
        )
        (folder / "rules.tsv").unlink()
        (folder / "source.vocab").unlink()
        (folder / "source.model").rename(folder / "source.spm")
        (folder / "target.spm").write_bytes((folder / "source.spm").read_bytes())
        processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
        pieces = [processor.id_to_piece(i) for i in range(len(processor))] + ["<pad>"]
        vocab = {piece: i for i, piece in enumerate(pieces)}
        (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False, indent=0), encoding="utf-8")
    return MarianTokenizer(
        source_spm=str(folder / "source.spm"),
        target_spm=str(folder / "target.spm"),
        vocab=str(folder / "vocab.json"),
        source_lang="en",
        target_lang="fr",
        model_max_length=recipe.positions,
    )


def new_model(recipe: Recipe, tokenizer: MarianTokenizer) -> MarianMTModel:
    """An untrained model; short sequences run fastest in plain attention, so training does not use the fused kernel."""
    config = MarianConfig(
        vocab_size=len(tokenizer.get_vocab()),
        d_model=recipe.dim,
        encoder_layers=recipe.encoder_layers,
        decoder_layers=recipe.decoder_layers,
        encoder_attention_heads=recipe.heads,
        decoder_attention_heads=recipe.heads,
        encoder_ffn_dim=recipe.ffn,
        decoder_ffn_dim=recipe.ffn,
        max_position_embeddings=recipe.positions,
        activation_function="swish",
        dropout=recipe.dropout,
        scale_embedding=True,
        init_std=0.04,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
        forced_eos_token_id=tokenizer.eos_token_id,
        attn_implementation="eager",
    )
    return MarianMTModel(config)


def epoch_batches(
    pairs: list[Pair],
    processor: sentencepiece.SentencePieceProcessor,
    recipe: Recipe,
    epoch: int,
    links: list[Links] | None = None,
) -> list[list[Example]]:
    """The batches of one epoch, drawn anew from (seed, epoch): joined, segmented, sorted by length, cut by tokens, shuffled."""
    draw = random.Random(f"{recipe.seed}-{epoch}")
    sentencepiece.set_random_generator_seed(draw.randrange(2**31))
    eos = processor.eos_id()

    def pieces(text: str) -> list[str]:
        if draw.random() < recipe.sampled:
            return processor.encode(text, out_type=str, enable_sampling=True, nbest_size=-1, alpha=recipe.sampling_alpha)
        return processor.encode(text, out_type=str)

    order = list(range(len(pairs)))
    draw.shuffle(order)
    examples: list[Example] = []
    at = 0
    while at < len(order):
        # A row of n pairs uses up n of them: draw rows so rarely that the share of joined pairs comes out as asked.
        rows = recipe.joined / 5 / (recipe.joined / 5 + 1 - recipe.joined)
        take = draw.randint(2, 8) if draw.random() < rows else 1
        apart = draw.random() < recipe.spaced
        row = Example([], [], [])
        for chosen in order[at : at + take]:
            english, french = map(spaced, pairs[chosen]) if apart else pairs[chosen]
            source, target = pieces(english), pieces(french)
            if links:
                looks = guide(links[chosen], words_of_pieces(english, source), words_of_pieces(french, target))
                row.guide.extend({len(row.source) + piece: share for piece, share in look.items()} for look in looks)
            row.source.extend(processor.piece_to_id(source))
            row.target.extend(processor.piece_to_id(target))
        at += take
        if max(len(row.source), len(row.target)) < recipe.positions:
            examples.append(Example([*row.source, eos], [*row.target, eos], row.guide))
    examples.sort(key=lambda example: (max(len(example.source), len(example.target)) + draw.random(), len(example.source)))
    batches: list[list[Example]] = []
    batch: list[Example] = []
    longest_source = longest_target = 0
    for example in examples:
        source, target, _ = example
        longest_source, longest_target = max(longest_source, len(source)), max(longest_target, len(target))
        if batch and (len(batch) + 1) * (longest_source + longest_target) > recipe.batch_tokens:
            batches.append(batch)
            batch, longest_source, longest_target = [], len(source), len(target)
        batch.append(example)
    batches.append(batch)
    draw.shuffle(batches)
    return batches


def padded(rows: list[list[int]], fill: int, device: torch.device) -> Tensor:
    """Rows of ids as one (rows, longest) tensor."""
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=fill).to(device)


class Loss(NamedTuple):
    """Summed over the target tokens of a batch, in nats, float32."""

    translation: Tensor  #: cross-entropy of the tokens
    alignment: Tensor  #: cross-entropy of what the guided heads look at, the mean of the two; 0 without guidance
    tokens: int


def batch_loss(model: MarianMTModel, batch: list[Example], smoothing: float) -> Loss:
    """The losses of a batch, from a bfloat16 pass."""
    device, pad = model.device, model.config.pad_token_id
    source = padded([example.source for example in batch], pad, device)
    labels = padded([example.target for example in batch], -100, device)
    shifted = padded([[pad, *example.target[:-1]] for example in batch], pad, device)
    half = {name: value.to(torch.bfloat16) for name, value in (*model.named_parameters(), *model.named_buffers())}
    inputs = {"input_ids": source, "attention_mask": (source != pad).long(), "decoder_input_ids": shifted}
    guided = any(example.guide for example in batch)
    made = functional_call(model, half, kwargs={**inputs, "output_attentions": guided}, tie_weights=True)
    loss = torch.nn.functional.cross_entropy(
        made.logits.flatten(0, 1).float(), labels.flatten(), reduction="sum", label_smoothing=smoothing
    )
    alignment = alignment_loss(made.cross_attentions[-1], batch) if guided else torch.zeros_like(loss)
    return Loss(loss, alignment, int((labels != -100).sum()))


def alignment_loss(weights: Tensor, batch: list[Example]) -> Tensor:
    """Cross-entropy of the guided heads' rows, summed; ``weights`` (batch, heads, target positions, source positions)."""
    looks = torch.zeros(len(batch), *weights.shape[2:])
    for number, (source, _, rows) in enumerate(batch):
        for at, row in enumerate(rows):
            for piece, share in row.items():
                looks[number, at, piece] = share
        looks[number, : len(rows), len(source) - 1] += 1 - looks[number, : len(rows)].sum(-1)
    written = looks.clone()
    for number, (source, target, _) in enumerate(batch):
        written[number, len(target) - 1, len(source) - 1] = 1.0  # the last </s> is written at the source's, and never read
    logarithms = (weights.float() + 1e-12).log()
    produced = written.to(weights.device) * logarithms[:, PRODUCED_HEAD]
    consumed = looks[:, :-1].to(weights.device) * logarithms[:, CONSUMED_HEAD, 1:]  # row t + 1 has read token t
    return -(produced.sum() + consumed.sum()) / 2


def rate_factor(recipe: Recipe, step: int, progress: float) -> float:
    """Rise, stay, fall: ``progress`` is the share of training that is done."""
    return min(1.0, (step + 1) / recipe.warmup_steps, max(0.0, (1 - progress) / recipe.cooldown))


def train(
    pairs: list[Pair],
    dev: list[Pair],
    tokenizer: MarianTokenizer,
    work: Path,
    recipe: Recipe,
    device: torch.device,
    start: Path | None = None,
) -> MarianMTModel:
    """Train, or go on training, and return the averaged model; with ``start``, from the weights published there."""
    processor = tokenizer.spm_source
    pairs, dev = ([(plain(english, processor), plain(french, processor)) for english, french in side] for side in (pairs, dev))
    links = link_pairs(pairs, work / "links.tsv.gz") if recipe.guided else None
    torch.manual_seed(recipe.seed)
    model = new_model(recipe, tokenizer)
    if start:
        model.load_state_dict(MarianMTModel.from_pretrained(start, dtype=torch.float32).state_dict())
    model.to(device)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay, fused=True)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.average))
    dev_batches = epoch_batches(dev, processor, dataclasses.replace(recipe, sampled=0.0, joined=0.0), 0)
    checkpoint, log = work / "checkpoint.pt", work / "log.jsonl"
    first, step = 0, 0
    if checkpoint.exists():
        kept = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(kept["model"])
        averaged.load_state_dict(kept["averaged"])
        optimizer.load_state_dict(kept["optimizer"])
        first, step = kept["epoch"], kept["step"]
    for epoch in range(first, recipe.epochs):
        torch.manual_seed(recipe.seed + epoch)
        model.train()
        started, total, looked, tokens, read = time.monotonic(), 0.0, 0.0, 0, 0
        batches = epoch_batches(pairs, processor, recipe, epoch, links)
        bar = tqdm(batches, desc=f"epoch {epoch + 1}/{recipe.epochs}", unit="batch", mininterval=2)
        for number, batch in enumerate(bar):
            factor = rate_factor(recipe, step, (epoch + number / len(batches)) / recipe.epochs)
            optimizer.zero_grad(set_to_none=True)
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * factor
            loss, alignment, count = batch_loss(model, batch, recipe.label_smoothing)
            ((loss + recipe.guided * alignment) / count).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            averaged.update_parameters(model)
            step += 1
            total, looked, tokens = total + loss.item(), looked + alignment.item(), tokens + count
            read += sum(len(example.source) + len(example.target) for example in batch)
            bar.set_postfix(
                loss=f"{total / tokens:.3f}", look=f"{looked / tokens:.3f}", rate=f"{recipe.rate * factor:.1e}", refresh=False
            )
        entry = {
            "epoch": epoch + 1,
            "step": step,
            "train_loss": round(total / tokens, 4),
            "alignment_loss": round(looked / tokens, 4),
            "dev_loss": round(dev_loss(averaged.module, dev_batches), 4),
            "tokens_per_second": round(read / (time.monotonic() - started)),
            "minutes": round((time.monotonic() - started) / 60, 2),
        }
        kept = {"model": model.state_dict(), "averaged": averaged.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**kept, "epoch": epoch + 1, "step": step}, checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").replace(checkpoint)
        with log.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(entry) + "\n")
        tqdm.write(json.dumps(entry))
    return averaged.module


def dev_loss(model: MarianMTModel, batches: list[list[Example]]) -> float:
    """Cross-entropy a target token on the dev pairs, without smoothing, in nats."""
    model.eval()
    with torch.no_grad():
        sums = [batch_loss(model, batch, 0.0) for batch in batches]
    return sum(loss.translation.item() for loss in sums) / sum(loss.tokens for loss in sums)


def plain(text: str, processor: sentencepiece.SentencePieceProcessor) -> str:
    """The text as the vocabulary sees it, so that pieces and words are cut from the same characters."""
    return processor.normalize(text).replace("\u2581", " ").strip()


def keep_freed_memory() -> None:
    """Ask glibc not to hand large blocks back to the system: on the CPU, page faults cost half of a step otherwise."""
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return
    trim_threshold, mmap_max = -1, -4
    libc.mallopt(mmap_max, 0)
    libc.mallopt(trim_threshold, 2**31 - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.tsv.gz and dev.tsv.gz")
    parser.add_argument("--work", type=Path, required=True, help="folder for vocabulary, checkpoints and log")
    parser.add_argument("--out", type=Path, help="folder for the finished model; without it, only train")
    parser.add_argument("--start", type=Path, help="folder of a published model to start from, vocabulary and weights")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    for field in dataclasses.fields(Recipe):
        name = "--" + field.name.replace("_", "-")
        parser.add_argument(name, type=type(field.default), default=field.default, help=f"default {field.default}")
    arguments = parser.parse_args()
    recipe = Recipe(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(Recipe)})
    keep_freed_memory()
    arguments.work.mkdir(parents=True, exist_ok=True)
    pairs, dev = read_pairs(arguments.data / "train.tsv.gz"), read_pairs(arguments.data / "dev.tsv.gz")
    tokenizer = learn_vocabulary(pairs, arguments.work, recipe, arguments.start)
    model = train(pairs, dev, tokenizer, arguments.work, recipe, torch.device(arguments.device), arguments.start)
    if arguments.out:
        card = {
            "command": "python recipes/model/train_translator.py --data DATA --work WORK --out MODEL",
            "recipe": dataclasses.asdict(recipe),
            "pairs": len(pairs),
            "device": torch.cuda.get_device_name() if arguments.device == "cuda" else f"{torch.get_num_threads()} CPU cores",
            "parameters": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
            "curve": [json.loads(line) for line in (arguments.work / "log.jsonl").read_text(encoding="utf-8").splitlines()],
            "scores": evaluate(model.eval(), tokenizer, dev),
        }
        publish(model, tokenizer, arguments.out, card)


if __name__ == "__main__":
    main()
