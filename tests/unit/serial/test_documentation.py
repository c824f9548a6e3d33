"""docs/serial.md says what the code does."""

from pathlib import Path

from gateway.decode.nmea0183_sentences import SENTENCES

PAGE = Path(__file__).parents[3] / "docs" / "serial.md"


def table():
    """The page's table of sentences, as the code has them."""
    rows = ["| sentence | signal | unit | range |", "| --- | --- | --- | --- |"]
    for message, quantities in SENTENCES.items():
        for each in quantities:
            low = "" if each.minimum is None else f"{each.minimum:g}"
            high = "" if each.maximum is None else f"{each.maximum:g}"
            limits = f"{low} .. {high}".strip() if low or high else ""
            rows.append(f"| {message} | `{each.name}` | {each.unit} | {limits} |")
    return "\n".join(rows) + "\n"


def test_the_table_of_sentences_is_the_codes_own():
    _, _, rest = PAGE.read_text().partition("<!-- sentences -->\n")
    shown, _, _ = rest.partition("<!-- /sentences -->")
    assert shown == table(), f"{PAGE} should have between its two marks:\n{table()}"
