"""Parts of a ticket; what commands say of forged ones is in `tests/faults/forged_test.py`."""

import numpy as np
import pytest

from st_tf.arch.specs import HeadSpec, SpecError
from st_tf.ticket import fitting
from tests import networks, tiny

HEAD, SHAPE = HeadSpec('classification', 3), (8, 8, 3)
WEIGHTS = {'a/kernel': np.ones((2, 3), np.float32), 'a/seed': np.zeros(2, np.int64)}


def test_masks_of_weights_in_their_shapes_fit():
  fitting.check(tiny.SPECK, HEAD, SHAPE, WEIGHTS, {'a/kernel': np.ones((2, 3), bool)})
  fitting.check(networks.inverted(False), HEAD, SHAPE, WEIGHTS, {})


@pytest.mark.parametrize(
  ('weights', 'masks', 'message'),
  [
    ({'a/kernel': np.array([1, np.nan])}, {}, 'a/kernel has NaN or infinity'),
    (WEIGHTS, {'a/kernel': np.ones((3, 2), bool)}, r'the mask of a/kernel has shape \(3, 2\), and the weight \(2, 3\)'),
    (WEIGHTS, {'b/kernel': np.ones((2, 3), bool)}, 'and the weight no weight'),
    (WEIGHTS, {'a/kernel': np.ones((2, 3), np.uint8)}, 'is uint8, not bool'),
  ],
)
def test_others_are_named(weights, masks, message):
  with pytest.raises(ValueError, match=message):
    fitting.check(tiny.SPECK, HEAD, SHAPE, weights, masks)


@pytest.mark.parametrize('arch', [tiny.SPECK, networks.inverted(False)])
def test_images_that_no_machine_has_room_for_are_refused(arch):
  with pytest.raises(SpecError, match='one image fits into the memory of this machine'):
    fitting.check(arch, HEAD, (10**6, 10**6, 3), WEIGHTS, {})
