import pathlib

import numpy as np
import pytest

from st_tf.task import TaskError
from tasks import _palettes
from tasks._palettes import Palettes, used

FIRST, SECOND = pathlib.Path('first.png'), pathlib.Path('second.png')


def test_only_numbers_that_occur_and_have_a_colour_count():
  assert used([0, 2, 3], [0, 0, 0, 1, 2, 3, 4, 5, 6]) == {0: (0, 0, 0), 2: (4, 5, 6)}
  assert used([0, 1], None) == {}


def test_a_second_colour_of_a_number_is_refused_with_the_mask_that_showed_the_first():
  palettes = Palettes()
  palettes.add(FIRST, {0: (0, 0, 0), 1: (255, 0, 0)})
  palettes.add(SECOND, {0: (0, 0, 0), 2: (255, 0, 0)})
  with pytest.raises(
    TaskError, match=r'one colour\. Received: number 1 is \(255, 0, 0\) in first\.png and \(0, 0, 255\) in third\.png\. Save the numbers'
  ):
    palettes.add(pathlib.Path('third.png'), {1: (0, 0, 255)})


def test_vocs_colours_are_those_of_its_own_kit():
  # Background, aeroplane, bicycle, person, tvmonitor and void, as VOC's own pictures have them.
  for number, colour in {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 15: (192, 128, 128), 20: (0, 64, 128), 255: (224, 224, 192)}.items():
    assert _palettes.unpacked(int(_palettes.VOC[number])) == colour
  assert len(set(_palettes.VOC.tolist())) == 256


def test_a_palette_is_vocs_where_a_colour_says_so():
  assert _palettes.is_voc({0: (0, 0, 0), 15: (192, 128, 128), 255: (224, 224, 192)})
  assert not _palettes.is_voc({0: (0, 0, 0)}) and not _palettes.is_voc({}) and not _palettes.is_voc({0: (0, 0, 0), 1: (255, 0, 0)})


def test_colours_stand_for_numbers():
  packed = np.asarray([[192, 128, 128], [0, 0, 0], [128, 128, 128], [1, 2, 3], [255, 255, 255]]) @ _palettes.PACKED
  assert _palettes.numbers(packed, of_voc=True).tolist() == [15, 0, 7, -1, -1]
  assert _palettes.numbers(packed, of_voc=False).tolist() == [-1, 0, 128, -1, 255]
  assert _palettes.is_grey(0x808080) and not _palettes.is_grey(0x808081)


def test_a_colour_that_is_not_vocs_is_refused_with_its_mask():
  _palettes.check_voc([(FIRST, [0, 0x800000])])
  with pytest.raises(TaskError, match=r'those of Pascal VOC, .* Received: \(255, 0, 0\) in second\.png\. Write the number'):
    _palettes.check_voc([(FIRST, [0]), (SECOND, [0, 0xFF0000])])
