"""Do the hot loops keep their sums in registers? Reads the assembly of the kernels.

A loop that multiplies and adds faster than memory can follow must not write vectors to the stack on
its way; no test of results would notice. This compiles the kernels to assembly and looks at the
innermost loops of those kernels whose sums fit the registers by design. A spill is a store of a
vector to a fixed place on the stack; an array that a loop walks through is none. Fails when one of
them stores more than a vector per eight products, or when there is no such loop.

    python benches/spills.py            (x86-64, under a minute)

Not part of CI: another version of the compiler may choose otherwise, which is no fault of a change.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "target" / "spills"

# What the mangled name of a function contains, as `v0` mangling spells it.
KERNELS = {
    "a batch, AVX-512": "5top_k4tile8meet_512",
    "a batch, AVX2": "5top_k4tile8meet_256",
    "one query, AVX-512": "5top_k6avx5124scan",
    "bytes, a batch, AVX-512": "9quantized3x868meet_512",
    "bytes, a batch, AVX2": "9quantized3x868meet_256",
    "stochastic gradients, 64 factors, AVX-512": "run6avx512.*3sgd4step5VisitKj4_Kb0_",
    "stochastic gradients, 128 factors, AVX-512": "run6avx512.*3sgd4step5VisitKj8_Kb0_",
}
LEAST_PRODUCTS, PRODUCTS_PER_SPILL = 4, 8

LABEL = re.compile(r"^([.\w$]+):")
JUMP = re.compile(r"^\s+j\w+\s+(\.L\w+)")
PRODUCT = re.compile(r"^\s+(vfn?m(?:add|sub)\w+p[sd]|vpdpbusds?|vpmaddubsw)\b.*%[yz]mm")
SPILL = re.compile(r"^\s+v\w+\s+%[xyz]mm\d+,\s*-?\d*\(%r[sb]p\)\s*$")


class Loop(NamedTuple):
    """An innermost loop: how many vector products it has, and how many vectors it puts aside."""

    products: int
    spills: int


def assembly() -> str:
    """The kernels compiled as for release, but for optimization across crates."""
    options = ["lto=off", "codegen-units=1", "symbol-mangling-version=v0"]
    command = ["cargo", "rustc", "--quiet", "--release", "--locked", "--target-dir", str(TARGET)]
    package = ["--package", "penchant-kernels", "--lib"]
    compiler = ["--emit", "asm", *(part for option in options for part in ("-C", option))]
    subprocess.run([*command, *package, "--", *compiler], check=True, cwd=ROOT)  # noqa: S603
    files = TARGET.glob("release/deps/penchant_kernels-*.s")
    return max(files, key=lambda path: path.stat().st_mtime).read_text()


def functions(text: str) -> dict[str, list[str]]:
    """The lines of each function."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        label = LABEL.match(line)
        if label and not label[1].startswith(".L"):
            lines = found.setdefault(label[1], [])
        else:
            lines.append(line)
    return found


def innermost(lines: list[str]) -> Iterator[Loop]:
    """Loops without loops inside that multiply vectors."""
    places = {label[1]: at for at, line in enumerate(lines) if (label := LABEL.match(line))}
    spans = {
        (places[jump[1]], at)
        for at, line in enumerate(lines)
        if (jump := JUMP.match(line)) and places.get(jump[1], at + 1) <= at
    }
    for first, last in sorted(spans):
        others = spans - {(first, last)}
        if any(first <= start and end <= last for start, end in others):
            continue
        body = lines[first : last + 1]
        products = sum(bool(PRODUCT.match(line)) for line in body)
        if products >= LEAST_PRODUCTS:
            yield Loop(products, sum(bool(SPILL.match(line)) for line in body))


def main() -> None:
    """Print a line for each kernel; exit with its name where one spills."""
    bodies = functions(assembly())
    faults = []
    for kernel, pattern in KERNELS.items():
        loops = [
            loop
            for name, lines in bodies.items()
            if re.search(pattern, name)
            for loop in innermost(lines)
        ]
        worst = max(
            loops, key=lambda loop: (loop.spills / loop.products, loop.products), default=None
        )
        if worst is None:
            faults.append(f"{kernel}: no loop found")
            continue
        found = f"{worst.spills} spills in {worst.products} products"
        print(f"{kernel}: {len(loops)} loops, at most {found}")
        if worst.spills * PRODUCTS_PER_SPILL > worst.products:
            faults.append(f"{kernel}: {found}")
    if faults:
        sys.exit("\n".join(["registers do not hold the sums of:", *faults]))


if __name__ == "__main__":
    main()
