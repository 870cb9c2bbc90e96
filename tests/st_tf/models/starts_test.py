import numpy as np
import pytest
import tf_keras as keras

from st_tf.arch import presets
from st_tf.arch.specs import HeadSpec, SpecError
from st_tf.errors import UserError
from st_tf.models import starts
from st_tf.models.graph import build_graph, read
from tests import networks

RNG = np.random.default_rng(0)
THREE, FOUR = (HeadSpec('classification', outputs) for outputs in (3, 4))
MAPS = HeadSpec('dense', 3)


def network(*before, size=(16, 16), outputs=4, activation='softmax', pool=keras.layers.GlobalAveragePooling2D):
  image = keras.Input((*size, 3), name='image')
  x = image
  for layer in before:
    x = layer(x)
  x = keras.layers.ReLU()(keras.layers.Conv2D(6, 3, 2, name='first')(x))
  x = keras.layers.ReLU(name='maps')(keras.layers.Conv2D(8, 1, name='second')(x))
  return keras.Model(image, keras.layers.Dense(outputs, activation=activation, name='answers')(keras.layers.Dropout(0.1)(pool()(x))))


@pytest.fixture
def saved(tmp_path):
  def save(model, name='model.keras'):
    model.save(tmp_path / name)
    return f'{presets.KERAS}{tmp_path / name}'

  return save


def started(name, head=FOUR, size=(16, 16), weights='', pixels='units', padding=''):
  return starts.start(name, weights, pixels, head, size, padding)


def test_a_head_of_as_many_outputs_stays_and_gives_logits(saved):
  model = network()
  begun = started(saved(model))
  built = build_graph(begun.graph)
  for name, variable in read(built)[1].items():
    variable.assign(begun.values[name])
  images = RNG.normal(size=(2, 16, 16, 3)).astype(np.float32)
  np.testing.assert_allclose(keras.activations.softmax(built(images)), model(images), atol=1e-6)
  assert [node.layer for node in begun.graph.nodes if 'kernel' in node.weights] == ['stem/first', 'second', 'head/classifier']


def test_a_head_of_other_outputs_is_replaced(saved):
  begun = started(saved(network()), THREE)
  assert begun.graph[begun.graph.outputs[0]].shape == (3,) and 'head/classifier/kernel' not in begun.values
  assert {'stem/first/kernel', 'second/kernel', 'second/bias'} <= set(begun.values)


@pytest.mark.parametrize('end', [keras.layers.Softmax, lambda: keras.layers.Activation('softmax')])
def test_a_last_layer_that_is_no_more_than_a_softmax_goes(saved, end):
  model = network(activation=None)
  begun = started(saved(keras.Model(model.input, end()(model.output))))
  assert begun.graph.outputs == ('head/classifier',)


def test_images_of_another_size_are_read_where_the_network_can(saved):
  assert started(saved(network()), size=(24, 20)).graph.nodes[0].shape == (24, 20, 3)
  assert started(saved(network(size=(None, None))), size=(24, 20)).graph['maps'].shape == (11, 9, 8)
  with pytest.raises(SpecError, match='size that every layer can read'):
    weights = network(pool=keras.layers.Flatten)
    image = keras.Input((16, 16, 3))
    reshaped = keras.layers.Reshape((16 * 16, 3))(image)
    started(saved(keras.Model(image, weights(keras.layers.Reshape((16, 16, 3))(reshaped)))), size=(24, 20))


def test_a_flattened_end_is_pooled_under_a_new_head(saved):
  begun = started(saved(network(pool=keras.layers.Flatten)), THREE, size=(20, 20))
  assert begun.graph['head/pool'].inputs == ('maps',)


def test_without_weights_all_begins_at_random(saved):
  assert started(saved(network()), weights='none').values == {}


def test_a_file_that_changes_is_read_again(saved, tmp_path):
  name = saved(network())
  before = started(name).values['second/bias']
  changed = network()
  changed.get_layer('second').bias.assign(np.arange(8))
  saved(changed)
  assert not before.any() and started(name).values['second/bias'].tolist() == list(range(8))


