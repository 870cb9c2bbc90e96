"""What `wrap` takes, leaves dense and refuses."""

import importlib

import numpy as np
import pytest
from tensorflow_model_optimization.python.core.sparsity.keras import prune
import tf_keras as keras

from st_tf.pruning import Cubic, wrap
from st_tf.pruning.remembering import PruningError
from st_tf.pruning.wrapper import wrappers
from tests.fits import examples, fit, functional, sequential, single

pytestmark = pytest.mark.filterwarnings('ignore:.*stay dense')
SCHEDULE = Cubic(0.8, 0, 10, 2)


class Odd(keras.layers.Dense):
  """One that its settings do not describe."""

  def __init__(self, wanted, **kwargs):
    super().__init__(wanted, **kwargs)


class Seen(keras.Model):
  """A functional model with a step of its own."""

  def train_step(self, data):
    self.was_seen = True
    return super().train_step(data)


class Made(keras.Model):
  """A functional model that only its own code can make."""

  def __init__(self, units):
    inputs = keras.Input([4])
    super().__init__(inputs, keras.layers.Dense(units)(inputs))


class Subclassed(keras.Model):
  """A model without a graph."""

  def __init__(self):
    super().__init__()
    self.dense = keras.layers.Dense(3)

  def call(self, inputs):
    return self.dense(inputs)


@pytest.mark.parametrize('make', [functional, sequential])
def test_wrapping_takes_the_weights_over_and_leaves_the_original_alone(make):
  model = make()
  images = examples()[0].reshape(-1, *model.input_shape[1:])
  before = [value.copy() for value in model.get_weights()]
  wrapped = wrap(model, Cubic(0.8, 0, 10, 2))
  assert np.array_equal(wrapped(images), model(images))
  wrapped.trainable_variables[0].assign_add(wrapped.trainable_variables[0])
  assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights()))


def test_convolutions_and_dense_layers_are_wrapped_and_depthwise_ones_when_asked_for():
  model, schedule = functional(), Cubic(0.8, 0, 10, 2)
  assert [wrapper.layer.name for wrapper in wrappers(wrap(model, schedule))] == ['first', 'second', 'dense']
  every = wrap(model, schedule, skip=lambda layer: layer.name == 'dense')
  assert [wrapper.layer.name for wrapper in wrappers(every)] == ['first', 'depthwise', 'second']
  assert [wrapper.layer.name for wrapper in wrappers(wrap(sequential(), schedule))] == ['first', 'dense']


def test_steps_of_thin_units_are_held_back_when_asked_for():
  for unit_slope in (False, True):
    found = wrappers(wrap(functional(), Cubic(0.8, 0, 10, 2), unit_slope=unit_slope))
    assert found and all(wrapper.unit_slope is unit_slope for wrapper in found)


def test_a_wrapped_model_is_not_wrapped_twice():
  with pytest.raises(ValueError, match='A model is wrapped once. Received: one with pruning wrappers. Apply strip_pruning first'):
    wrap(wrap(functional(), Cubic(0.8, 0, 10, 2)), Cubic(0.8, 0, 10, 2))


def test_a_model_with_a_model_as_a_layer_is_refused_by_its_name():
  inner = functional()
  inputs = keras.Input(inner.input_shape[1:])
  outer = keras.Model(inputs, keras.layers.Dense(2)(inner(inputs)))
  with pytest.raises(ValueError, match=f'The layers of a model are its own. Received: .* with the model {inner.name} as a layer'):
    wrap(outer, Cubic(0.8, 0, 10, 2))


def test_names_of_layers_and_outputs_are_those_of_the_model():
  inputs = keras.Input([4], name='pixels')
  x = keras.layers.Dense(5, name='body')(inputs)
  model = keras.Model(inputs, [keras.layers.Dense(3, name='kind')(x), keras.layers.Dense(1, name='size')(x)])
  wrapped = wrap(model, SCHEDULE)
  assert wrapped.output_names == ['kind', 'size'] and wrapped.input_names == ['pixels']
  for other in (wrapped, prune.strip_pruning(wrapped)):
    assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
    assert [variable.name for variable in other.trainable_variables] == [variable.name for variable in model.trainable_variables]


@pytest.mark.filterwarnings('error')
def test_where_everything_is_pruned_nothing_is_said():
  assert len(wrappers(wrap(single(), SCHEDULE))) == 1


