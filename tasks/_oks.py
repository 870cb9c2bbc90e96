"""Scores of found joints: COCO's average precision, by COCO's own code, and PCK."""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from st_tf.task import Metrics, TaskError
from st_tf.task.confidence import ROUNDS, resampled
from st_tf.task.maps import decode
from tasks import _crops
from tasks._joints import Joints
from tasks._people import People

_NAMES = ('ap', 'ap50', 'ap75', 'ap_m', 'ap_l', 'ar')  # The first six of COCO's ten summaries.
_TOLERANCE = 0.2  # Of the torso.
_TORSO = 1 / 3  # Of a standing person's height, about.
_NOWHERE = -1e4  # Far from every person, for a joint that was not found.
_CATEGORY = 1
_FEWEST_ROUNDS, _MOST_DRAWN = 200, 5_000_000  # Sets of pictures, and answers in all of them: seconds.


class KeypointMetrics(Metrics):
  """AP, AP50, AP75, AP-M, AP-L and AR as COCO defines them (https://cocodataset.org/#keypoints-eval), and PCK.

  The score of a person is the box's score times the mean confidence of the joints. There is no suppression of overlapping answers.
  A picture in which no box was to be looked at counts too: its people are missed.

  PCK is the share of the labelled joints inside the crop that are found within 0.2 torsos of their place (Yang and Ramanan, PAMI 2013,
  section 6.1). The torso reaches from the left shoulder to the right hip, else from the right shoulder to the left hip; where neither
  is labelled inside the crop it is taken as a third of the longer side of the crop without its padding, what it is for a person
  who stands upright in the box.
  """

  def __init__(self, joints: Joints, shape: tuple[int, int], splits: Sequence[People]):
    """Starts at zero examples.

    Args:
      joints: those of the people.
      shape: (height, width) of the crops in pixels.
      splits: whose examples are numbered on from one to the next.
    """
    self._joints, self._shape, self._splits = joints, shape, splits
    self._starts = np.cumsum([0, *map(len, splits)])
    self._counts, self._hits = np.zeros(len(joints.names), np.int64), np.zeros(len(joints.names), np.int64)
    self._examples: list[np.ndarray] = []
    self._answers: list[np.ndarray] = []
    self._evaluation: COCOeval | None = None  # Of all of these, once it was asked for.

  def update(self, targets: Mapping[str, np.ndarray], outputs: np.ndarray) -> None:
    """Adds one batch that is not augmented: targets as `KeypointTask.dataset` gives them, outputs [batch, rows, columns, joints]."""
    answers = decode(outputs, self._shape)
    labelled, hits = correct(np.asarray(targets['joints']), answers, self._joints, self._shape)
    self._counts += labelled.sum(0)
    self._hits += hits.sum(0)
    self._examples.append(np.asarray(targets['example']))
    self._answers.append(answers)
    self._evaluation = None

  def result(self) -> dict[str, float]:
    """{'ap', 'ap50', 'ap75', 'ap_m', 'ap_l', 'ar', 'pck'}, as fractions.

    Left out is what has no value: 'ap_m' and 'ap_l' where no person is of that size, 'pck' where no box shows a labelled joint.

    Raises:
      TaskError: nothing was added yet, examples of two splits, or only such as have no person to be found.
    """
    evaluation = self._evaluated()
    scores = summary(evaluation)
    if 'ap' not in scores:
      people, _ = self._added()
      raise TaskError(f'Scores are taken over at least one person with labelled joints. Received: none in {people.annotations.source}.')
    return scores | ({'pck': float(self._hits.sum() / self._counts.sum())} if self._counts.any() else {})

  def interval(self, pictures: np.ndarray) -> tuple[float, float] | None:
    """As `Metrics.interval`, of the average precision: pictures are drawn anew, with all people and answers in them."""
    del pictures  # Examples are people; those in one picture go together.
    return drawn_interval(self._evaluated())

  def _evaluated(self) -> COCOeval:
    """COCO's evaluation of all that was added, done once."""
    if self._evaluation is None:
      people, own = self._added()
      self._evaluation = evaluated(people, own, np.concatenate(self._answers), self._joints, self._shape)
    return self._evaluation

  def _added(self) -> tuple[People, np.ndarray]:
    """(the split, the numbers of its examples that were added)."""
    examples = np.concatenate([np.zeros(0, np.int64), *self._examples])
    if not len(examples):
      raise TaskError('Scores are taken over at least one person. Received: 0.')
    split = np.unique(np.searchsorted(self._starts, examples, 'right') - 1)
    if len(split) > 1:
      raise TaskError('Scores are taken over one split. Received: examples of two.')
    return self._splits[split[0]], examples - self._starts[split[0]]

  def per_class(self) -> dict[str, dict[str, float]]:
    """{joint: {'count', 'pck'}}; the score of a joint that is labelled nowhere is 0."""
    tallies = zip(self._joints.names, self._counts, self._hits)
    return {name: {'count': int(count), 'pck': float(hits / max(count, 1))} for name, count, hits in tallies}


