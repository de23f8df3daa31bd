"""Gradio's theme in the house's greys: neutral, so that they do not tint the picture, with one accent."""

import gradio as gr
from gradio.themes.utils.colors import Color

GREYS = Color(
    c50="#fafafa", c100="#f4f4f4", c200="#e6e6e6", c300="#d2d2d2", c400="#a3a3a3", c500="#757575",
    c600="#5c5c5c", c700="#424242", c800="#2b2b2b", c900="#1e1e1e", c950="#151515", name="clearcut-grey",
)  # fmt: skip
ACCENT = Color(
    c50="#edfaf6", c100="#d3f3e8", c200="#a8e6d2", c300="#6fd3b6", c400="#35b896", c500="#0f9b7a",
    c600="#0a7d63", c700="#096550", c800="#0a5041", c900="#0a4236", c950="#04251f", name="clearcut-green",
)  # fmt: skip


def theme() -> gr.themes.Base:
    """System fonts only: nothing is fetched from elsewhere."""
    fonts = [
        gr.themes.Font(name) for name in ("system-ui", "-apple-system", "Segoe UI", "Noto Sans CJK SC", "sans-serif")
    ]
    return gr.themes.Base(
        primary_hue=ACCENT,
        secondary_hue=ACCENT,
        neutral_hue=GREYS,
        font=fonts,
        font_mono=[gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")],
        radius_size=gr.themes.sizes.radius_md,
    ).set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="*neutral_950",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_shadow="none",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_400",
        button_primary_background_fill_hover_dark="*primary_300",
        button_primary_text_color="white",
        button_primary_text_color_dark="*primary_950",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
    )
