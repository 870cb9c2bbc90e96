"""A network is scored on a task that fits it, and the table says on what."""

import dataclasses

import numpy as np
import pytest

from st_tf.api import evaluation
from st_tf.api.evaluation import Evaluation, EvaluationError, Network
from st_tf.api.outputs import Outputs
from st_tf.task.confidence import interval

RESULT = Evaluation(
  model='model.tflite',
  about='1.5 KB',
  task='shapes',
  split='test',
  examples=1000,
  seconds=2.0,
  scores={'top1': 0.5634, 'loss': 1.5},
  per_class={'ring': {'count': 600, 'top1': 0.25}, 'star': {'count': 1400, 'top1': 0.75}},
)


def _network(shapes, **changes):
  fields = {'name': 'first class', 'about': '', 'image_size': shapes.image_size, 'outputs': 10}
  return Network(**fields | changes, infer=lambda images: np.eye(10)[[0] * len(images)])


def test_the_table_is_aligned():
  assert evaluation.lines(RESULT) == [
    'network  model.tflite',
    '         1.5 KB',
    'task     shapes, test split, 1,000 examples',
    'time     2.0 s (500 images per second)',
    '',
    'top-1 accuracy  56.3%',
    'loss            1.500',
  ]


def test_classes_are_shown_best_first():
  assert evaluation.lines(RESULT, per_class=True)[-3:] == [
    'class  top-1 accuracy  examples',
    'star            75.0%     1,400',
    'ring            25.0%       600',
  ]


def test_a_network_that_always_says_the_same_scores_that_class_only(shapes):
  result = evaluation.scored(_network(shapes), shapes, 'validation', 64)
  assert result.examples == shapes.sizes['validation'] and result.seconds > 0
  assert result.per_class[shapes.labels[0]]['top1'] == 1 and result.per_class[shapes.labels[1]]['top1'] == 0
  assert result.sure == interval('top1', result.scores['top1'], result.examples)
  assert any(line.startswith('sure to  95% interval ') for line in evaluation.lines(result))
  assert result.scores['top1'] == pytest.approx(result.per_class[shapes.labels[0]]['count'] / result.examples)


def test_a_class_without_examples_has_no_score(shapes, monkeypatch):
  metrics = type(shapes.metrics())
  first, second = shapes.labels[:2]
  found = {first: {'count': 2, 'top1': 0.0}, second: {'count': 0, 'top1': 0.0}}
  monkeypatch.setattr(metrics, 'per_class', lambda self: found)
  result = evaluation.scored(_network(shapes), shapes, 'validation', 64)
  assert result.per_class == {first: {'count': 2, 'top1': 0.0}, second: {'count': 0}}
  assert [line.split()[-2:] for line in evaluation.lines(result, per_class=True)[-2:]] == [['0.0%', '2'], ['–', '0']]


@pytest.mark.parametrize(
  ('ties', 'said'), [((0, 0, 9), {'top1', 'top5', 'loss'}), ((2, 0, 9), {'top1', 'top5', 'loss'}), ((0, 3, 9), {'top1', 'loss'})]
)
def test_a_score_that_ties_decide_is_not_said(shapes, ties, said):
  read = Outputs('logits', False, 10, 'MEAN', ties=ties)
  network = dataclasses.replace(_network(shapes), read=read)
  result = evaluation.scored(network, shapes, 'validation', 64)
  assert set(result.scores) == said and any(note.startswith('ties: ') for note in result.notes) == any(ties[:2])


def test_a_network_for_other_images_is_refused(shapes):
  with pytest.raises(EvaluationError, match='64x48. Received: 32x32 from shapes. Use --image_size=64'):
    evaluation.scored(_network(shapes, image_size=(64, 48)), shapes, 'test', 64)


def test_a_network_with_other_outputs_is_refused(shapes):
  with pytest.raises(EvaluationError, match='as many outputs as its task, 10 for shapes. Received: 100 in first class'):
    evaluation.scored(_network(shapes, outputs=100), shapes, 'test', 64)
