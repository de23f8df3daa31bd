"""Values for walks through every option."""

from typing import Any

from pipeline.options.options import Options


def other_than_default(name: str) -> Any:
    """A value of the field that is not its default."""
    field = Options.model_json_schema()["properties"][name]
    own = {
        "model": "isnet-general-use",
        "keep": "upper,lower",
        "interior": "as-found",
        "canvas": "instagram-square",
        "crop_box": "10,5,90,70",
        "max_kb": 5,
    }
    if name in own:
        return own[name]
    if field.get("type") == "boolean":
        return not field["default"]
    if str(field["default"]).startswith("#"):
        return "#123456"
    if "enum" in field:
        return next(value for value in field["enum"] if value != field["default"])
    return field["minimum"] if field["minimum"] != field["default"] else field["maximum"]


# What else has to be asked for before an option does something.
NEEDED: dict[str, dict[str, Any]] = {
    "trimap_band": {"refine": "trimap"},
    "background": {},
    "background_color": {"background": "color"},
    "background_color_2": {"background": "gradient"},
    "background_angle": {"background": "gradient"},
    "background_fit": {"background": "image", "canvas": "900x300"},
    "background_x": {"background": "image", "canvas": "300x900"},
    "background_y": {"background": "image", "canvas": "900x300"},
    "background_zoom": {"background": "image"},
    "background_blur": {"background": "blur"},
    "shadow_strength": {"shadow": "drop"},
    "shadow_blur": {"shadow": "drop"},
    "shadow_x": {"shadow": "drop"},
    "shadow_y": {"shadow": "drop"},
    "margin": {"crop": True},
    "outline_color": {"outline": 3},
    "quality": {"format": "webp"},
    "max_kb": {"format": "jpeg", "canvas": "300x300"},
    "sheet": {"canvas": "id-cn-1", "background": "color"},
}
# The ball on its wall is one subject without specks, transparency or EXIF, on a background that is not flat; one colour
# of wall is the same everywhere; not every processor has a faster arithmetic.
WITHOUT_EFFECT_HERE = {
    "key",
    "precision",
    "largest",
    "clean",
    "own_alpha",
    "keep_exif",
    "background_x",
    "background_y",
    "background_zoom",
    "trimap_band",
}
