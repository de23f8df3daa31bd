"""The convolutions of a network that do not bear rounding, which stay in 32 bits where the others are quantised.

The input of each is rounded to the eight significant bits of bf16 by a switch of its own, so that one compiled network
tries them all: together, then in halves of the group that loses most, until it is one layer.
"""

from collections.abc import Sequence
from math import log2
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..base import machine
from ..base.process import import_quietly
from ..base.settings import Settings
from ..inference.networks import find_family
from ..inference.running import kept_layers
from ..registry.cards import ModelCard

LIMIT = 0.5  # grey levels of 255 that rounding one layer may cost, on the mean: as much as the precision exact allows
PICTURES = 4  # at most
SECONDS = 120
ROUNDING = 2.0**16 + 1  # x·r - (x·r - x) has 16 bits less than x: Dekker 1971, https://doi.org/10.1007/BF01397083


class Sensitivity(NamedTuple):
    """What was found.

    Attributes
    ----------
    losses
        Grey levels of 255 that rounding the input of a layer costs, by the layer's name, where that is above `LIMIT`.
    tried, number
        How many convolutions it is known of, and how many there are; fewer where `SECONDS` were over.
    seconds
        The time that it took.
    """

    losses: dict[str, float]
    tried: int
    number: int
    seconds: float


def measure_sensitivity(card: ModelCard, path: Path, pictures: Sequence[np.ndarray], settings: Settings) -> Sensitivity:
    """Look for convolutions of the network at `path` whose rounded inputs change its mattes.

    Parameters
    ----------
    pictures
        Photos ``(H, W, 3)`` uint8. The first of them are used, fewer the slower the network is.
    """
    begun = perf_counter()
    network = RoundedNetwork(card, path, settings)
    if not network.number:
        return Sensitivity({}, 0, 0, 0)
    start = perf_counter()
    mattes = [network.run(pictures[0], ())]
    most = round(SECONDS / 2 / ((perf_counter() - start) * 2 * (1 + log2(network.number))))
    seen = pictures[: max(1, min(PICTURES, most))]
    mattes += [network.run(picture, ()) for picture in seen[1:]]

    def measure_loss(layers: range) -> float:
        rounded = [network.run(picture, layers) for picture in seen]
        return 255 * float(np.mean([np.abs(one - other).mean() for one, other in zip(rounded, mattes, strict=True)]))

    groups = [range(network.number)]  # those that may hold layers that lose much
    costs = {group: measure_loss(group) for group in groups}
    losses = {}
    while (groups := [group for group in groups if costs[group] > LIMIT]) and perf_counter() - begun < SECONDS:
        worst = max(groups, key=lambda group: costs[group])
        groups.remove(worst)
        middle = len(worst) // 2
        if middle:
            halves = worst[:middle], worst[middle:]
            costs.update((half, measure_loss(half)) for half in halves)
            groups += halves
        else:
            losses[network.layers[worst[0]]] = costs[worst]
    tried = network.number - sum(map(len, groups))
    return Sensitivity(losses, tried, network.number, perf_counter() - begun)


class RoundedNetwork:
    """A saliency network in float32 in which the inputs of chosen convolutions are rounded.

    Attributes
    ----------
    layers, number
        The names of its convolutions in the order in which they are run, and how many there are.
    """

    def __init__(self, card: ModelCard, path: Path, settings: Settings) -> None:
        openvino = import_quietly("openvino")

        self._card, self._family = card, find_family(card)
        core = openvino.Core()
        model = core.read_model(path)
        model = openvino.Model([model.output(card.read.outputs[0]).node], model.get_parameters())
        self.layers = _insert_switches(model)
        self.number = len(self.layers)
        threads = settings.threads or machine.count_cores()
        configuration = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        self._request = core.compile_model(model, "CPU", configuration).create_infer_request()

    def run(self, rgb: np.ndarray, layers: Sequence[int]) -> np.ndarray:
        """The matte of a photo, float32 in [0, 1], with the inputs of the `layers`, by position, rounded to bf16."""
        fed = self._family.feed(rgb, self._card)
        switches = np.ones(self.number, np.float32)
        switches[list(layers)] = ROUNDING
        result = self._request.infer([fed.inputs, switches])[0]
        return self._family.read([result], self._card, fed).matte


def _insert_switches(model: Any) -> list[str]:
    """Add an input to `model`, one factor a convolution of float32: 1, or `ROUNDING`. The names of these layers."""
    openvino = import_quietly("openvino")
    operations = openvino.opset13

    convolutions = {
        name: node
        for name, node in kept_layers.find_convolutions(model).items()
        if node.get_input_element_type(0) == openvino.Type.f32
    }
    if not convolutions:
        return []
    switches = operations.parameter([len(convolutions)], np.float32)
    factors = operations.split(switches, 0, len(convolutions))
    for factor, node in zip(factors.outputs(), convolutions.values(), strict=True):
        source = node.input_value(0)
        scaled = operations.multiply(source, factor)
        rounded = operations.subtract(scaled, operations.subtract(scaled, source))
        node.input(0).replace_source_output(rounded.output(0))
    model.add_parameters([switches])
    return list(convolutions)
