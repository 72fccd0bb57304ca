"""The texts at either end of a statistic, recorded again: to see what the numbers say."""

from pathlib import Path
from typing import Any

import torch

from regard.errors import ModelError, OptionError
from regard.recording.generation import replay
from regard.recording.record import record
from regard.recording.recording import Recording
from regard.surveying.corpus import Chunk
from regard.surveying.rows import Row
from regard.surveying.survey_file import Survey
from regard.surveying.surveyor import Loader, Settings, described
from regard.surveying.tally import Tally
from regard.translation.translator import EMBEDDED


def record_examples(survey: Survey, row: Row, model: str | Path | None = None, *, device: str = "cpu") -> Recording:
    r"""One recorded pass over the highest and the lowest examples of a head, in this order, for the viewer.

    Args:
        survey: where the row is from.
        row: a statistic of a head, with its examples.
        model: the folder of the surveyed model, or its hub name; not needed for the embedded one, nor for one from the hub.
        device: where it runs.

    Returns:
        A recording of one sequence for each example; ``recording.sample(0)`` is the one with the largest value.

    Raises:
        OptionError: the row has no examples.
        ModelError: the model cannot be found, or is not the one that was surveyed.

    Example:
        >>> import tempfile
        >>> from regard.surveying.survey import survey
        >>> corpus = Path(tempfile.mkdtemp()) / "pairs.tsv"
        >>> _ = corpus.write_text("I tripped.\tJ'ai trébuché.\nCan I help?\tPuis-je aider ?\n", encoding="utf-8")
        >>> found = survey(text=str(corpus), examples=1)
        >>> record_examples(found, found.row("encoder", 0, 1, "previous")).sample(0).keys[0]
        '▁Can'
    """
    examples = [*row.highest, *row.lowest]
    if not examples:
        raise OptionError(f"expected a row with examples, got {row.kind} {row.layer}.{row.head}, {row.statistic}, without any")
    about = survey.about["model"]
    name = EMBEDDED if model is None and about["name"] == EMBEDDED.name else model or about["name"]
    limits = survey.about["settings"]["max_tokens"]
    surveyor = Loader(str(name), None, about["dtype"], device, Settings(max_tokens=limits)).load()
    if described(surveyor.model)["fingerprint"] != about["fingerprint"]:
        raise ModelError(f"expected the model that was surveyed, {about['name']}, got another one: {name}; pass its folder")
    items = [(at, (example.text, example.target)) for at, example in enumerate(examples)]
    texts = surveyor.tokenized(Chunk(0, 0, list(items), 0), Tally())
    ids, mask = surveyor.padded([text.ids for text in texts])
    inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
    if surveyor.answers:
        sequences, _ = surveyor.padded([[surveyor.start, *text.answer] for text in texts])
        return replay(surveyor.model, inputs, sequences, ends=sorted(surveyor.ends), tokenizer=surveyor.tokenizer)
    with torch.no_grad(), record(surveyor.model, tokenizer=surveyor.tokenizer) as recording:
        surveyor.model(**inputs)
    return recording
