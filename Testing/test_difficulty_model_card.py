"""The model card: every fact a user of a model has to know, on one page without network."""

import re
from dataclasses import replace

from SegQCLib.cli import main
from SegQCLib.difficulty import load_model
from SegQCLib.difficulty.model_card import render_model_card


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.partition("<body>")[2]))


def test_the_card_names_structure_data_licence_error_and_coverage():
    model = load_model("lung-nodule-ct")
    text = words(render_model_card(model))
    reached = model.cross_validation
    for fact in (
        f"{model.id} {model.version}", "27925004", model.data, model.citation, f"{model.patients} patients",
        f"{reached.mae.value:.4f}", f"{100 * reached.coverage:.1f} %", f"{100 * reached.pairs_reaching_mean:.1f} %",
    ):  # fmt: skip
        assert fact in text
    assert "simulated" not in text


def test_the_card_has_a_row_for_each_descriptor_with_its_range():
    model = load_model("lung-nodule-ct")
    page = render_model_card(model)
    for descriptor in model.descriptors:
        assert f"<small>{descriptor.name}</small>" in page


def test_the_card_of_a_model_of_simulated_readers_says_so_first():
    text = words(render_model_card(replace(load_model("lung-nodule-ct"), simulated=True)))
    assert text.index("Fitted on simulated readers or images.") < text.index("What it is for")


def test_the_card_loads_nothing_from_a_network():
    page = render_model_card(load_model("lung-nodule-ct"))
    assert not re.search(r"(src|href)=", page)
    assert "default-src 'none'" in page


def test_the_command_line_writes_the_card(tmp_path):
    assert main(["difficulty", "card", "--model", "lung-nodule-ct-slice", "--out", str(tmp_path / "card.html")]) == 0
    assert "one slice of a lesion" in (tmp_path / "card.html").read_text(encoding="utf-8")
