"""A control for each field of `Options`, made from what the field itself says: its type, its limits, its group."""

from typing import Any

import gradio as gr

from pipeline import FORMATS, GROUPS, Options, list_canvases, say

LIMITS = ("enum", "minimum", "maximum", "maxLength")
NOT_THE_PAGES = {"model", "keep"}  # these have a place and a look of their own
ON_THE_PICTURE = {"crop_box"}  # which a hand draws there; its control is there for the page's script
PROPERTIES: dict[str, dict[str, Any]] = Options.model_json_schema()["properties"]
FOLDED = [group for group in GROUPS if group != "model"]


def elem_id(name: str) -> str:
    """The id that the control of an option has on the page."""
    return name.replace("_", "-")


def names_of(group: str) -> list[str]:
    """The options of a group, in order."""
    return [name for name, field in PROPERTIES.items() if field["group"] == group and name not in NOT_THE_PAGES]


def control(name: str) -> gr.components.Component:
    """The control of one option, in English."""
    field = PROPERTIES[name]
    how = {"elem_id": elem_id(name), "interactive": True, "value": field["default"], **words(name, "en")}
    if field.get("type") == "boolean":
        return gr.Checkbox(**how)
    if str(field["default"]).startswith("#"):
        return gr.ColorPicker(**how)
    if "enum" in field:
        return gr.Dropdown(filterable=False, **how)
    if "minimum" in field:
        return gr.Slider(field["minimum"], field["maximum"], step=field["step"], buttons=[], **how)
    if name in ON_THE_PICTURE:
        return gr.Textbox(visible="hidden", **how)
    return gr.Dropdown(allow_custom_value=True, **how)


def words(name: str, language: str) -> dict[str, Any]:
    """What a person reads on a control: label, small print and choices."""
    said: dict[str, Any] = {
        "label": say(f"option.{name}.label", language),
        "info": say(f"option.{name}.info", language),
    }
    if name == "canvas":
        said["choices"] = _canvas_choices(language)
    elif "enum" in PROPERTIES[name]:
        said["choices"] = [(say(f"choice.{name}.{value}", language), value) for value in PROPERTIES[name]["enum"]]
    return said


def _canvas_choices(language: str) -> list[tuple[str, str]]:
    own = [("1:1", "1:1"), ("4:5", "4:5"), ("16:9", "16:9"), ("2000 × 2000", "2000x2000")]
    listed = [
        (f"{canvas.get_title(language)} · {canvas.size[0]} × {canvas.size[1]}", name)
        for name, canvas in list_canvases().items()
    ]
    return [(say("choice.canvas.none", language), ""), *own, *listed]


def page_facts(model: str) -> dict[str, Any]:
    """What the page's own script wants to know of the options: their defaults, and what each depends on."""
    return {
        "defaults": Options(model=model).model_dump(mode="json"),
        "when": {name: field["when"] for name, field in PROPERTIES.items() if "when" in field},
        "groups": {name: field["group"] for name, field in PROPERTIES.items()},
        "elements": {name: elem_id(name) for name in PROPERTIES},
        "limits": {name: {key: field[key] for key in LIMITS if key in field} for name, field in PROPERTIES.items()},
        "opaque": [each.name for each in FORMATS.values() if each.is_opaque],
        "bare": [each.name for each in FORMATS.values() if each.is_bare],
        "canvases": {name: canvas.size for name, canvas in list_canvases().items()},
        "canvas_backgrounds": {
            name: canvas.background for name, canvas in list_canvases().items() if canvas.background
        },
    }
