"""What `python -m benchmarks` measures, and how it writes it down. Accuracy only: no test asserts a time."""

import csv
import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import batch, fidelity, machine, serve, speed, table
from benchmarks.__main__ import main
from benchmarks.edges import pictures
from benchmarks.errors import Scores, connectivity_error, edge_band, errors, gradient_error, roughness
from benchmarks.folders import pairs
from benchmarks.peers import Spent
from benchmarks.speed import Line
from benchmarks.table import COLUMNS, Row
from pipeline.edges.foreground import estimate_foreground
from pipeline.pixels.measures import measure_iou
from tests import house
from tests.machines import OnMachine
from tests.pictures import Composite, composite

HIGHER = ("max-F", "weighted F", "IoU")


def square(shape: tuple[int, int], rows: slice, columns: slice) -> np.ndarray:
    alpha = np.zeros(shape, np.uint8)
    alpha[rows, columns] = 255
    return alpha


def save(folder: Path, name: str, rgb: np.ndarray, alpha: np.ndarray) -> None:
    for part, pixels, suffix in (("images", rgb, "bmp"), ("masks", alpha, "png")):
        (folder / part).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / part / f"{name}.{suffix}")


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A folder of two composites with their truth."""
    for seed in range(2):
        it = composite(320, 240, seed=seed)
        save(tmp_path / "balls", f"ball{seed}", it.rgb, it.alpha)
    return tmp_path / "balls"


# ---- measures --------------------------------------------------------------------------------------------------------


def test_the_truth_is_without_error():
    alpha = composite(200, 150).alpha
    found = errors(alpha, alpha)
    assert found.pop("IoU") == 1
    assert list(found.values()) == pytest.approx([0] * 6, abs=1e-6)


def test_the_opposite_of_the_truth_is_all_error():
    alpha = np.where(composite(200, 150).alpha > 127, np.uint8(255), np.uint8(0))
    found = errors(255 - alpha, alpha)
    assert (found["MAE"], found["MSE"], found["edge band"]) == pytest.approx((1000, 1000, 1000))
    assert found["IoU"] == 0 and found["SAD"] == pytest.approx(alpha.size / 1000)


def test_a_square_moved_by_a_fifth_of_its_side_has_the_errors_of_the_two_strips():
    truth = square((40, 50), slice(10, 30), slice(10, 30))
    moved = square((40, 50), slice(10, 30), slice(14, 34))
    found = errors(moved, truth)
    assert found["IoU"] == pytest.approx(16 / 24)
    assert found["SAD"] == pytest.approx(2 * 4 * 20 / 1000)
    assert found["MAE"] == found["MSE"] == pytest.approx(1000 * 160 / 2000)


def test_half_of_the_opacity_is_half_of_the_mae_and_a_quarter_of_the_mse():
    truth = np.full((10, 10), 255, np.uint8)
    found = errors(np.full_like(truth, 51), truth)
    assert (found["MAE"], found["MSE"]) == pytest.approx((800, 640))


def test_two_empty_mattes_agree():
    empty = np.zeros((5, 5), bool)
    assert measure_iou(empty, empty) == 1 and measure_iou(empty, ~empty) == 0
    assert errors(np.zeros((5, 5), np.uint8), np.zeros((5, 5), np.uint8))["IoU"] == 1


def test_a_constant_offset_has_no_gradient_error_and_a_blurred_edge_has():
    ramp = np.tile(np.linspace(0.2, 0.5, 100, dtype=np.float32), (50, 1))
    step = np.float32(np.arange(100)[None] > 50).repeat(50, 0)
    assert gradient_error(ramp + np.float32(0.1), ramp) == pytest.approx(0, abs=1e-6)
    assert gradient_error(step * 0.5, step) > 0.01


def test_an_island_is_a_connectivity_error_and_a_faint_one_is_not():
    wanted = np.zeros((40, 40), np.float32)
    wanted[10:30, 10:30] = 1
    island, faint = wanted.copy(), wanted.copy()
    island[2:5, 2:5], faint[2:5, 2:5] = 1, 0.1
    assert connectivity_error(island, wanted) == pytest.approx(9 / 1000)
    assert connectivity_error(faint, wanted) == 0


def test_the_edge_band_holds_what_is_soft_and_leaves_out_what_is_far():
    it = composite(400, 300)
    band = edge_band(it.alpha)
    assert band[(it.alpha > 5) & (it.alpha < 250)].all()
    assert not band[150, 200] and not band[:10].any()


def test_a_straight_edge_has_no_roughness_and_a_wave_has_that_of_its_height():
    x, y = np.meshgrid(np.arange(400), np.arange(80))
    straight = np.clip(40.3 - y, 0, 1)
    wave = np.clip(40.3 + 0.5 * np.sin(2 * np.pi * x / 6) - y, 0, 1)
    assert roughness(np.uint8(straight * 255)) == pytest.approx(0, abs=1e-3)
    assert roughness(np.uint8(wave * 255)) == pytest.approx(0.5 * 2 / np.pi, rel=0.1)


def test_a_staircase_is_rougher_than_the_soft_edge_that_it_was_cut_from():
    alpha = composite(640, 480).alpha
    assert roughness(np.uint8(alpha > 127) * 255) > 2 * roughness(alpha)


def test_specks_and_empty_mattes_have_no_outline():
    assert np.isnan(roughness(np.zeros((50, 50), np.uint8)))
    assert np.isnan(roughness(square((50, 50), slice(10, 13), slice(10, 13))))


def test_a_matte_of_another_size_than_its_truth_is_refused():
    pytest.importorskip("py_sod_metrics")
    with pytest.raises(ValueError, match=r"\(5, 6\)"):
        Scores().add(np.zeros((5, 6), np.uint8), np.zeros((6, 5), np.uint8))


def test_scores_are_means_over_pictures_and_best_for_the_truth():
    pytest.importorskip("py_sod_metrics")
    truth = square((60, 60), slice(15, 45), slice(15, 45))
    moved = square((60, 60), slice(15, 45), slice(21, 51))
    perfect, both = Scores(), Scores()
    perfect.add(truth, truth)
    both.add(truth, truth)
    both.add(moved, truth)
    best = perfect.means()
    assert [best[name] for name in HIGHER] == pytest.approx([1, 1, 1])
    assert {value for name, value in best.items() if name not in HIGHER} == {0}
    means = both.means()
    assert means["IoU"] == pytest.approx((1 + 24 / 36) / 2)
    assert means["max-F"] == pytest.approx((1 + 24 / 30) / 2)  # precision and recall of a moved copy are equal
    assert means["weighted F"] < 1


# ---- what a person sees ----------------------------------------------------------------------------------------------


def cutout_of(it: Composite, alpha: np.ndarray) -> np.ndarray:
    return np.dstack([it.subject, alpha])


def test_the_true_cutout_has_nothing_to_see():
    it = composite(400, 300)
    found = fidelity.compare(np.dstack([estimate_foreground(it.rgb, it.alpha), it.alpha]), it.rgb, it.alpha)
    assert found.pop("IoU") == 1
    assert set(found.values()) == {0}


def test_what_shines_through_inside_is_seen_there_and_nowhere_else():
    it = composite(400, 300)
    hole = it.alpha.copy()
    hole[140:160, 190:210] = 51
    found = fidelity.compare(cutout_of(it, hole), it.rgb, it.alpha)
    inside = (it.alpha == 255) & ~edge_band(it.alpha, fidelity.REACH)
    share = 100 * 400 / np.count_nonzero(inside)
    assert found["see-through %"] == pytest.approx(share) and found["lost inside %"] == pytest.approx(0.8 * share)
    assert found["hazy %"] == 0


def test_haze_beside_the_subject_is_seen_outside_and_not_inside():
    it = composite(400, 300)
    hazy = it.alpha.copy()
    hazy[:20, :50] = 30
    found = fidelity.compare(cutout_of(it, hazy), it.rgb, it.alpha)
    outside = (it.alpha == 0) & ~edge_band(it.alpha, fidelity.REACH)
    assert found["hazy %"] == pytest.approx(100 * 1000 / np.count_nonzero(outside))
    assert (found["see-through %"], found["lost inside %"]) == (0, 0)


def test_an_edge_with_the_background_in_its_colours_is_seen_though_its_alpha_is_true():
    it = composite(400, 300, softness=12)
    mixed = fidelity.compare(np.dstack([it.rgb, it.alpha]), it.rgb, it.alpha)
    clean = fidelity.compare(np.dstack([estimate_foreground(it.rgb, it.alpha), it.alpha]), it.rgb, it.alpha)
    assert mixed["MAE"] == clean["MAE"] == 0
    assert mixed["edge %"] > clean["edge %"] == 0


def test_ways_are_models_with_options_and_a_wrong_one_is_named_before_anything_runs(u2netp, monkeypatch):
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(u2netp.parent))
    plain, refined = fidelity.list_ways("u2netp, u2netp+refine=off+feather=2")
    assert (plain.model, plain.options) == ("u2netp", {})
    assert (refined.model, refined.options) == ("u2netp", {"refine": "off", "feather": "2"})
    with pytest.raises(SystemExit, match=r"u2netp\+feather=much"):
        fidelity.list_ways("u2netp+feather=much")


def test_the_mean_of_what_is_seen_is_over_pictures_and_not_over_folders():
    rows = [
        Row("fur", 1, "one", dict.fromkeys(fidelity.COLUMNS, 1.0)),
        Row("toys", 3, "one", dict.fromkeys(fidelity.COLUMNS, 2.0)),
    ]
    text = fidelity.summary(rows)
    assert "mean of 4 pictures" in text and "| one | 1.8 |" in text


# ---- folders ---------------------------------------------------------------------------------------------------------


def test_pictures_are_paired_with_their_masks_by_stem(tmp_path):
    it = composite(60, 40)
    save(tmp_path, "ball", it.rgb, it.alpha)
    [(path, rgb, truth)] = pictures(tmp_path)
    assert path.name == "ball.bmp" and np.array_equal(rgb, it.rgb) and np.array_equal(truth, it.alpha)


def test_a_folder_without_masks_and_a_photo_without_its_mask_are_named(tmp_path, two):
    with pytest.raises(SystemExit, match="no images/ and masks/"):
        pairs(tmp_path)
    (two / "masks" / "ball1.png").unlink()
    with pytest.raises(SystemExit, match=r"ball1\.bmp"):
        pairs(two)


# ---- written down ----------------------------------------------------------------------------------------------------


def row(folder: str, title: str, pictures: int = 2, **figures: float) -> Row:
    return Row(folder, pictures, title, dict.fromkeys(COLUMNS, 0.5) | figures)


def test_the_summary_weighs_seconds_by_pictures_and_marks_the_best_of_each_folder():
    rows = [
        row("fur", "one", 1, **{"CPU s": 1.0, "MiB": 100, "IoU": 0.8, "MAE": 30}),
        row("fur", "two", 1, **{"CPU s": 2.0, "MiB": 200, "IoU": 0.9, "MAE": 40}),
        row("toys", "one", 3, **{"CPU s": 2.0, "MiB": 150, "IoU": 0.7, "MAE": 50}),
        row("toys", "two", 3, **{"CPU s": 2.0, "MiB": 100, "IoU": 0.6, "MAE": 60}),
    ]
    assert table.summary(rows).splitlines() == [
        "| IoU / MAE × 1000 | CPU s | MiB | fur (1) | toys (3) |",
        "| --- | --: | --: | --: | --: |",
        "| one | 1.75 | 150 | 0.800 / **30.0** | **0.700** / **50.0** |",
        "| two | 2.00 | 200 | **0.900** / 40.0 | 0.600 / 60.0 |",
    ]


def test_every_figure_stands_in_the_details_and_unrounded_in_the_csv(tmp_path):
    rows = [row("fur", "one", IoU=1 / 3), row("toys", "one", roughness=-0.25)]
    text = table.details(rows)
    assert "### fur, 2 pictures" in text and "### toys, 2 pictures" in text
    assert "0.333" in text and "-0.25" in text
    table.write_csv(tmp_path / "table.csv", rows)
    with (tmp_path / "table.csv").open(encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert list(read[0]) == ["folder", "pictures", "model", *COLUMNS]
    assert [float(read[0]["IoU"]), float(read[1]["roughness"])] == [1 / 3, -0.25]


def test_a_ratio_is_times_as_fast_or_a_part_of_the_memory():
    assert [speed.ratio(Line("work", 1, theirs)) for theirs in (4.9, 70, None)] == ["4.90", "70", "–"]
    assert speed.ratio(Line("work", 40, 100, less=True)) == "0.40"


def test_a_line_of_the_speed_table_names_both_sides():
    text = speed.written([Line("memory", 300, 800, "MiB", "rembg i", less=True), Line("work", 0.5, None)])
    assert text.splitlines()[2:] == [
        "| memory | 300 MiB | rembg i 800 MiB | 0.38 |",
        "| work | 0.50 s | rembg – | – |",
    ]


def test_works_take_turns_and_the_first_of_each_does_not_count():
    order: list[str] = []

    def work(name: str) -> speed.Work:
        return lambda: order.append(name) or Spent(len(order), 0, 0)

    spent = speed.all_in_turn({"ours": work("ours"), "theirs": work("theirs")}, runs=2)
    assert order == ["ours", "theirs", "ours", "theirs", "theirs", "ours"]
    assert [each.wall for each in spent["ours"]] == [3, 6]


def test_a_block_is_put_between_its_marks_and_nowhere_else():
    text = "before\n<!-- it -->\nold\n<!-- /it -->\nafter"
    assert machine.replaced(text, "it", "new\n") == "before\n<!-- it -->\nnew\n<!-- /it -->\nafter"
    with pytest.raises(ValueError, match="other"):
        machine.replaced(text, "other", "new")


@pytest.mark.parametrize(
    "name, document",
    [
        ("benchmarks table", "accuracy.md"),
        ("benchmarks fidelity", "accuracy.md"),
        ("benchmarks speed AVX2", "speed.md"),
    ],
)
def test_a_table_is_renewed_where_it_stands_in_the_documents(name: str, document: str, tmp_path, monkeypatch):
    shutil.copytree(machine.DOCS, tmp_path / "docs")
    monkeypatch.setattr(machine, "DOCS", tmp_path / "docs")
    before = {path: path.read_text("utf-8") for path in (tmp_path / "docs").rglob("*.md")}
    machine.into_docs(name, "| new |")
    [changed] = [path for path, text in before.items() if path.read_text("utf-8") != text]
    assert changed.name == document
    assert f"<!-- {name} -->\n| new |\n<!-- /{name} -->" in changed.read_text("utf-8")


def test_a_table_that_stands_nowhere_is_told_of():
    with pytest.raises(ValueError, match="benchmarks nonsense"):
        machine.into_docs("benchmarks nonsense", "")


# ---- for real --------------------------------------------------------------------------------------------------------


def test_a_model_is_measured_on_a_folder_and_written_out(two, tmp_path, u2netp, monkeypatch, capsys):
    pytest.importorskip("py_sod_metrics")
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(u2netp.parent))
    main([str(two), "--models", "u2netp", "--out", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    assert "balls (2)" in printed and "### balls, 2 pictures" in printed
    [read] = csv.DictReader((tmp_path / "out" / "table.csv").open(encoding="utf-8"))
    assert read["model"] == "u2netp" and read["pictures"] == "2"
    assert float(read["IoU"]) > 0.9 and float(read["MiB"]) > 10 and float(read["CPU s"]) > 0
    assert "u2netp" in (tmp_path / "out" / "accuracy.svg").read_text("utf-8")


def test_what_a_person_sees_is_measured_on_files_made_small_enough(tmp_path, u2netp, monkeypatch, capsys):
    monkeypatch.setenv("CLEARCUT_MODELS_DIR", str(u2netp.parent))
    it = composite(1600, 1200)
    save(tmp_path / "balls", "ball", it.rgb, it.alpha)
    main(["fidelity", str(tmp_path / "balls"), "--models", "u2netp", "--out", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    assert "mean of 1 pictures" in printed and "### balls, 1 pictures" in printed
    assert (tmp_path / "out" / "fidelity.md").read_text("utf-8") in printed
    [line] = {line for line in printed.splitlines() if line.startswith("| u2netp")}
    assert float(line.split("|")[6]) > 0.9


def test_a_model_that_is_not_here_is_named_before_anything_runs(two, empty_models, monkeypatch):
    monkeypatch.setattr(table, "default_runtime", house.runtime)
    with pytest.raises(SystemExit, match="u2netp"):
        table.chosen("u2netp")
    assert table.chosen(None) == []


# ---- servers ---------------------------------------------------------------------------------------------------------


def test_a_server_under_load_is_measured_from_an_empty_cache_and_gone_afterwards(
    u2netp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(serve.SIZES, "1 MP", (96, 64))
    main(["serve", "--clients", "1,3", "--pictures", "4", "--runs", "1", "--out", str(tmp_path)])
    text = (tmp_path / "serve.md").read_text("utf-8")
    assert text in capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if "| Clearcut" in line]
    assert [row[1] for row in rows] == ["1", "3"] and [row[6] for row in rows] == ["0", "0"]
    assert all(float(row[2]) > 0 and float(row[7]) > 0 for row in rows)


def test_no_picture_of_a_load_comes_twice() -> None:
    pictures = [*itertools.islice(serve.draw_pictures(Image.fromarray(composite(96, 64).rgb), (48, 32)), 200)]
    assert len(set(pictures)) == 200


# ---- workers ---------------------------------------------------------------------------------------------------------


def test_workers_are_timed_on_every_photo_when_all_have_started(tmp_path: Path, u2netp: Path) -> None:
    photos = batch.make_photos(Image.fromarray(composite(320, 240).rgb), 3, tmp_path)
    run = batch.cut(2, 1, photos, "u2netp")
    assert run.rate > 0 and run.cpu > 0 and run.peak_mb > 0
    assert len(list(tmp_path.glob("*.png"))) == 3


def test_photos_of_a_batch_differ_in_size_and_content(tmp_path: Path) -> None:
    photos = batch.make_photos(Image.fromarray(composite(320, 240).rgb), 7, tmp_path)
    assert len({path.read_bytes() for path in photos}) == 7
    with Image.open(photos[0]) as small, Image.open(photos[5]) as large:
        assert small.width * small.height < 0.4e6 and 11e6 < large.width * large.height < 13e6


def test_numbers_of_workers_are_compared_with_the_same_cores_each(on_machine: OnMachine) -> None:
    on_machine(cores=16)
    assert batch.lay_out([1, 2, 8]) == [(1, 2), (2, 2), (8, 2), (1, 16)]
    on_machine(cores=1)
    assert batch.lay_out([1, 2]) == [(1, 1), (2, 1)]