@pytest.mark.parametrize('first', [keras.layers.Rescaling(1 / 127.5, -1), keras.layers.Normalization(mean=[1.0] * 3, variance=[2.0] * 3)])
def test_a_network_that_brings_pixels_to_scale_wants_bytes(saved, first):
  begun = started(saved(network(first)), pixels='')
  assert begun.mean == (0, 0, 0) and begun.deviation == (1 / 255,) * 3


def test_one_that_does_not_say_is_asked(saved):
  with pytest.raises(SpecError, match=r'by --pixels what it was trained on .*signed: -1 to 1.* Received: none for .*model.keras'):
    started(saved(network()), pixels='')


@pytest.mark.parametrize(
  'model, head, message',
  [
    (lambda: keras.Sequential([keras.layers.Flatten(input_shape=(4, 4, 3)), keras.layers.Dense(5)]), THREE, None),
    (lambda: keras.Sequential([keras.layers.Dense(5, input_shape=(4,)), keras.layers.Dense(5)]), THREE, 'pools or flattens maps'),
  ],
)
def test_what_is_no_classifier_is_refused(saved, model, head, message):
  if message is None:
    assert started(saved(model()), head, (4, 4)).graph.outputs == ('head/classifier',)
  else:
    with pytest.raises(SpecError, match=message):
      started(saved(model()), head)


def test_a_file_that_is_not_there_is_told_before_anything_is_read():
  with pytest.raises(SpecError, match='--supernet=keras:FILE names a file that is there. Received: gone.keras'):
    presets.check('keras:gone.keras')


@pytest.fixture
def phone(saved):
  """A network that only its padding keeps from running sparsely."""
  image = keras.Input((16, 16, 3), name='image')
  x = keras.layers.Conv2D(4, 3, 2, 'same', name='first')(image)
  x = keras.layers.ReLU()(keras.layers.Conv2D(6, 1, name='expand')(x))
  x = keras.layers.DepthwiseConv2D(3, 2, 'same', name='deep')(x)
  return saved(keras.Model(image, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(x))))


@pytest.mark.parametrize(
  'padding, sides, notes',
  [
    ('', (3, 3), ('padding on one side is made symmetric for sparse inference, training takes it up: stem/first, deep',)),
    (
      'exact',
      (3, 5),
      (
        'padding on one side is made symmetric by larger kernels, the function stays: deep',
        'padding on one side is made symmetric for sparse inference, training takes it up: stem/first',
      ),
    ),
    ('kept', (3, 3), ('padding on one side stays, as --padding=kept says: stem/first, deep',)),
  ],
)
def test_padding_is_what_is_asked_for_and_said(phone, padding, sides, notes):
  begun = started(phone, padding=padding)
  kernels = begun.graph['stem/first'].weights['kernel'], begun.graph['deep'].weights['depthwise_kernel']
  assert tuple(kernel[0] for kernel in kernels) == sides and begun.notes == notes
  assert begun.values['deep/depthwise_kernel'].shape == kernels[1]
  assert bool(starts.paddings.one_sided(begun.graph)) == (padding == 'kept')


def test_padding_stays_where_it_is_not_what_prevents_sparse_inference(saved):
  model = network(keras.layers.Conv2D(3, 5, 2, 'same', name='large'))
  begun = started(saved(model))
  assert begun.notes == ('padding on one side stays, since stem/large (Conv2D) keeps the network from running sparsely anyway: stem/large',)
  assert begun.graph['stem/large'].config['padding'] == 'same' and not started(saved(network())).notes


