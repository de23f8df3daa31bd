"""Layers that stay in 32 bits in a network that OpenVINO otherwise runs in bf16 or in 8-bit integers.

Where the terms of a layer's sums nearly cancel, what is left of them is no larger than the error of weights and inputs
that were rounded to bf16: one such layer can cost more than all others together, and biases, which OpenVINO rounds as
well, cost the next most. OpenVINO leaves a node as it is where its own format, an XML file and one of constants, says
so; so a network is written in that and read again.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ...base.process import import_quietly
from ...registry.kept_layers import KeptLayers

MARKS = (
    {"name": "DisablePrecisionConversion", "version": "0", "value": "dynamic:bf16,f16"},
    {"name": "precise", "version": "0"},  # the same for older versions, such as 2025.4
)
CONVOLUTIONS = ("Convolution", "GroupConvolution")
LARGEST = 3e38  # about the largest float32
BARE = "/WithoutBiases"  # what the reader of ONNX adds to the name of a layer, for the node without its bias


def find_convolutions(model: Any) -> dict[str, Any]:
    """The convolutions of an OpenVINO model by the name of their layer, in the order in which they are run."""
    return {name_layer(node): node for node in model.get_ordered_ops() if node.get_type_name() in CONVOLUTIONS}


def name_layer(node: Any) -> str:
    """The name of the layer that a node of an OpenVINO model belongs to."""
    return str(node.get_friendly_name()).removesuffix(BARE)


def keep_in_f32(model: Any, kept: KeptLayers, scratch: Path) -> Any:
    """A copy of `model` with `kept` to be left in 32 bits, and what feeds them, back to the convolutions before.

    So is what other convolutions add as their bias.

    Parameters
    ----------
    kept
        Which layers.
    scratch
        A folder for two files.

    Raises
    ------
    ValueError
        The network has no layer of such a name.
    """
    openvino = import_quietly("openvino")

    nodes, changed = find_nodes(model, find_layers(model, kept)), model.clone()
    for node in changed.get_ordered_ops():
        kind, is_kept = node.get_type_info(), node.get_friendly_name() in nodes
        if is_kept and (kind.name, kind.version_id) == ("Interpolate", "opset11"):
            _replace_interpolation(node)
        elif not is_kept and kind.name in CONVOLUTIONS:
            _part_from_bias(node)
    graph, constants = scratch / "network.xml", scratch / "network.bin"
    openvino.serialize(changed, graph, constants)
    marked = mark_nodes(graph.read_bytes(), nodes)
    return openvino.Core().read_model(marked, openvino.Tensor(np.fromfile(constants, np.uint8)))


def _part_from_bias(node: Any) -> None:
    """Have what is added to a convolution's result added in float32.

    OpenVINO takes it for the layer's bias and rounds it to the type of the result, which is a large part of what bf16
    loses; behind an operation, here one that changes nothing, it is a step of its own.
    """
    operations = import_quietly("openvino").opset13
    for each in node.output(0).get_target_inputs():
        if each.get_node().get_type_name() == "Add":
            each.replace_source_output(operations.clamp(node.output(0), -LARGEST, LARGEST).output(0))


def _replace_interpolation(node: Any) -> None:
    """Put the fourth version of an interpolation in the place of its eleventh.

    OpenVINO would do so when it compiles the network, and lose the mark.
    """
    openvino = import_quietly("openvino")
    from openvino.utils.node_factory import NodeFactory

    constant, rank = openvino.opset13.constant, node.get_output_partial_shape(0).rank.get_length()
    image, target, *axes = node.input_values()
    along = axes[0] if axes else constant(np.arange(rank)).output(0)
    count = along.get_shape()[0]
    facts = node.get_attributes()
    if facts["shape_calculation_mode"] == "sizes":
        targets = [target, constant(np.ones(count, np.float32)).output(0)]
    else:
        targets = [constant(np.ones(count, np.int64)).output(0), target]
    other = NodeFactory("opset4").create("Interpolate", [image, *targets, along], facts)
    other.set_friendly_name(node.get_friendly_name())
    node.output(0).replace(other.output(0))


def find_layers(model: Any, kept: KeptLayers) -> set[str]:
    """The names of all layers of `model` that are `kept`: those that have names, and those that are small."""
    small = {name for name, node in find_convolutions(model).items() if _measure_side(node) <= kept.side}
    return {*kept.layers, *small}


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


def _measure_side(node: Any) -> float:
    """The longer side in pixels of what a convolution makes; endless where it is not known before it runs."""
    shape = node.get_output_partial_shape(0)
    return max(list(node.get_output_shape(0))[2:]) if shape.is_static else float("inf")


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
    """Raise `RuntimeError` where a compiled network does not run `layers`, and what feeds them, in float32."""
    begins = [node for node in compiled.get_runtime_model().get_ops() if set(layers) & set(_list_names(node))]
    if missing := set(layers) - {name for node in begins for name in _list_names(node)}:
        raise RuntimeError(f"not found: {', '.join(sorted(missing))}")
    reached = [*begins, *(node.input_value(0).get_node() for node in begins)]
    seen = set()
    while reached:
        node = reached.pop()
        if node.get_friendly_name() in seen or _read_fact(node, "layerType") == "Const":
            continue
        seen.add(node.get_friendly_name())
        if _read_fact(node, "runtimePrecision") != "f32":
            raise RuntimeError(f"not in 32 bits: {node.get_friendly_name()}")
        if _read_fact(node, "layerType") not in CONVOLUTIONS:
            reached += [each.get_node() for each in node.input_values()]


def _list_names(node: Any) -> list[str]:
    """The names that what is run in this node of a compiled network had before layers were joined."""
    return _read_fact(node, "originalLayersNames").split(",")


def _read_fact(node: Any, name: str) -> str:
    return str(node.get_rt_info()[name].value)
