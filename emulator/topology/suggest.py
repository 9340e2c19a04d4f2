"""Words for messages: the user's text made safe to print, and the known word that was probably meant."""

from collections.abc import Iterable

from emulator.topology.elsewhere import AWS_ID, value_hint


def show(text: str) -> str:
    """The user's text in a message: on one line, cut where it is long, control characters visible."""
    cut = text if len(text) <= 60 else text[:57] + "..."
    return "`" + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut) + "`"


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that looks most like this one, or ""."""
    import difflib  # 4 ms that a file without mistakes does not pay

    candidates = list(known)[:500]
    if not word or len(word) > 64:
        return ""
    folded = {candidate.lower(): candidate for candidate in reversed(candidates)}
    found = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """The nearest known word as a hint, else the other hint."""
    if AWS_ID.fullmatch(word):
        return f"{value_hint(word)}; {otherwise}" if otherwise else value_hint(word)
    guess = nearest(word, known)
    return f"did you mean `{guess}`?" if guess else otherwise


def listed(names: Iterable[str], nothing: str = "none") -> str:
    """Names in a sentence, cut where there are many."""
    every = list(names)
    shown = ", ".join(every[:8])
    if len(every) > 8:
        shown += f" and {len(every) - 8} more"
    return shown or nothing