def correct(truth: np.ndarray, answers: np.ndarray, joints: Joints, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
  """(which joints count, which of them are found as PCK asks), both [batch, joints] bool.

  Args:
    truth: [batch, joints, 3]: x, y in pixels of the crop, and weight.
    answers: [batch, joints, 3]: x, y, and confidence; NaN for a joint that was not found.
    joints: those of the people.
    shape: (height, width) of the crops in pixels.
  """
  labelled = truth[..., 2] > 0
  torsos = np.full(len(truth), _TORSO * max(shape) / _crops.PADDING)
  for shoulder, hip in reversed(joints.torsos):
    seen = labelled[:, shoulder] & labelled[:, hip]
    torsos = np.where(seen, np.hypot(*(truth[:, shoulder, :2] - truth[:, hip, :2]).T), torsos)
  distances = np.hypot(answers[..., 0] - truth[..., 0], answers[..., 1] - truth[..., 1])
  return labelled, labelled & (distances <= _TOLERANCE * torsos[:, None])  # NaN is within nothing.


def summary(evaluation: COCOeval) -> dict[str, float]:
  """COCO's scores of what was `evaluated`, by `_NAMES`; left out is what COCO's code calls undefined."""
  with contextlib.redirect_stdout(io.StringIO()):
    evaluation.accumulate()
    evaluation.summarize()
  return {name: float(value) for name, value in zip(_NAMES, evaluation.stats) if value >= 0}


def drawn_interval(evaluation: COCOeval) -> tuple[float, float] | None:
  """The 95% interval of the average precision of what was `evaluated`: matches stay, pictures are drawn."""
  precision, pictures, answers = precision_of_draws(evaluation)
  return resampled(precision, pictures, min(ROUNDS, max(_FEWEST_ROUNDS, _MOST_DRAWN // max(answers, 1))))


def precision_of_draws(evaluation: COCOeval) -> tuple[Callable[[np.ndarray], float], int, int]:
  """(how often each picture was drawn, [pictures] -> average precision as COCO accumulates it; pictures; answers in them).

  A picture that was drawn twice counts as two equal ones. People of all sizes count. Pictures without people and without answers
  change nothing, and NaN is the precision of pictures without a person to be found.
  """
  number = len(evaluation.params.imgIds)
  found = evaluation.evalImgs[:number]  # The first range of areas is all of them.
  scored = [(index, entry) for index, entry in enumerate(found) if entry is not None]
  people = np.zeros(number, np.int64)
  for index, entry in scored:
    people[index] = np.count_nonzero(np.asarray(entry['gtIgnore']) == 0)
  scores = np.concatenate([np.zeros(0), *(entry['dtScores'] for _, entry in scored)])
  order = np.argsort(-scores, kind='mergesort')
  picture = np.concatenate([np.zeros(0, np.int64), *(np.full(len(entry['dtScores']), index) for index, entry in scored)])[order]
  none = np.zeros((len(evaluation.params.iouThrs), 0), bool)
  matched, ignored = (
    np.concatenate([none, *(np.asarray(entry[name], bool) for _, entry in scored)], 1)[:, order] for name in ('dtMatches', 'dtIgnore')
  )
  right, wrong = matched & ~ignored, ~matched & ~ignored
  levels = evaluation.params.recThrs

  def precision(times: np.ndarray) -> float:
    wanted, drawn = int(times @ people), times[picture]
    if not wanted:
      return np.nan
    hits, misses = np.cumsum(right * drawn, 1), np.cumsum(wrong * drawn, 1)
    precisions = hits / np.maximum(hits + misses, 1)
    best = np.maximum.accumulate(precisions[:, ::-1], 1)[:, ::-1]
    best = np.concatenate([best, np.zeros((len(best), 1))], 1)  # A recall that is not reached has none.
    return float(np.mean([row[np.searchsorted(recall, levels, 'left')] for row, recall in zip(best, hits / wanted)]))

  return precision, number, len(picture)


def evaluated(people: People, examples: np.ndarray, answers: np.ndarray, joints: Joints, shape: tuple[int, int]) -> COCOeval:
  """COCO's evaluation, run as far as every answer has its person or none.

  Args:
    people: the split.
    examples: [n] indices of its examples.
    answers: [n, joints, 3]: x, y in pixels of the crop, and confidence.
    joints: those of the people.
    shape: (height, width) of the crops in pixels.
  """
  results = []
  for index, answer in zip(examples, answers):
    places = _crops.moved(answer[:, :2], _crops.inverse(_crops.to_crop(people.boxes[index], shape)))
    keypoints = np.concatenate([np.nan_to_num(places, nan=_NOWHERE), answer[:, 2:]], 1)
    score = float(people.scores[index] * answer[:, 2].mean())
    results.append(
      {'image_id': int(people.picture[index]), 'category_id': _CATEGORY, 'keypoints': keypoints.ravel().tolist(), 'score': score}
    )
  pictures = np.union1d(people.picture[examples], np.setdiff1d(people.pictures, people.picture))
  with contextlib.redirect_stdout(io.StringIO()):
    truth = COCO()
    truth.dataset = _dataset(people, pictures)
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(results), iouType='keypoints')
    evaluation.params.imgIds = pictures.tolist()
    evaluation.params.kpt_oks_sigmas = np.asarray(joints.sigmas)
    evaluation.evaluate()
  return evaluation


def _dataset(people: People, pictures: np.ndarray) -> dict[str, list]:
  """The truth about the pictures in COCO's format."""
  known = people.annotations
  entries = []
  for row in np.flatnonzero(np.isin(known.picture, pictures)):
    labelled = int((known.keypoints[row, :, 2] > 0).sum())
    entries.append(
      {
        'id': int(row) + 1,  # COCO's code takes 0 for 'not matched'.
        'image_id': int(known.picture[row]),
        'category_id': _CATEGORY,
        'keypoints': known.keypoints[row].ravel().tolist(),
        'num_keypoints': labelled,
        'bbox': known.boxes[row].tolist(),
        'area': float(known.areas[row]),
        'iscrowd': int(known.crowd[row]),
      }
    )
  return {'images': [{'id': index} for index in pictures.tolist()], 'annotations': entries, 'categories': [{'id': _CATEGORY}]}
