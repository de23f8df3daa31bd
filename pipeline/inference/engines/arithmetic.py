"""Which arithmetic a network may be run in on this processor, from what its card says was measured."""

from ...base import machine
from ...registry.catalog import Arithmetic, ModelCard, Precision


def find_arithmetic(card: ModelCard, precision: Precision) -> Arithmetic:
    """The coarsest that was measured to hold `precision`, where this processor gains by it."""
    if card.arithmetic is None or not machine.has_fast_bf16():
        return "f32"
    return card.arithmetic.fast if precision == "fast" else card.arithmetic.exact