def test_what_stays_dense_is_named_once_with_the_reason():
  inputs = keras.Input([6, 6, 3])
  x = keras.layers.SeparableConv2D(4, 3, name='separable')(inputs)
  x = keras.layers.DepthwiseConv2D(3, name='depthwise')(x)
  x = keras.layers.TimeDistributed(keras.layers.Dense(4), name='distributed')(x)
  x = keras.layers.GRU(3, name='recurrent')(keras.layers.Reshape([4, 4])(x))
  model = keras.Model(inputs, keras.layers.Dense(3, name='head')(keras.layers.Dense(3, name='dense')(x)))
  with pytest.warns(UserWarning, match='these layers stay dense') as found:
    wrapped = wrap(model, SCHEDULE)
  assert [wrapper.name for wrapper in wrappers(wrapped)] == ['separable', 'dense', 'head']
  (told,) = [str(warning.message) for warning in found]
  for part in (
    ' depthwise: depthwise convolutions, which skip leaves out',
    ' distributed: what TimeDistributed applies is a layer inside it',
    ' recurrent: the weights of recurrent layers are not pruned.',
    ' separable: its depthwise_kernel only',
  ):
    assert part in told
  with pytest.warns(UserWarning, match=' dense, head: skip leaves them out.'):
    wrap(model, SCHEDULE, skip=lambda layer: layer.name in ('dense', 'head'))


@pytest.mark.parametrize(
  ('make', 'received'),
  [
    (
      lambda: importlib.import_module('keras').Sequential([importlib.import_module('keras.layers').Dense(3)]),
      'Sequential of Keras 3, another library .*TF_USE_LEGACY_KERAS=1',
    ),
    (lambda: 'model.keras', "'model.keras'. Load it first: tf_keras.models.load_model"),
    (lambda: keras.layers.Dense(3, name='alone'), r'the layer alone \(Dense\)'),
    (lambda: None, 'NoneType. Build one by tf_keras.Model'),
    (Subclassed, 'Subclassed, a model with a call of its own. Build it by keras.Model'),
    (lambda: keras.Sequential([keras.layers.Dense(3)], name='unbuilt'), 'unbuilt, whose input shape is not known yet. Begin it with'),
    (lambda: Made(3), 'Made, which only its own code can make'),
    (lambda: keras.Sequential([keras.Input([4]), Odd(3, name='odd')]), r'odd \(Odd\): .*wanted.* Let get_config'),
    (lambda: keras.Sequential([keras.Input([4]), keras.layers.ReLU()], name='bare'), 'bare, in which there are none'),
    (
      lambda: keras.Sequential([keras.Input([4]), keras.layers.Embedding(3, 2, name='rows')]),
      'sequential.*, in which there are none. rows: rows of an embedding',
    ),
  ],
)
def test_what_is_no_model_that_can_be_wrapped_is_told_apart(make, received):
  with pytest.raises(PruningError, match=f'Received: {received}'):
    wrap(make(), SCHEDULE)


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'schedule': 0.9}, 'A schedule is one of tfmot or of st_tf.pruning. Received: 0.9. Take for example'),
    ({'schedule': Cubic}, 'Received: the class Cubic'),
    ({'schedule': None}, 'Received: None'),
    ({'reactivation': 'soft_treshold'}, "Received: 'soft_treshold'. Did you mean soft_threshold?"),
    ({'reactivation': None}, 'Received: None'),
    ({'reactivation': np.array(['masked', 'masked'])}, r'Received: array\('),
    ({'skip': keras.layers.Dense}, r'Received: <class .*Dense.>\. .*skip=lambda layer: isinstance\(layer, classes\)'),
    ({'skip': lambda layer: layer.nothing}, r'Received: AttributeError \(.*nothing.*\) for dense\. Let it take a layer and return True or'),
    ({'skip': lambda layer: np.zeros(2)}, r'Received: ValueError \(.*ambiguous.*\) for dense'),
    ({'skip': ['dense']}, r"skip is a function of a layer. Received: \['dense'\]. Names of layers go into one"),
    ({'unit_slope': 'yes'}, "unit_slope is True or False. Received: 'yes'"),
  ],
)
def test_options_that_are_none_are_refused(options, message):
  with pytest.raises(PruningError, match=message):
    wrap(single(), **({'schedule': SCHEDULE} | options))


def test_a_sequential_model_may_be_built_by_its_shape():
  model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3, name='dense')])
  model.build([None, 6, 6, 3])
  wrapped = wrap(model, SCHEDULE)
  assert len(wrappers(wrapped)) == 1 and np.array_equal(wrapped(examples()[0]), model(examples()[0]))


def test_a_model_keeps_its_class_and_its_own_step():
  from st_tf.pruning import Regrowth

  inputs = keras.Input([6, 6, 3])
  wrapped = wrap(Seen(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs))), SCHEDULE)
  wrapped.compile('sgd', keras.losses.SparseCategoricalCrossentropy(from_logits=True))
  fit(wrapped, [Regrowth()], epochs=2)
  assert type(wrapped) is Seen and wrapped.was_seen