@pytest.mark.parametrize(
  'name, weights, pixels, message',
  [
    ('keras:FILE', 'imagenet', '', 'A file of Keras brings its weights. Received: --weights=imagenet and --supernet=keras:FILE'),
    ('tiny', 'imagenet', '', 'of networks that can be trained already. Received: --weights=imagenet and --supernet=tiny. Leave it out'),
    ('tiny', '', 'signed', 'Received: --pixels=signed and --supernet=tiny. Leave it out'),
    ('mobilenet_v2:2', '', '', 'mobilenet_v2 has the widths'),
    ('mobilenet_v9', '', '', "Received: 'mobilenet_v9'. Did you mean mobilenet_v"),
    ('mobilenet_v2', 'gone.h5', '', "Weights of mobilenet_v2 are an .h5 file .* Received: 'gone.h5', which does not exist"),
    ('efficientnet_lite0', 'weights.h5', '', 'Weights of efficientnet_lite0 are an .npz file'),
  ],
)
def test_what_no_run_can_begin_with_is_told_before_data_are_read(name, weights, pixels, message, monkeypatch):
  monkeypatch.setattr(presets, 'check', (lambda name: None) if name == 'keras:FILE' else presets.check)
  with pytest.raises(UserError, match=message):
    starts.check(name, weights, pixels)


@pytest.mark.parametrize(
  'name, weights', [('', 'imagenet'), ('tiny', ''), ('tiny', 'none'), ('mobilenet_v2:0.35', 'none'), ('efficientnet_lite0', 'imagenet')]
)
def test_what_may_be_passes(name, weights):
  starts.check(name, weights, '')


def test_weights_come_to_a_file_or_to_none(monkeypatch, tmp_path):
  monkeypatch.setenv('HOME', str(tmp_path))
  assert starts.located('mobilenet_v2', '', (96, 96)) == 'none' == starts.located('mobilenet_v2', 'none', (96, 96))
  assert starts.located('mobilenet_v2', 'my.h5', (96, 96)) == 'my.h5'
  assert starts.located('keras:model.keras', '', (96, 96)) == ''
  cached = tmp_path / '.keras/models/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96_no_top.h5'
  cached.parent.mkdir(parents=True)
  cached.write_bytes(b'')
  assert starts.located('mobilenet_v2', '', (96, 96)) == str(cached)


def test_for_maps_a_head_over_several_strides_replaces_the_top(saved):
  model = networks.strided()
  begun = started(saved(model), MAPS, (48, 32))
  assert begun.graph[begun.graph.outputs[0]].shape == (12, 8, 3)
  assert {node.layer for node in begun.graph.nodes} & {'last', 'pool', 'answers'} == set()
  fresh = {f'{node.layer}/{name}' for node in begun.graph.nodes for name in node.weights} - set(begun.values)
  assert fresh and all(name.startswith('head/') for name in fresh)
  np.testing.assert_array_equal(begun.values['keep3/expand/kernel'], model.get_layer('keep3/expand').kernel)


def test_a_flattened_end_does_not_bind_maps_to_its_size(saved):
  begun = started(saved(network(pool=keras.layers.Flatten)), MAPS, (24, 24))
  assert begun.graph[begun.graph.outputs[0]].shape == (11, 11, 3)


def with_maps(outputs=3, activation='softmax'):
  model = networks.strided()
  maps = model.get_layer('keep2/add').output
  return keras.Model(model.input, keras.layers.Conv2D(outputs, 1, activation=activation, name='head/mine')(maps))


def test_maps_of_as_many_outputs_stay_and_give_logits(saved):
  model = with_maps()
  begun = started(saved(model), MAPS, (32, 32))
  assert begun.graph.outputs == ('head/classifier',) and 'head/stride4/project' not in begun.graph.by_name
  built = build_graph(begun.graph)
  for name, variable in read(built)[1].items():
    variable.assign(begun.values[name])
  images = RNG.normal(size=(2, 32, 32, 3)).astype(np.float32)
  np.testing.assert_allclose(keras.activations.softmax(built(images)), model(images), atol=1e-6)


def test_maps_of_other_outputs_are_a_body_like_any_other(saved):
  # Its layers may be called like ours: a network that was drawn here can be the start of another.
  begun = started(saved(with_maps(8, None)), MAPS, (32, 32))
  assert begun.graph['head/stride8/project'].inputs == ('body/head/mine',) and 'body/head/mine/kernel' in begun.values
  assert begun.graph[begun.graph.outputs[0]].shape == (8, 8, 3)
