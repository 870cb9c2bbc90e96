"""Files of others are scored with the pixels, the outputs and the labels that they have, or refused by name."""

import io
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from st_tf.api import evaluation, foreign
from st_tf.api.evaluate import evaluate
from st_tf.api.evaluation import EvaluationError
from st_tf.api.foreign import Reading
from st_tf.api.labels import LabelsError
from st_tf.api.outputs import OutputsError
from st_tf.errors import UserError
from tests import foreign_files, tiny
from tests.foreign_files import SIDE, STRENGTH, classifier, converted, labelled
from tflite.file import trial
from tflite.file.model_file import ModelFileError

SILENT, UNITS = Reading(), Reading(pixels='units')
RUN_ONCE = trial.run_once
EXACT = 0.9  # What these files reach at least where they get the pixels they want; by chance they have a third.


@pytest.fixture(scope='module')
def task():
  return tiny.task()


@pytest.fixture(scope='module', autouse=True)
def quick():
  """No process for each file: `trial_test` has those."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(trial, 'run_once', lambda *arguments: None)
    yield


@pytest.fixture
def scored(task, tmp_path):
  def score(content, reading=SILENT):
    path = tmp_path / 'a, b=ü.tflite'
    path.write_bytes(content)
    network, found = foreign.network(path, {}, task, reading)
    result = evaluation.scored(network, found, 'validation', 64)
    assert all(note.partition(': ')[0].isalpha() and note.partition(': ')[2] for note in result.notes), result.notes
    shown = evaluation.lines(result)
    assert all(f'{note.partition(": ")[0]:8} {note.partition(": ")[2]}' in shown for note in result.notes)
    return result

  return score


@pytest.fixture(scope='module')
def expected(task):
  """The scores of what all files compute, in float32."""

  def infer(images):
    return STRENGTH * np.clip(task.normalisation.to_bytes(images) / 255, 0, 1).mean((1, 2))

  metrics = task.metrics()
  for images, targets in task.dataset('validation', 64).as_numpy_iterator():
    metrics.update(targets, infer(images))
  return metrics.result()


def test_what_the_files_compute_tells_colours_apart(expected):
  assert expected['top1'] > EXACT and 0.1 < expected['loss'] < 1


@pytest.mark.parametrize('pixels', foreign_files.SCALES)
@pytest.mark.parametrize('end', ['logits', 'softmax', 'by hand'])
def test_logits_and_probabilities_have_the_same_scores(pixels, end, scored, expected):
  result = scored(classifier(pixels, end), Reading(pixels=pixels))
  assert result.scores == pytest.approx(expected, abs=1e-3)
  assert f'as --pixels={pixels} says' in result.notes[0]
  assert result.notes[-1].startswith('outputs: logits, as it ends in MEAN' if end == 'logits' else 'outputs: probabilities, as it ends in')


def test_scores_of_each_label_by_itself_have_no_loss(scored, expected):
  result = scored(classifier(end='sigmoid'), UNITS)
  assert result.scores == {name: value for name, value in expected.items() if name != 'loss'}
  assert 'no loss is said' in result.notes[-1]


@pytest.mark.parametrize('number', ['uint8', 'int8'])
@pytest.mark.parametrize('pixels', foreign_files.SCALES)
def test_integers_say_by_themselves_which_pixels_they_hold(number, pixels, scored, expected):
  result = scored(classifier(pixels, 'softmax', number=number))
  assert result.scores['top1'] == pytest.approx(expected['top1'], abs=0.1) and 'loss' not in result.scores
  assert f'as its {number} numbers hold' in result.notes[0] and 'rounds to whole steps: no loss' in result.notes[-1]


def test_integers_of_16_bits_need_a_word(scored, expected):
  content = classifier(number='int16')
  with pytest.raises(ModelFileError, match='--pixels is one of bytes'):
    scored(content)
  assert scored(content, UNITS).scores == pytest.approx(expected, abs=0.05)
  with pytest.raises(ModelFileError, match=r'Pixels are within what the numbers of a file hold.* Received: 0 to 255, by bytes'):
    scored(content, Reading(pixels='bytes'))


def test_a_file_that_says_nothing_of_its_pixels_needs_a_word(scored):
  with pytest.raises(ModelFileError, match=r'which pixels it wants\. Received: neither, .* --pixels is one of .*signed \(from -1 to 1\)'):
    scored(classifier())


def test_a_graph_that_begins_by_dividing_bytes_says_so(scored, expected):
  result = scored(classifier('bytes'))
  assert result.scores == pytest.approx(expected, abs=1e-3) and 'which its graph begins by bringing to another scale' in result.notes[0]


def test_raw_bytes_are_pixels_as_they_come(scored, expected):
  def floats(image):
    return tf.reduce_mean(tf.cast(image, tf.float32) * (STRENGTH / 255), (1, 2))

  content = converted({'serving_default': (floats, (1, SIDE, SIDE, 3))}, dtype=tf.uint8)
  result = scored(content)
  assert result.scores == pytest.approx(expected, abs=0.02) and 'since its input is uint8 without a scale' in result.notes[0]
  with pytest.raises(ModelFileError, match='without a scale reads pixels from 0 to 255. Received: --pixels=units'):
    scored(content, UNITS)


@pytest.mark.parametrize(('pixels', 'mean', 'deviation'), [('units', 0, 255), ('signed', 127.5, 127.5), ('bytes', 0, 1)])
def test_metadata_say_which_pixels(pixels, mean, deviation, scored, expected):
  result = scored(labelled(classifier(pixels), b'red\ngreen\nblue\n', [mean], [deviation]))
  assert result.scores == pytest.approx(expected, abs=1e-3) and 'as its metadata say' in result.notes[0]


def test_metadata_that_contradict_the_numbers_are_not_believed(scored, expected):
  result = scored(labelled(classifier(number='uint8'), b'red\ngreen\nblue\n', [0], [1]))
  assert result.scores['top1'] == pytest.approx(expected['top1'], abs=0.1) and 'its metadata say otherwise' in result.notes[0]


@pytest.mark.parametrize('shape', [(None, SIDE, SIDE, 3), (None, None, None, 3), (1, None, SIDE, 3)])
def test_a_free_batch_is_one_and_free_sizes_are_those_of_the_task(shape, scored, expected):
  result = scored(classifier(shape=shape), UNITS)
  assert result.scores == pytest.approx(expected, abs=1e-3)
  assert ('batch: not fixed, taken as 1' in result.notes) == (shape[0] is None)
  assert ('size: not fixed, taken as 8x8, that of the task' in result.notes) == (shape[1] is None)


def test_grey_files_get_grey_pictures(scored):
  result = scored(classifier(shape=(1, SIDE, SIDE, 1)), UNITS)
  assert 'colours: none, pictures are made grey' in result.notes and result.scores['top1'] < EXACT


def test_outputs_with_axes_of_one_are_classes(scored, expected):
  assert scored(classifier(map_sized=True), UNITS).scores == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
  ('order', 'text', 'note'),
  [
    ((0, 1, 2), b'red\ngreen\nblue', 'labels: those of the task, in labels.txt of the file'),
    ((2, 0, 1), b'blue\nred\ngreen\n', '3 of 3 in another order'),
    ((1, 0, 2), b'\xef\xbb\xbfGREEN\r\nRed\r\nblue\r\n\r\n', 'case and separators aside; 2 of 3 in another order'),
    ((2, 1, 0), b'0 blue\n1 green\n2 red\n', 'without the numbers before them; 2 of 3 in another order'),
    ((2, 1, 0), b'3: red\n1: blue\n2: green\n', 'without the numbers before them'),
    ((-1, 0, 1, 2), b'background\nred\ngreen\nblue\n', "'background' left out"),
  ],
)
def test_labels_in_a_file_say_which_output_is_which(order, text, note, scored, expected):
  result = scored(labelled(classifier(order=order), text))
  assert result.scores == pytest.approx(expected, abs=1e-3)
  assert any(note in line for line in result.notes), result.notes


def test_other_labels_are_refused_with_the_difference(scored, tmp_path, expected):
  content = labelled(classifier(), b'red\ngreen\npurple\n')
  with pytest.raises(LabelsError, match="Only in the file: 'purple'. Only in the task: 'blue'. .* --labels=task"):
    scored(content)
  assert scored(content, Reading(labels='task')).scores == pytest.approx(expected, abs=1e-3)
  (tmp_path / 'names.txt').write_text('red\ngreen\nblue\n')
  assert scored(content, Reading(labels=str(tmp_path / 'names.txt'))).scores == pytest.approx(expected, abs=1e-3)
  with pytest.raises(EvaluationError, match=r'Each output has a label\. Received: 2 labels in labels\.txt of the file, 3 outputs'):
    scored(labelled(classifier(), b'red\ngreen\n'))


def test_a_background_without_a_name_is_named(scored):
  with pytest.raises(EvaluationError, match=r'3 for module:tests\.tiny\. Received: 4 .* One more may be a background; .*--labels=FILE'):
    scored(classifier(order=(-1, 0, 1, 2)), UNITS)


@pytest.fixture
def of_two(task, tmp_path):
  """(the network of a file for a task of two classes, what it says of a black picture)."""

  class Two:
    labels, semantics, image_size, normalisation, name = ('a', 'b'), {'kind': 'classification'}, (SIDE, SIDE), task.normalisation, 'two'

  def of(content, reading=UNITS):
    path = tmp_path / 'one.tflite'
    path.write_bytes(content)
    network, _ = foreign.network(path, {}, Two(), reading)
    return network, network.infer(task.normalisation.from_bytes(np.zeros((2, SIDE, SIDE, 3), np.float32)))

  return of


def bright(end):
  """A file of one number, whose logit is -2 for a black picture."""
  return converted(
    {'serving_default': (lambda image: end(tf.reduce_mean(image, (1, 2, 3), keepdims=True)[:, 0, 0] - 2), (1, SIDE, SIDE, 3))}
  )


def test_one_output_speaks_for_the_second_of_two_classes(of_two):
  network, found = of_two(bright(tf.sigmoid))
  np.testing.assert_allclose(np.exp(found), [[1 - 0.1192, 0.1192]] * 2, atol=1e-4)
  assert network.outputs == 2 and "outputs: one, taken as that of 'b'" in network.notes
  np.testing.assert_allclose(of_two(bright(lambda x: x))[1], [[0, -2]] * 2, atol=1e-6)


def test_one_output_speaks_for_the_second_label_of_its_file(of_two):
  network, found = of_two(labelled(bright(tf.sigmoid), b'b\na\n'))
  np.testing.assert_allclose(np.exp(found), [[0.1192, 1 - 0.1192]] * 2, atol=1e-4)
  assert "outputs: one, taken as that of 'a'" in network.notes


@pytest.mark.parametrize('count', [1, 3])
def test_one_output_has_the_labels_of_two_classes(of_two, count):
  with pytest.raises(UserError, match=rf'Received: {count} ' + ('in' if count == 1 else 'labels in labels.txt of the file, 1 output in')):
    of_two(labelled(bright(tf.sigmoid), b'background\na\nb\n' if count == 3 else b'b\n'))


@pytest.mark.parametrize('end', [lambda x: tf.minimum(tf.sigmoid(x), 0.99), lambda x: tf.nn.relu6(x + 3) / 6, tf.nn.softmax])
def test_one_output_that_may_be_a_probability_or_a_logit_is_refused(of_two, end):
  with pytest.raises(OutputsError, match=r'One output for two classes .* with numbers from 0 to 1 alone\. Convert .* \(.*one\.tflite\)'):
    of_two(bright(end))


@pytest.mark.parametrize('shape', [(1, SIDE, SIDE, 3), (None, SIDE, SIDE, 3)])
def test_outputs_without_a_batch_are_a_row(scored, expected, shape):
  def squeezed(image):
    return tf.squeeze(tf.nn.softmax(STRENGTH * tf.reduce_mean(image, (1, 2))))

  assert scored(converted({'serving_default': (squeezed, shape)}), UNITS).scores == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
  ('outputs', 'message'),
  [
    (lambda x: x[0, :2], 'as many outputs as its task, 3 .* Received: 2 in'),
    (lambda x: tf.transpose(x), r'An output is \[1, \.\.\.\], of one picture, or a row of numbers\. Received: \[3, 1\] in .*--output'),
    (lambda x: tf.reduce_max(x), 'as many outputs as its task, 3 .* Received: 1 in'),
    (lambda x: tf.reshape(tf.where(x >= 0), (1, -1)), r'(has a fixed size|as many outputs)'),
  ],
)
def test_other_outputs_without_a_batch_are_refused(scored, outputs, message):
  content = converted({'serving_default': (lambda image: outputs(tf.reduce_mean(image, (1, 2))), (1, SIDE, SIDE, 3))})
  with pytest.raises(UserError, match=message):
    scored(content, UNITS)


def test_the_best_classes_by_themselves_are_no_scores_of_classes(scored):
  content = converted({'serving_default': (lambda image: tf.math.top_k(tf.reduce_mean(image, (1, 2)), 3).values, (1, SIDE, SIDE, 3))})
  with pytest.raises(OutputsError, match=r'a number per class, .* Received: what TOPK_V2 makes of them\. Choose another.*tflite\)'):
    scored(content, UNITS)


def test_a_share_of_a_hundred_has_no_loss(scored, expected):
  content = converted(
    {'serving_default': (lambda image: 100 * tf.nn.softmax(STRENGTH * tf.reduce_mean(image, (1, 2))), (1, SIDE, SIDE, 3))}
  )
  result = scored(content, UNITS)
  assert result.scores == {'top1': pytest.approx(expected['top1'])} and 'as it ends in MUL of SOFTMAX' in result.notes[-1]


def test_a_licence_behind_a_file_names_no_outputs(scored, expected):
  text = io.BytesIO(classifier())
  text.seek(0, io.SEEK_END)
  with zipfile.ZipFile(text, 'a') as archive:
    archive.writestr('LICENSE.txt', 'Apache\nLicense\n\nVersion 2.0\n')
  result = scored(text.getvalue(), UNITS)
  assert result.scores == pytest.approx(expected, abs=1e-3) and any('labels: none in the file' in note for note in result.notes)


def test_damaged_metadata_are_read_where_nobody_says_what_they_would(scored, expected):
  content = labelled(classifier(), b'red\ngreen\nblue\n')
  start = content.index(b'M001') - 4
  content = content[:start] + b'\xff' * 4 + content[start + 4 :]
  with pytest.raises(ModelFileError, match=r'metadata of a \.tflite file can be read.* Or say by --pixels what they would say of .*tflite'):
    scored(content)
  with pytest.raises(ModelFileError, match='Or say by --labels what'):
    scored(content, UNITS)
  assert scored(content, Reading(pixels='units', labels='task')).scores == pytest.approx(expected, abs=1e-3)


def test_a_file_that_fails_as_it_runs_is_refused_before_it_runs_here(scored, monkeypatch):
  monkeypatch.setattr(trial, 'run_once', RUN_ONCE)
  with pytest.raises(ModelFileError, match=r'can be run by the TFLite interpreter\. Received: .*tflite \('):
    scored(foreign_files.failing(), UNITS)


@pytest.fixture(scope='module')
def several():
  """A file of two signatures, of which the second tells colours apart, and has two outputs."""
  shape = (1, SIDE, SIDE, 3)

  def right(image):
    return {'classes': STRENGTH * tf.reduce_mean(image, (1, 2)), 'other': tf.reduce_max(image, (1, 2, 3))}

  return converted({'serving_default': (lambda image: {'x': tf.reduce_mean(image, (1, 2)) * 0.0}, shape), 'second': (right, shape)})


def test_signatures_and_outputs_are_chosen_by_flags(several, scored, expected):
  result = scored(several, UNITS)
  assert result.scores['top1'] < EXACT and "graph: signature 'serving_default' of 'second', 'serving_default'" in str(result.notes)
  chosen = Reading(signature='second', output='classes', pixels='units')
  assert scored(several, chosen).scores == pytest.approx(expected, abs=1e-3)
  with pytest.raises(ModelFileError, match=r'One output is scored\. Received: 2 .*classes \[1, 3\].* Choose one by --output'):
    scored(several, Reading(signature='second', pixels='units'))
  with pytest.raises(ModelFileError, match=r"--output is one of those of the file\. Received: 'clases'; .* has .*classes \[1, 3\]"):
    scored(several, Reading(signature='second', output='clases', pixels='units'))
  with pytest.raises(ModelFileError, match=r"--signature is one that the file has\. Received: 'third'; .* 'second'"):
    scored(several, Reading(signature='third'))


def test_outputs_that_are_no_numbers_are_refused(scored):
  def broken(image):
    return tf.math.log(tf.reduce_mean(image, (1, 2)) - 2)

  with pytest.raises(OutputsError, match=r'Received: NaN or infinity for 24 of 24 pictures.*tflite'):
    scored(converted({'serving_default': (broken, (1, SIDE, SIDE, 3))}), UNITS)


def test_the_function_takes_files_of_any_name_and_what_they_do_not_say(task, tmp_path, expected):
  (tmp_path / 'model.lite').write_bytes(classifier())
  result = evaluate(tmp_path / 'model.lite', task, split='validation', pixels='units', labels='task')
  assert result.scores == pytest.approx(expected, abs=1e-3)
  with pytest.raises(ModelFileError, match='Did you mean units'):
    evaluate(tmp_path / 'model.lite', task, pixels='unit')
  with pytest.raises(UserError, match='are of files. Received: .*for a ticket'):
    evaluate(tmp_path, task, pixels='units')
