"""Layers that stay in 32 bits in a network that OpenVINO otherwise runs in bf16 or in 8-bit integers.

Where the terms of a layer's sums nearly cancel, what is left of them is no larger than the error of weights and inputs
that were rounded to bf16: one such layer can cost more than all others together. OpenVINO leaves a node as it is where
its own format, an XML file and one of constants, says so; so a network is written in that and read again.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ...base.process import import_quietly

MARKS = (
    {"name": "DisablePrecisionConversion", "version": "0", "value": "dynamic:bf16,f16"},
    {"name": "precise", "version": "0"},  # the same before OpenVINO 2026.2
)
CONVOLUTIONS = ("Convolution", "GroupConvolution")
BARE = "/WithoutBiases"  # what the reader of ONNX adds to the name of a layer, for the node without its bias


def find_convolutions(model: Any) -> dict[str, Any]:
    """The convolutions of an OpenVINO model by the name of their layer, in the order in which they are run."""
    return {name_layer(node): node for node in model.get_ordered_ops() if node.get_type_name() in CONVOLUTIONS}


def name_layer(node: Any) -> str:
    """The name of the layer that a node of an OpenVINO model belongs to."""
    return str(node.get_friendly_name()).removesuffix(BARE)


def keep_in_f32(model: Any, layers: Collection[str], scratch: Path) -> Any:
    """`model`, with `layers` to be left in 32 bits, and what feeds them as well, back to the convolutions before.

    Parameters
    ----------
    layers
        Names of nodes of the weight file.
    scratch
        A folder for two files.

    Raises
    ------
    ValueError
        The network has no layer of such a name.
    """
    openvino = import_quietly("openvino")

    graph, constants = scratch / "network.xml", scratch / "network.bin"
    openvino.serialize(model, graph, constants)
    marked = mark_nodes(graph.read_bytes(), find_nodes(model, layers))
    return openvino.Core().read_model(marked, openvino.Tensor(np.fromfile(constants, np.uint8)))


def find_nodes(model: Any, layers: Collection[str]) -> set[str]:
    """Names of the nodes that are `layers`, and of those between the convolutions before and them, these included."""
    nodes = [node for node in model.get_ops() if name_layer(node) in layers]
    if missing := set(layers) - {name_layer(node) for node in nodes}:
        raise ValueError(f"no layer {', '.join(sorted(missing))}")
    found = {node.get_friendly_name() for node in nodes}
    reached = [node.input_value(0).get_node() for node in nodes if node.get_type_name() in CONVOLUTIONS]
    while reached:
        node = reached.pop()
        if node.get_friendly_name() not in found:
            found.add(node.get_friendly_name())
            reached += [] if node.get_type_name() in CONVOLUTIONS else _list_sources(node)
    return found


def _list_sources(node: Any) -> list[Any]:
    """The nodes of floats that `node` is fed by, but for constants."""
    sources = [each.get_node() for each in node.input_values()]
    return [
        each for each in sources if each.get_type_name() != "Constant" and each.get_output_element_type(0).is_real()
    ]


def mark_nodes(graph: bytes, nodes: Collection[str]) -> bytes:
    """A graph in OpenVINO's XML in which the precision of `nodes` is kept."""
    root = ElementTree.fromstring(graph)
    for layer in root.iter("layer"):
        if layer.get("name") in nodes:
            facts = layer.find("rt_info")
            if facts is None:
                facts = ElementTree.SubElement(layer, "rt_info")
            for mark in MARKS:
                ElementTree.SubElement(facts, "attribute", mark)
    return ElementTree.tostring(root)


def require_f32(compiled: Any, layers: Collection[str]) -> None:
    """Raise `RuntimeError` where a compiled network runs one of `layers` in another arithmetic than float32."""
    found = {name for node in _list_compiled(compiled) if node["runtimePrecision"] == "f32" for name in node["names"]}
    if lost := set(layers) - found:
        raise RuntimeError(f"not in 32 bits: {', '.join(sorted(lost))}")


def _list_compiled(compiled: Any) -> Iterator[dict[str, Any]]:
    for node in compiled.get_runtime_model().get_ops():
        facts = node.get_rt_info()
        names = str(facts["originalLayersNames"].value).split(",")
        yield {"runtimePrecision": facts["runtimePrecision"].value, "names": names}
