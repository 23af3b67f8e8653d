from __future__ import annotations


def show(*_) -> None: ...
