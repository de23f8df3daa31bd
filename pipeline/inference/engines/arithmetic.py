"""Which arithmetic a network is run in on this processor, by what its card says was measured."""

from ...base import machine
from ...registry.cards import Arithmetic, ModelCard, Precision


def find_arithmetic(card: ModelCard, precision: Precision) -> Arithmetic:
    """The coarsest arithmetic measured to keep `precision`, if it is faster on this processor; else ``f32``."""
    if card.arithmetic is None or not machine.has_fast_bf16():
        return "f32"
    return card.arithmetic.fast if precision == "fast" else card.arithmetic.exact
