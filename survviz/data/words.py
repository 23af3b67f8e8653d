"""Validation errors of pydantic, said in words."""

from __future__ import annotations

from difflib import get_close_matches

from pydantic import BaseModel, ValidationError


def explain_validation(error: ValidationError, where: str, model: type[BaseModel] | None = None) -> str:
    """One line per problem: where it is, what was given, what to do.

    Args:
        where: name of the file.
        model: what was validated; its field names are offered when a name is unknown.
    """
    lines = [f"{where} has {error.error_count()} problem{'s' if error.error_count() > 1 else ''}:"]
    for problem in error.errors(include_url=False):
        place = ".".join(str(part) for part in problem["loc"]) or "file"
        if problem["type"] == "missing":
            text = "is required but not given"
        elif problem["type"] == "extra_forbidden":
            text = f"is not a known name{_hint(problem['loc'], model)}"
        else:
            text = f"{problem['msg'].removeprefix('Value error, ')} ({problem['input']!r} was given)"
            text = text if len(text) < 300 else problem["msg"].removeprefix("Value error, ")
        lines.append(f"  {place}: {text}")
    return "\n".join(lines)


def _hint(location: tuple[int | str, ...], model: type[BaseModel] | None) -> str:
    for part in location[:-1]:
        inner = model.model_fields[part].annotation if model and part in model.model_fields else None
        options = getattr(inner, "__args__", (inner,))
        model = next((kind for kind in options if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
    if model is None:
        return ""
    close = get_close_matches(str(location[-1]), model.model_fields, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; expected one of {', '.join(model.model_fields)}"
