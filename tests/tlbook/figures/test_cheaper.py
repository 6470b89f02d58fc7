"""What the figure of the chapter on cheaper ways shows, read back from the figure."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_hex

from tlbook import backbones, transfer
from tlbook.figures.cheaper import what_changes

STAYS, TRAINED, ADDED = "#dddddd", "#0072b2", "#e69f00"


def drawn(figure):
    """Colours of the stripes of each row, from left to right and in a box from below upwards."""
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    rows = {name: [] for name in names}
    for patch in axes.patches:
        middle = patch.get_y() + patch.get_height() / 2
        rows[names[round(middle)]].append((patch.get_x(), -patch.get_y(), to_hex(patch.get_facecolor())))
    return {name: [colour for *_, colour in sorted(found)] for name, found in rows.items()}


def test_each_weight_says_whether_it_changes():
    probe = transfer.attach_head(backbones.load("sketchnet", weights=None), 2)
    lora = transfer.attach_head(backbones.load("sketchnet", weights=None), 2)
    layer = lora.get_layer("stage1a_conv")
    layer.trainable = True
    layer.enable_lora(1)
    running = transfer.attach_head(backbones.load("sketchnet", weights=None), 2)
    running.get_layer("stage1a_bn").trainable = True
    ways = {
        "probe": probe,
        "norm": transfer.freeze_all_but(probe, "batch_norm"),
        "running": running,
        "adapter": transfer.add_adapters(probe, ["stage1a_conv"]),
        "lora": lora,
    }
    found = drawn(what_changes(ways))
    body, head = 8 * (1 + 4), [TRAINED] * 2
    assert found["probe"] == [STAYS] * body + head
    assert found["norm"] == [STAYS, TRAINED, TRAINED, STAYS, STAYS] * 8 + head
    assert found["running"] == [STAYS] + [TRAINED] * 4 + [STAYS] * (body - 5) + head
    assert sorted(found["adapter"]) == sorted([STAYS] * body + [ADDED] + head)
    assert found["lora"] == [STAYS, ADDED, ADDED] + [STAYS] * (body - 1) + head


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="what_changes"):
        what_changes({})
