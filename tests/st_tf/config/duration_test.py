"""A duration says its unit; what was written before it did is still read."""

import pytest

from st_tf.config.duration import Duration, epochs, share


@pytest.mark.parametrize(
  ('value', 'expected'),
  [
    ('0.3', share(0.3)),
    ('30%', share(0.3)),
    ('1', share(1.0)),
    ('5ep', epochs(5.0)),
    ('1ep', epochs(1.0)),
    ('0.5ep', epochs(0.5)),
    ('2000it', Duration(2000.0, 'steps')),
    (0.3, share(0.3)),
    (1, share(1.0)),
    (25.0, epochs(25.0)),
    (share(0.2), share(0.2)),
  ],
)
def test_a_duration_is_read(value, expected):
  assert Duration.of(value) == expected


@pytest.mark.parametrize('value', ['5', '130%', 'ep', 'x', 'nan', 'inf', '1.5it', True, None, float('nan'), [0.3]])
def test_what_is_none_is_refused(value):
  with pytest.raises(ValueError):
    Duration.of(value)


@pytest.mark.parametrize(('text', 'steps', 'in_epochs'), [('0.3', 60, 6.0), ('1ep', 10, 1.0), ('2.5ep', 25, 2.5), ('35it', 35, 20.0)])
def test_it_is_so_many_steps_and_epochs(text, steps, in_epochs):
  assert Duration.of(text).steps(200, 10) == steps and Duration.of(text).epochs(20, unknown=20) == in_epochs


@pytest.mark.parametrize('text', ['0.3', '5ep', '1ep', '2000it', '2.5ep', '0.1ep'])
def test_what_is_written_is_read_back(text):
  duration = Duration.of(text)
  assert str(duration) == text and Duration.of(duration.written) == duration and Duration.of(duration.plain) == duration


def test_fingerprints_see_what_they_saw_before_there_were_units():
  assert (share(0.3).plain, epochs(25.0).plain, epochs(1.0).plain) == (0.3, 25.0, '1ep')
