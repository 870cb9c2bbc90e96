import numpy as np
import pytest

from st_tf.arch import presets
from st_tf.arch.specs import HeadSpec, SpecError
from st_tf.errors import UserError
from st_tf.models import build, cost, families, named_variables, padding, starts
from st_tf.search.analysis import analyse
from tests import networks

HEAD = HeadSpec('classification', 10)


@pytest.fixture(scope='module')
def lite0():
  return families.supernet('efficientnet_lite0', HEAD, (96, 96))


def test_lite0_has_the_macs_and_units_that_were_measured(lite0):
  channels = analyse(lite0)
  assert channels.macs() == 70_526_432
  hidden = [group for group in channels.searchable() if group.name.endswith('expand') or group.name == 'stem/conv0']
  assert sum(group.units for group in hidden) == 8960


@pytest.mark.slow
def test_larger_ones_are_larger():
  sizes = [analyse(families.supernet(f'efficientnet_lite{i}', HEAD, (64, 64))).macs() for i in range(5)]
  assert sizes == sorted(set(sizes))


def test_a_run_pads_all_of_it_alike_on_both_sides(lite0):
  strided = [node.layer for node in lite0.nodes if node.config.get('strides') == [2, 2]]
  assert strided == [found.layer for found in padding.one_sided(lite0)] and len(strided) == 5
  begun = starts.start('efficientnet_lite0', 'none', '', HEAD, (96, 96)).graph
  for node in (begun[layer] for layer in strided):
    assert node.config['padding'] == 'valid' and node.inputs == (f'{node.layer}_pad',)
    pads = {pad for pair in begun[f'{node.layer}_pad'].config['padding'] for pad in pair}
    assert pads == {(node.config['kernel_size'][0] - 1) // 2}


def test_published_weights_are_all_of_the_network_but_its_last_layer(lite0, tmp_path):
  tensors = networks.published(lite0)
  np.savez(tmp_path / 'weights.npz', **tensors)
  values = families.weights('efficientnet_lite0', str(tmp_path / 'weights.npz'), lite0)
  variables = named_variables(build(lite0, HEAD, (96, 96, 3)))
  assert set(variables) - set(values) == {'head/classifier/kernel', 'head/classifier/bias', 'head/dropout/calls'}
  assert all(variables[name].shape == value.shape for name, value in values.items())
  kernel = tensors['_blocks.3._project_conv.weight']
  np.testing.assert_array_equal(values['block3/project/kernel'][0, 0], kernel[:, :, 0, 0].T)
  depthwise = tensors['_blocks.3._depthwise_conv.weight']
  np.testing.assert_array_equal(values['block3/depthwise/depthwise_kernel'][1, 2, :, 0], depthwise[:, 0, 1, 2])


def test_weights_of_another_width_are_refused(lite0, tmp_path):
  tensors = networks.published(lite0)
  tensors['_conv_head.weight'] = tensors['_conv_head.weight'][:1000]
  np.savez(tmp_path / 'weights.npz', **tensors)
  with pytest.raises(SpecError, match=r'of another network or width: head/last/kernel is \(1, 1, 320, 1000\), not \(1, 1, 320, 1280\)'):
    families.weights('efficientnet_lite0', str(tmp_path / 'weights.npz'), lite0)


def test_it_has_one_size():
  with pytest.raises(SpecError, match='efficientnet_lite0 has one size. Received: --supernet=efficientnet_lite0:1.4'):
    families.named('efficientnet_lite0:1.4')


@pytest.mark.parametrize('name, content, message', [
  ('gone.npz', None, 'an .npz file with arrays by the names .* Received: .*gone.npz'),
  ('other.npz', {'a': np.zeros(3)}, "which has no '_conv_stem.weight'"),
  ('weights.h5', b'x', 'are an .npz file'),
  ('broken.npz', b'x', 'are an .npz file'),
  ('cut.npz', b'PK\x03\x04cut', r'an .npz file .*cut.npz. \(File is not a zip file'),
  ('folder.npz', 'folder', 'folder.npz., which is a folder'),
])  # fmt: skip
def test_a_file_of_something_else_is_refused(name, content, message, lite0, tmp_path):
  if isinstance(content, bytes):
    (tmp_path / name).write_bytes(content)
  elif content == 'folder':
    (tmp_path / name).mkdir()
  elif content:
    np.savez(tmp_path / name, **content)
  with pytest.raises(SpecError, match=message):
    families.weights('efficientnet_lite0', str(tmp_path / name), lite0)


def test_trained_weights_are_looked_for_where_keras_keeps_them(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path))
  assert families.file_of('efficientnet_lite0', '', (96, 96)) == families.file_of('efficientnet_lite0', 'none', (96, 96)) == ''
  with pytest.raises(
    SpecError,
    match=r'--weights=imagenet reads .*efficientnet_lite0.npz. Received: no such file. Put there an .npz file with arrays.*--weights=FILE',
  ):
    families.file_of('efficientnet_lite0', 'imagenet', (96, 96))
  folder = tmp_path / '.keras' / 'models'
  folder.mkdir(parents=True)
  (folder / 'efficientnet_lite0.npz').write_bytes(b'')
  assert (
    families.file_of('efficientnet_lite0', '', (96, 96))
    == families.file_of('efficientnet_lite0', 'imagenet', (96, 96))
    == str(folder / 'efficientnet_lite0.npz')
  )
  assert families.file_of('efficientnet_lite0', 'my.npz', (96, 96)) == 'my.npz'


def test_names_are_checked_without_building_anything():
  presets.check('efficientnet_lite4')
  with pytest.raises(UserError, match='efficientnet_lite0.*Received: .efficientnet_lite9.*Did you mean efficientnet_lite'):
    presets.check('efficientnet_lite9')


def test_a_head_for_maps_stands_on_the_ends_of_four_strides():
  headed = families.supernet('efficientnet_lite0', HeadSpec('dense', 3), (96, 64))
  projected = {node.name: node.inputs for node in headed.nodes if node.name.startswith('head/stride') and node.name.endswith('project')}
  # The 1,280 channels are for the classifier alone.
  assert projected == {
    'head/stride4/project': ('block2/add',),
    'head/stride8/project': ('block4/add',),
    'head/stride16/project': ('block10/add',),
    'head/stride32/project': ('block15/project_bn',),
  }
  assert headed[headed.outputs[0]].shape == (24, 16, 3) and 'head/last' not in headed.by_name
  channels = analyse(headed)
  assert sum(kernel.macs() for kernel in channels.kernels if kernel.name.startswith('head/')) < 0.12 * channels.macs()


def test_costs_are_those_of_the_built_network(lite0):
  assert analyse(lite0).macs() == cost.of(build(lite0, HEAD, (96, 96, 3))).macs
