"""What is released: one version, an archive that is whole, a wheel of the package alone; workflows that call make."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from check_release import problems, versions

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LEFT_OUT = (".ci/", ".github/", ".pre-commit-config.yaml")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The archive, and the wheel that is built from it."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return out


def tracked():
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("what is tracked is known in a clone only")
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


@pytest.mark.slow
def test_the_archive_has_all_sources_and_nothing_else(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names - {"PKG-INFO"} == {name for name in tracked() if not name.startswith(LEFT_OUT)}


@pytest.mark.slow
def test_the_wheel_has_the_package_and_nothing_else(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode()
    packaged = {name.removeprefix("src/") for name in tracked() if name.startswith("src/")}
    exercises = {name for name in packaged if name.startswith("regard/lessons/exercises/")}
    beside = {name for name in names - packaged if ".dist-info/" not in name}
    assert packaged - names == exercises
    assert len(beside) == 1
    assert next(iter(beside)).endswith(".zip")
    assert "License-Expression: Apache-2.0 AND CC-BY-2.0" in metadata
    assert metadata.count("License-File: ") == 2
    described_as = metadata.partition("\n\n")[2]
    assert "regard.translate(" in described_as
    assert "<img" not in described_as
    assert [link for link in re.findall(r"\]\(([^)]+)\)", described_as) if not link.startswith("https://")] == []


def test_one_version_is_said_everywhere():
    said = versions()
    assert len(set(said.values()) - {"Unreleased"}) == 1, said


@pytest.mark.parametrize(
    ("tag", "wrong"),
    [
        ("v1.2.3", []),
        ("v1.2.4", ["a: expected 1.2.4, got 1.2.3"]),
        ("1.2.3", ["expected a tag as v0.2.0, got '1.2.3'"]),
        ("", ["expected a tag as v0.2.0, got ''"]),
    ],
)
def test_a_tag_has_to_be_the_version(tag, wrong):
    assert problems(tag, {"a": "1.2.3"}) == wrong


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("## [Unreleased]\n\n- a\n", "Unreleased"),
        ("## [Unreleased]\n- a\n\n## [0.2.0] - 2026\n", "0.2.0"),
        ("## [1.0.0]\n", "1.0.0"),
    ],
)
def test_of_the_changelog_the_newest_version_counts(text, version, tmp_path):
    (tmp_path / "src" / "regard").mkdir(parents=True)
    (tmp_path / "recipes" / "package" / "conda").mkdir(parents=True)
    for name in ("src/regard/version.py", "CITATION.cff", "recipes/package/conda/recipe.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{text}", encoding="utf-8")
    assert versions(tmp_path)["CHANGELOG.md"] == version


def test_a_file_without_a_version_is_told(tmp_path):
    (tmp_path / "src" / "regard").mkdir(parents=True)
    (tmp_path / "src" / "regard" / "version.py").touch()
    with pytest.raises(ValueError, match="expected a version, got none"):
        versions(tmp_path)


def test_the_recipe_of_conda_needs_what_the_package_needs():
    recipe = yaml.safe_load((ROOT / "recipes" / "package" / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = {"torch": "pytorch", "matplotlib": "matplotlib-base"}

    def conda(requirement):
        name = re.match(r"[\w-]+", requirement)[0]
        return f"{named.get(name, name)} {requirement[len(name) :]}"

    python = f"python {project['project']['requires-python']}"
    assert set(recipe["requirements"]["run"]) == {python, *map(conda, project["project"]["dependencies"])}
    assert set(recipe["requirements"]["host"]) == {python, "pip", *map(conda, project["build-system"]["requires"])}
    assert recipe["about"]["license"] == project["project"]["license"]
    assert recipe["about"]["license_file"] == project["project"]["license-files"]
    assert recipe["about"]["summary"] == project["project"]["description"]
    assert recipe["build"]["python"]["entry_points"] == [f"regard = {project['project']['scripts']['regard']}"]
    for path in recipe["about"]["license_file"]:
        assert (ROOT / "recipes" / "package" / "conda" / recipe["source"]["path"] / path).resolve().exists()


def test_classifiers_are_what_is_tested():
    """Python versions that the table of platforms says were run, and no other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    said = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    table = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
    assert said == re.findall(r"^\| Linux, x86-64, Python (3\.\d+) \| run:", table, re.MULTILINE)


@pytest.mark.slow
def test_the_wheel_runs_as_a_module(built, tmp_path):
    """As ``pipx run --spec WHEEL regard`` has it: the wheel alone, its entry point, and ``python -m regard``."""
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path)  # noqa: S202 - we have just built it
        entry = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
        assert "regard = regard.cli:main" in wheel.read(entry).decode()
    said = subprocess.run(
        [sys.executable, "-m", "regard", "translate", "No."],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Non." in said.stdout


# Workflows


def steps(workflow):
    for job in yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_what_workflows_run_is_a_target_of_the_makefile(workflow):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    targets += [f"compat-{path.stem}" for path in (ROOT / "compat").glob("*.txt")]
    called = [step["run"] for step in steps(workflow) if "run" in step]
    assert called
    for command in called:
        target = re.fullmatch(r'make "?([\w$-]+)"?( [A-Z]+=\S+)?', command)[1]
        if target != "compat-$VERSIONS":
            assert target in targets


def test_versions_of_workflows_are_those_of_compat():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert set(jobs["compat"]["strategy"]["matrix"]["versions"]) == {path.stem for path in (ROOT / "compat").glob("*.txt")}
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"].removeprefix(
        ">="
    )
    assert jobs["test"]["steps"][1]["with"]["python-version"] == oldest


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_do_little_and_use_what_cannot_change(workflow):
    whole = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert whole["permissions"] == {"contents": "read"}
    for step in steps(workflow):
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}
