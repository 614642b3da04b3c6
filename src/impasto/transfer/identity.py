"""The values that have to be equal for a run to continue from a checkpoint: options, inputs and machine, by name."""

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["KINDS", "Identity", "differences"]

Identity = Mapping[str, Mapping[str, Any]]
"""`{kind: {name: value}}`; the values are those of JSON, and hashes for pictures and masks."""

KINDS = {"options": "the option", "inputs": "the input", "machine": "the machine's"}
"""The kinds of an identity, and how a sentence speaks of one of their values."""

SHOWN_DIGITS = 12
"""Digits of a hash that a sentence shows."""


def differences(saved: Identity, started: Identity) -> list[str]:
    """List the differences between the run that saved a checkpoint and the run that is started.

    Args:
        saved: The identity in the checkpoint.
        started: The identity of the run that is started.

    Returns:
        A clause for each difference, with its kind, its name and both values.

    """
    clauses: list[str] = []
    for kind, phrase in KINDS.items():
        saved_values, values = saved.get(kind, {}), json.loads(json.dumps(started.get(kind, {})))
        names = dict.fromkeys((*values, *saved_values))
        clauses += [
            f"{phrase} {name} was {_describe(saved_values.get(name))} and is {_describe(values.get(name))}"
            for name in names
            if saved_values.get(name) != values.get(name)
        ]
    return clauses


def _describe(value: object) -> str:
    """Return a value as people read it: a hash by its first digits, layers and their weights as JSON."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return f"{value[:SHOWN_DIGITS]}…" if re.fullmatch(r"[0-9a-f]{64}", value) else value
    return json.dumps(value)
