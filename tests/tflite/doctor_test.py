"""What the command says."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.errors import UserError
from st_tf.models import padding
from st_tf.models.graph import build_graph, read
from tests import foreign_files
from tests.sparse_graphs import CASES, files
from tflite import doctor
from tflite.deployment import deployment
from tflite.file.encode import encode

BY_NAME = {case.name: case for case in CASES}


@pytest.mark.parametrize(
  ('name', 'code', 'first', 'more'),
  [
    ('residual', 0, 'sparse: 3 of 3 1x1 convolutions skip their zeros (90% of their weights)', ''),
    ('7x7 depthwise', 1, 'dense: none of 2 1x1 convolutions', 'a 7x7 depthwise convolution; use 3x3 or 5x5'),
  ],
)
def test_a_file_is_examined(name, code, first, more, tmp_path, capsys):
  path = tmp_path / 'model.tflite'
  path.write_bytes(next(files(BY_NAME[name])))
  assert doctor.main(['doctor', f'--model={path}']) == code
  shown = capsys.readouterr().out
  assert shown.startswith(first) and more in shown


def test_the_copy_beside_a_ticket_is_said_to_be_one(tmp_path, capsys):
  folder = tmp_path / 'a ticket'
  folder.mkdir()
  (folder / 'model.tflite').write_bytes(next(files(BY_NAME['residual'])))
  doctor.main(['doctor', f'--model={folder / "model.tflite"}'])
  assert capsys.readouterr().out.startswith('sparse: ')
  (folder / 'ticket.json').touch()
  assert doctor.main(['doctor', f'--model={folder / "model.tflite"}']) == 0
  first, second, third, *_ = capsys.readouterr().out.splitlines()
  assert first.startswith(f'{folder}/model.tflite is the unoptimised copy of the network as it was trained')
  assert first.endswith(f"This makes the file to ship: python -m tflite.export --ticket='{folder}' --format=float16")
  assert (second, third.split()[0]) == ('Of the copy:', 'sparse:')


def test_a_ticket_is_examined_as_it_would_be_exported(ticket_folder, capsys):
  assert doctor.main(['doctor', f'--ticket={ticket_folder}']) == 1
  shown = capsys.readouterr().out
  assert shown.startswith('dense: none of') and 'convolution' in shown


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ([], 'Received: neither'),
    (['--model=a', '--ticket=b'], 'Received: both'),
    (['--model=gone.tflite'], r'A \.tflite file is a file that can be read\. Received: gone\.tflite'),
    (['--model=none.tflite'], 'carries the identifier TFL3 in bytes 4 to 8. Received: none.tflite'),
    (['--ticket=gone'], r'A ticket is a folder with ticket\.json'),
  ],
)
def test_what_cannot_be_examined_is_said(arguments, message, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'none.tflite').write_text('not a model')
  with pytest.raises(UserError, match=message):
    doctor.main(['doctor', *arguments])


def test_a_free_batch_is_one_and_a_graph_is_chosen(tmp_path, capsys):
  (tmp_path / 'free.tflite').write_bytes(foreign_files.classifier(shape=(None, 8, 8, 3)))
  assert doctor.main(['doctor', f'--model={tmp_path / "free.tflite"}']) == 1
  shown = capsys.readouterr().out
  assert 'its batch is not fixed, and is taken as 1' in shown and 'has no fixed size' not in shown
  with pytest.raises(UserError, match=r"--signature is one that the file has\. Received: 'x'"):
    doctor.main(['doctor', f'--model={tmp_path / "free.tflite"}', '--signature=x'])
  with pytest.raises(UserError, match=r'--signature is of a file\. Received: --signature=x without --model'):
    doctor.main(['doctor', '--ticket=x', '--signature=x'])


def test_a_graph_without_such_convolutions_has_no_share_of_zeros(tmp_path, capsys):
  (tmp_path / 'none.tflite').write_bytes(encode(lambda x: tf.reduce_mean(x, (1, 2)), (8, 8, 3)))
  assert doctor.main(['doctor', f'--model={tmp_path / "none.tflite"}']) == 1
  assert capsys.readouterr().out.startswith('dense: there is no 1x1 convolution that could skip zeros\n')


def padded_as_pretrained(side=64):
  """A small network of the kind that Keras brings weights for: one stride pads by SAME, one by a layer, and one has a kernel of 5."""
  layers = keras.layers
  image = keras.Input((side, side, 3), name='image')
  x = layers.ReLU(6.0)(layers.Conv2D(8, 3, 2, 'same', name='first')(image))
  for index, size in enumerate((3, 5)):
    x = layers.ReLU(6.0)(layers.Conv2D(32, 1, name=f'expand{index}')(x))
    x = layers.ZeroPadding2D(((0, 1), (0, 1)) if size == 3 else ((1, 2), (1, 2)), name=f'pad{index}')(x)
    x = layers.ReLU(6.0)(layers.DepthwiseConv2D(size, 2, name=f'deep{index}')(x))
  x = layers.ReLU(6.0)(layers.Conv2D(16, 1, name='last')(x))
  model = keras.Model(image, layers.Dense(4)(layers.GlobalAveragePooling2D()(x)))
  rng = np.random.default_rng(0)
  for variable in model.variables:
    thin = variable.shape.rank == 4 and tuple(variable.shape[:2]) == (1, 1)
    variable.assign(variable * (rng.random(variable.shape) < 0.1) if thin else variable)
  return model


def examined(model, path, capsys):
  network = deployment(model)
  path.write_bytes(encode(network.function, model.input_shape[1:], sparse=True, variables=network.variables))
  code = doctor.main(['doctor', f'--model={path}'])
  return code, capsys.readouterr().out


def test_padding_on_one_side_is_named_for_each_layer_and_symmetric_it_runs_sparsely(tmp_path, capsys):
  code, shown = examined(padded_as_pretrained(), tmp_path / 'model.tflite', capsys)
  assert code == 1 and shown.count('0 above, 1 below, 0 left, 1 right') == 2
  assert 'first convolution whose padding is not 1 on each side (3x3 at 64x64: 0 above, 1 below, 0 left, 1 right by SAME)' in shown
  assert 'depthwise convolution whose padding is not symmetric (3x3 at 32x32: 0 above' in shown and '--padding=exact' in shown
  assert 'depthwise convolution whose padding is not symmetric (5x5 at 16x16: 1 above, 2 below, 1 left, 2 right by SAME)' in shown
  graph, variables = read(padded_as_pretrained())
  for exact in (False, True):
    found = padding.symmetric(graph, {name: variable.numpy() for name, variable in variables.items()}, exact)
    model = build_graph(found.graph)
    for name, variable in read(model)[1].items():
      variable.assign(found.values[name])
    code, shown = examined(model, tmp_path / 'model.tflite', capsys)
    assert code == 0 and shown.startswith('sparse: 3 of 3'), shown


def test_odd_sizes_do_not_help_and_that_is_said(tmp_path, capsys):
  code, shown = examined(padded_as_pretrained(65), tmp_path / 'model.tflite', capsys)
  assert code == 1 and 'at 65x65: 1 above, 1 below, 1 left, 1 right by SAME); the converter writes SAME at odd sizes' in shown
