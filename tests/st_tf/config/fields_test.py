import dataclasses

from absl import flags as absl_flags
import pytest

from st_tf.comparing.options import Options
from st_tf.config import Config, flags
from st_tf.config.fields import ConfigError, checked, shown


@dataclasses.dataclass(frozen=True)
class _Options:
  name: str = 'a'
  count: int = 1
  share: float = 0.5
  steps: tuple[float, ...] = (0.1, 0.25)
  verbose: bool = False
  size: str = dataclasses.field(default='small', metadata={'choices': ('small', 'large')})


FIELDS = {field.name: field for field in dataclasses.fields(_Options)}


@pytest.mark.parametrize(
  ('name', 'value', 'result'),
  [
    ('name', 'b', 'b'),
    ('count', 2, 2),
    ('share', 1, 1.0),
    ('steps', 1, (1.0,)),
    ('steps', [1, 0.5], (1.0, 0.5)),
    ('steps', (), ()),
    ('verbose', True, True),
    ('size', 'large', 'large'),
  ],
)
def test_a_value_takes_the_type_of_its_setting(name, value, result):
  actual = checked(FIELDS[name], value)
  assert actual == result and type(actual) is type(result)


@pytest.mark.parametrize(
  ('name', 'value', 'message'),
  [
    ('name', None, '--name is text. Received: None. Write for example --name=a.'),
    ('count', 2.0, '--count is a whole number. Received: 2.0. Write for example --count=1.'),
    ('share', True, '--share is a number. Received: True. Write for example --share=0.5.'),
    ('steps', [None], '--steps is one number or several. Received: [None]. Write for example --steps=0.1,0.25.'),
    ('verbose', 1, '--verbose is true or false. Received: 1. Write for example --verbose or --noverbose.'),
    ('size', 'larg', "--size is one of small, large. Received: 'larg'. Did you mean large?"),
  ],
)
def test_a_value_of_another_kind_is_refused_with_an_example(name, value, message):
  with pytest.raises(ConfigError) as error:
    checked(FIELDS[name], value)
  assert str(error.value) == message


def test_a_value_is_shown_as_it_is_written():
  assert [shown(value) for value in (True, 3, 0.1, (0.8, 0.9), '')] == ['true', '3', '0.1', '0.8,0.9', '']


@pytest.mark.parametrize(
  ('name', 'written', 'value'),
  [
    ('sparsity', '85%', (0.85,)),
    ('sparsity', '80%, 90 %', (0.8, 0.9)),
    ('sparsity', '80%,0.9', (0.8, 0.9)),
    ('sparsity', ['70%', 0.9], (0.7, 0.9)),
    ('target_macs', '40%', 0.4),
    ('layer_floor', '7%', 0.07),
    ('label_smoothing', '10%', 0.1),
    ('teacher_share', '50%', 0.5),
    ('damping', '5%', 0.05),
    ('minimum_saving', '0.5%', 0.005),
    ('window_overlap', '50%', 0.5),
  ],
)
def test_shares_may_be_percentages(name, written, value):
  assert Config.from_flat({name: written}).flat()[name] == value


@pytest.mark.parametrize(('name', 'written'), [('learning_rate', '5%'), ('sparsity', 'x%'), ('minimum_saving', '%'), ('sparsity', 'nan%')])
def test_what_is_no_share_or_no_number_is_no_percentage(name, written):
  with pytest.raises(ConfigError, match=rf'--{name} is (a number|one number or several)'):
    Config.from_flat({name: written})


def test_a_percentage_is_a_share_on_the_command_line_and_in_comparisons():
  values = absl_flags.FlagValues()
  flags.define(values, [field for field in dataclasses.fields(Options) if field.name == 'sparsities'])
  flags.parse(['compare', '--sparsities=80%,95%'], values)
  assert values['sparsities'].value == (0.8, 0.95) and Options(sparsities='50%').sparsities == (0.5,)
