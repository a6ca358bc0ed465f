"""What is wrong with a configuration file, and where."""

from dataclasses import dataclass

__all__ = ["ConfigurationFault"]


@dataclass(frozen=True, slots=True)
class ConfigurationFault:
    """One thing that is wrong; no secret is in its texts.

    Args:
        line: where it stands, counted from 1; None if it stands nowhere, as a key that is missing at the root.
        path: of which table and key, such as ``cameras[0].url``; "" for the file as a whole.
        text: what is wrong, and what is needed.
    """

    line: int | None
    path: str
    text: str

    def __str__(self) -> str:
        return ": ".join(
            [*((f"line {self.line}",) if self.line else ()), *((self.path,) if self.path else ()), self.text]
        )
