"""Guest lists made up for tests and benchmarks: the same every time, Israeli mobile numbers that are valid."""

from __future__ import annotations

import csv
import random
from pathlib import Path

FIRST = ["דנה", "אורי", "Zoë", "Noël", "آلاء", "三浦", "Heather", "Ravi", "נועם", "María"]
LAST = ["לוי", "כהן", "van der Berg", "Lejeune", "زلاطيمو", "直子", "Lee", "Tata", "O'Neil", "García"]
HEADER = ["Full Name", "Mobile No.", "Party of", "Side", "Table No."]


def rows(count: int, seed: int = 7) -> list[list[str]]:
    """`count` guests, no two with one number (up to 790,000 of them)."""
    chance = random.Random(seed)
    numbers = chance.sample(range(2_000_000, 2_790_000), count)
    return [
        [
            f"{chance.choice(FIRST)} {chance.choice(LAST)} {index}",
            _written(number, index),
            str(chance.randint(1, 6)),
            chance.choice(["כלה", "חתן"]),
            str(chance.randint(1, 40)),
        ]
        for index, number in enumerate(numbers, 1)
    ]


def _written(number: int, index: int) -> str:
    """A number of +972 50 in one of the usual ways."""
    text = f"{number:07d}"
    ways = [f"+97250{text}", f"050-{text[:3]}-{text[3:]}", f"+972 50-{text}", f"0097250{text}"]
    return ways[index % len(ways)]


def write_csv(path: Path, count: int, seed: int = 7) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows(count, seed))
    return path


def write_xlsx(path: Path, count: int, seed: int = 7) -> Path:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Guests")
    sheet.append(HEADER)
    for row in rows(count, seed):
        sheet.append(row)
    book.save(path)
    return path
