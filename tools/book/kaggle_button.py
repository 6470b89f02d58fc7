"""A Sphinx extension: beside the theme's buttons for Colab and Binder, one for Kaggle, which the theme does not have."""

from __future__ import annotations


def add_button(app, pagename, templatename, context, doctree) -> None:
    """Put the button into the theme's group of launch buttons; pages that are no notebook have no such group."""
    for group in context.get("header_buttons", []):
        if group.get("label") == "launch-buttons":
            group["buttons"].append(
                {
                    "type": "link",
                    "text": "Kaggle",
                    "tooltip": "Launch on Kaggle",
                    "icon": "fa-brands fa-kaggle",
                    "url": f"{app.config.kaggle_notebooks}/{pagename}.ipynb",
                }
            )


def setup(app) -> dict:
    app.add_config_value("kaggle_notebooks", "", "html", str)
    app.connect("html-page-context", add_button, priority=510)  # after the theme, which uses 501
    return {"parallel_read_safe": True, "parallel_write_safe": True}
