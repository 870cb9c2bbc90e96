import numpy as np
import pytest

from st_tf.pruning import Mask, rigl


def test_the_share_that_is_exchanged_falls_as_a_cosine():
  assert [rigl.drop_fraction(step, 100) for step in (0, 50, 100, 150)] == pytest.approx([0.3, 0.15, 0, 0])
  assert rigl.drop_fraction(25, 100) == pytest.approx(0.15 * (1 + np.sqrt(0.5)))


def test_an_update_by_hand():
  # Of four living weights (1, 2, 3, 4) half go: 1 and 2. Of the four places that are free then, with gradients (9, -8) where they
  # were and (-7, 6) elsewhere, two grow: the first again, and the second again. With smaller gradients there, the others.
  mask = Mask({'w': np.asarray([True, True, True, True, False, False])})
  sizes = {'w': np.asarray([1.0, 2, 3, 4, 0, 0])}
  again = rigl.exchanged(mask, sizes, {'w': np.asarray([9.0, -8, 100, 100, -7, 6])}, 0.5)
  assert again['w'].tolist() == [True, True, True, True, False, False]
  assert rigl.grown(mask, again, sizes, 0.5)['w'].tolist() == [True, True, False, False, False, False]
  moved = rigl.exchanged(mask, sizes, {'w': np.asarray([1.0, -2, 100, 100, -7, 6])}, 0.5)
  assert moved['w'].tolist() == [False, False, True, True, True, True]
  assert rigl.grown(mask, moved, sizes, 0.5)['w'].tolist() == [False, False, False, False, True, True]


def test_every_layer_keeps_its_count_and_nothing_moves_without_a_share():
  rng = np.random.default_rng(0)
  shapes = {'a': (3, 4), 'b': (50,), 'c': (1, 1)}
  mask = Mask({name: rng.random(shape) < 0.4 for name, shape in shapes.items()})
  sizes, gradients = ({name: rng.random(shape) for name, shape in shapes.items()} for _ in range(2))
  for fraction in (0.0, 0.3, 1.0):
    after = rigl.exchanged(mask, sizes, gradients, fraction)
    assert {name: kept.sum() for name, kept in after.items()} == {name: kept.sum() for name, kept in mask.items()}
    assert fraction > 0 or all((after[name] == mask[name]).all() for name in mask)
  assert any((after[name] != mask[name]).any() for name in mask)
