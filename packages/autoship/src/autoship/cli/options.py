"""Flags from the table of settings, so that a flag and its variable never tell different things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from autoship.configuration import SETTINGS

C = TypeVar("C", bound=Callable[..., Any])


def setting_options(*names: str) -> Callable[[C], C]:
    """A click option for each setting of ``names``, given to the command as it was written, or None."""

    def decorate(command: C) -> C:
        for setting in reversed(SETTINGS):
            if setting.name in names and setting.flag is not None:
                text = f"{setting.help}  [{setting.variable}; default: {setting.default}]"
                command = click.option(setting.flag, setting.name, metavar=setting.metavar, help=text)(command)
        return command

    return decorate
