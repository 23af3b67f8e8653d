"""What attacks really find out, each beside a positive control that it has to catch."""

from __future__ import annotations

from pages.components.privacy_results import missing, result


def show() -> None:
    """The audits."""
    if result("privacy_audits") is None:
        missing("privacy_audits", "Attacks on the trained models are")


def sentences() -> tuple[str, ...]:
    """Every audit in one sentence, for the statement."""
    return ()
