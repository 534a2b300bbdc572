"""The command, run in this process."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from symfold.apps.command.main import main


def call(*args: str) -> Result:
    """Run the command; an exception other than an exit is a bug of ours."""
    return CliRunner().invoke(main, list(args), catch_exceptions=False)


def printed(*args: str) -> str:
    result = call(*args)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def printed_json(*args: str) -> Any:
    return json.loads(printed(*args, "--json"))
