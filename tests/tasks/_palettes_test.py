import pathlib

import numpy as np
import pytest

from st_tf.task import TaskError
from tasks._palettes import Palettes, used

FIRST, SECOND = pathlib.Path('first.png'), pathlib.Path('second.png')


def test_only_numbers_that_occur_and_have_a_colour_count():
  assert used(np.asarray([4, 0, 1, 7]), [0, 0, 0, 1, 2, 3, 4, 5, 6]) == {0: (0, 0, 0), 2: (4, 5, 6)}
  assert used(np.asarray([4, 1]), None) == {}


def test_a_second_colour_of_a_number_is_refused_with_the_mask_that_showed_the_first():
  palettes = Palettes()
  palettes.add(FIRST, {0: (0, 0, 0), 1: (255, 0, 0)})
  palettes.add(SECOND, {0: (0, 0, 0), 2: (255, 0, 0)})
  with pytest.raises(
    TaskError, match=r'one colour\. Received: number 1 is \(255, 0, 0\) in first\.png and \(0, 0, 255\) in third\.png\. Save the numbers'
  ):
    palettes.add(pathlib.Path('third.png'), {1: (0, 0, 255)})
