"""What is published: the wheel and the sdist, built, installed and tested away from the source tree.

    python -m tests.release                      the fast tests, on this Python and the newest one that is found
    python -m tests.release --tests tests        all that the default run has
    python -m tests.release --python python3.13  another Python (several times for several)

Both archives are built twice, in a copy of the tree: equal bytes, every file of the package, under 2 MB; the
sdist makes the same wheel. Each Python gets a fresh environment with the wheel and runs the tests in a folder without
the sources. Completion of public names is asked of Jedi (IPython's and many editors' engine) and of Pyright.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
LARGEST = 2_000_000  # bytes of a wheel
QUICK = ("README.md", "tests/test_api.py", "tests/test_extend.py", "tests/test_laws.py", "tests/journeys")
BESIDE = ("tests", "docs", "examples", ".ci", "conftest.py", "pyproject.toml",
          "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE")  # fmt: skip

COMPLETIONS = {  # what is typed -> a name that is offered
    "import symfold as sf\nsf.fo": "fold",
    "import symfold as sf\nsf.mappers.resi": "residual",
    "import symfold as sf\nsf.losses.cro": "cross_entropy",
    "import symfold as sf\nsf.fold(lambda z, f: f(z), sf.layers('f1:3'), sf.tensor('x')).dra": "draw",
    "import symfold as sf\nsf.paths(sf.fold(lambda z, f: f(z), sf.layers('f1:3'), sf.tensor('x'))).poly": "polynomial",
}
TYPED = """
import symfold as sf
net = sf.fold(lambda z, f: f(z) + z, sf.layers("f1:4"), sf.tensor("x"))
net.draw("net.svg")
sf.fit(net, net.init(0), {}, optimizer=sf.adam(0.01)).history
sf.paths(net).polynomial
reveal_type(net)
reveal_type(sf.paths(net))
"""


def run(*command: object, cwd: Path | None = None) -> str:
    """What a command prints; the end of the checks if it fails."""
    print("+", *command, flush=True)
    ended = subprocess.run([str(part) for part in command], cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if ended.returncode:
        raise SystemExit(f"{ended.stdout[-4000:]}\n{command[0]} ended with {ended.returncode}")
    return ended.stdout


def environment(folder: Path, python: str, *packages: object) -> Path:
    """The interpreter of a fresh environment."""
    run(python, "-m", "venv", folder)
    run(folder / "bin/python", "-m", "pip", "install", "-q", *packages)
    return folder / "bin/python"


def copied(names: Sequence[str], target: Path) -> Path:
    """Files and folders of the project, in a folder of their own, without what Python and tools leave in them."""
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "build", ".hypothesis"))
        else:
            target.mkdir(exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def archives(python: Path, source: Path, target: Path) -> tuple[Path, Path]:
    """The wheel and the sdist of a tree."""
    run(python, "-m", "hatchling", "build", "-d", target, cwd=source)
    (wheel,), (sdist,) = target.glob("*.whl"), target.glob("*.tar.gz")
    return wheel, sdist


def built(work: Path) -> Path:
    """The wheel, after all that is said of both archives was checked."""
    python = environment(work / "build", sys.executable, "hatchling")
    source = copied(["symfold", *BESIDE], work / "source")
    wheel, sdist = archives(python, source, work / "first")
    again = archives(python, source, work / "second")
    assert [path.read_bytes() for path in (wheel, sdist)] == [path.read_bytes() for path in again], "not the same bytes twice"
    assert wheel.stat().st_size < LARGEST, f"the wheel has {wheel.stat().st_size} bytes"
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == {str(path.relative_to(source)) for path in (source / "symfold").rglob("*") if path.is_file()}
    with tarfile.open(sdist) as packed:
        packed.extractall(work / "unpacked", filter="data")
    (unpacked,) = (work / "unpacked").iterdir()
    for name in BESIDE:
        assert (unpacked / name).exists(), f"the sdist lacks {name}"
    assert archives(python, unpacked, work / "third")[0].read_bytes() == wheel.read_bytes(), "the sdist makes another wheel"
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB, {len(names)} files", flush=True)
    return wheel


def installed(work: Path, wheel: Path, python: str, tests: Sequence[str]) -> None:
    """The tests in a folder without sources, on the wheel in a fresh environment."""
    version = run(python, "-c", "import platform; print(platform.python_version())").strip()
    executable = environment(work / version, python, f"{wheel}[test]")
    folder = copied(BESIDE, work / f"tests on {version}")
    where = run(executable, "-c", "import symfold; print(symfold.__file__)", cwd=folder).strip()
    assert "site-packages" in where, where
    print(run(executable, "-m", "pytest", "-n", "auto", "-q", *[test for test in tests if (folder / test).exists()], cwd=folder).splitlines()[-1])


def completes(work: Path, wheel: Path) -> None:
    """Editors know the names that are loaded when first used."""
    python = environment(work / "editor", sys.executable, wheel, "jedi", "pyright")
    for typed, name in COMPLETIONS.items():
        asked = f"import jedi; print([found.name for found in jedi.Script({typed!r}).complete()])"
        assert repr(name) in run(python, "-c", asked, cwd=work), typed
    (work / "typed.py").write_text(TYPED)
    read = run(python, "-m", "pyright", "--pythonpath", python, "typed.py", cwd=work)
    assert 'Type of "net" is "Net"' in read and 'is "Paths"' in read and "0 errors" in read, read
    print(f"completion: {len(COMPLETIONS)} by Jedi, Pyright without an error", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.release", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", help="an interpreter (this one and the newest that is found)")
    parser.add_argument("--tests", nargs="+", default=QUICK, help="files and folders of tests")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        wheel = built(work)
        completes(work, wheel)
        for python in given.python or dict.fromkeys([sys.executable, newest()]):
            installed(work, wheel, python, given.tests)


def newest() -> str:
    """The newest Python on the path or among those of pyenv, or else this one."""
    for minor in range(30, sys.version_info.minor, -1):
        name = f"python3.{minor}"
        for found in (shutil.which(name), *Path.home().glob(f".pyenv/versions/*/bin/{name}")):
            # a shim of a Python that is absent exists, and does not run
            if found and subprocess.run([found, "-c", "import venv"], capture_output=True).returncode == 0:
                return str(found)
    return sys.executable


if __name__ == "__main__":
    main()
