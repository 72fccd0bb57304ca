"""The embedded model is the one that was released, or is not used."""

import shutil

import pytest

from regard.cli import main
from regard.errors import ModelError
from regard.translation import EMBEDDED, translator
from regard.translation.checksums import checked_files


def test_the_embedded_model_is_the_released_one(capsys):
    assert set(checked_files(EMBEDDED)) == {path.name for path in EMBEDDED.iterdir() if path.name != "SHA256SUMS"}
    assert main(["verify"]) == 0
    assert "files as they were released" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "SHA256SUMS"])
@pytest.mark.parametrize("harm", ["change", "remove"])
def test_another_one_is_refused_by_the_command_and_when_it_is_loaded(name, harm, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "model"
    shutil.copytree(EMBEDDED, folder)
    if harm == "remove":
        (folder / name).unlink()
    else:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)
    with pytest.raises(ModelError, match="as it was released, got .*install Regard again"):
        checked_files(folder)
    monkeypatch.setattr("regard.cli.verifying.EMBEDDED", folder)
    assert main(["verify"]) == 1
    assert "as it was released" in capsys.readouterr().err
    monkeypatch.setattr(translator, "EMBEDDED", folder)
    monkeypatch.setattr(translator, "_kept", {})
    with pytest.raises(ModelError, match="as it was released"):
        translator.load_translator()
