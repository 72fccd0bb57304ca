"""What figures show, in words."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import regard
from regard.figures.alternative_text import alternative_text


def whole(figure):
    return figure if isinstance(figure, Figure) else figure.figure


def test_a_map_is_told_by_its_sides_and_its_largest_cells():
    weights = torch.tensor([[0.1, 0.9], [0.5, 0.5], [1.0, 0.0]])
    told = alternative_text(regard.heatmap(weights, queries=["le", "chat", "</s>"], keys=["the", "cat"], title="one head"))
    assert told.startswith("one head: matrix, 3 rows (queries: le, chat, </s>) by 2 columns (keys: the, cat). Largest: ")
    assert "</s>, the 1; le, cat 0.9;" in told


def test_long_sides_are_told_by_their_ends_and_cells_by_their_places():
    told = alternative_text(regard.heatmap(torch.eye(40)))
    assert "40 rows" in told
    assert "row 0, column 0 1" in told
    assert len(told) < 300


def test_panels_are_counted_and_named():
    told = alternative_text(whole(regard.heads_grid(regard.translate("The cat sat.").recording.cross)))
    assert told.startswith("8 pictures.")
    assert "layer 0, head 0: matrix" in told
    assert told.count("attention weight") == 0  # a colour bar is no picture


def test_lines_points_and_bars():
    figure, (left, middle, right) = plt.subplots(1, 3)
    left.plot([1, 2, 4], [0.5, np.nan, 0.125], label="softmax")
    left.set(xlabel="tokens", ylabel="right", title="recall")
    middle.scatter([1, 2, 3], [1, 2, 3])
    right.bar(["a", "b"], [0.25, 0.75])
    figure.suptitle("Three things")
    told = alternative_text(figure)
    plt.close(figure)
    assert told == (
        "Three things. 3 pictures. recall: right against tokens: softmax from 0.5 at 1 to 0.125 at 4. 3 points. "
        "2 bars from 0.25 to 0.75."
    )


def test_pictures_of_words_say_the_words():
    figure = plt.figure()
    figure.add_subplot().text(0, 0, "chat")
    assert "Texts: chat" in alternative_text(figure)
    plt.close(figure)


@pytest.mark.parametrize(
    "draw", [lambda _: None, lambda axes: axes.imshow(np.zeros((2, 2, 3))), lambda axes: axes.plot([1], [1])]
)
def test_what_has_no_numbers_is_told_all_the_same(draw):
    figure, axes = plt.subplots()
    draw(axes)
    assert alternative_text(figure).endswith(".")
    plt.close(figure)


def test_matrices_without_numbers_have_no_largest_cell():
    figure, axes = plt.subplots()
    axes.imshow(np.full((2, 3), np.nan))
    assert alternative_text(figure) == "Matrix, 2 rows by 3 columns."
    plt.close(figure)


def test_a_grid_of_images_says_its_rows_columns_titles_and_pixels():
    figure, axes = plt.subplots(2, 3)
    for at, ax in enumerate(axes.flat):
        ax.imshow(np.zeros((5, 7, 3)))
        ax.set_title(f"ring\nstep {at}")
    laid = np.zeros((2, 3, 4))
    laid[0, 0, 3] = 0.5
    axes[1, 2].imshow(laid)
    told = alternative_text(figure)
    plt.close(figure)
    assert told.startswith("6 pictures in 2 rows and 3 columns. ring, step 0: an image of 5 by 7 pixels. ring, step 1: ")
    assert told.endswith("ring, step 5: an image of 5 by 7 pixels; colours laid over it, 2 by 3.")


def test_panels_that_fill_no_grid_are_only_counted():
    figure, axes = plt.subplots(2, 2)
    axes[1, 1].set_visible(False)
    for ax in axes.flat:
        ax.imshow(np.zeros((2, 2, 3)))
    assert alternative_text(figure).startswith("3 pictures. An image")
    plt.close(figure)


def test_numbers_with_signs_are_told_by_their_magnitude():
    told = alternative_text(regard.heatmap(torch.tensor([[0.1, -0.75], [0.5, 0.0]])))
    assert told.endswith("Largest in magnitude: 0, 1 -0.75; 1, 0 0.5; 0, 0 0.1.")
