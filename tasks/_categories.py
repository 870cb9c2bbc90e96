"""Which category of an annotation file is learned: the one with joints, or of several the one that is asked for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
import unicodedata

from st_tf.errors import did_you_mean
from st_tf.task import TaskError

Category = Mapping[str, Any]


def chosen(data: Mapping[str, Any], wanted: str, source: str, like: str = '') -> tuple[Category, tuple[str, ...]]:
  """(the category, notes on the others).

  Args:
    data: the file, with the lists 'categories' and 'annotations'.
    wanted: its name or number; '' = the only one with joints, or else the only one of which people have joints.
    source: what messages call the file.
    like: name of the category that another file of the same data has; decides where nothing else does.

  Raises:
    TaskError: no category has joints, none or two are wanted by this name, or several have joints and none is wanted.
  """
  known = [entry for entry in data['categories'] if isinstance(entry, dict) and type(entry.get('id')) is int]
  jointed = [entry for entry in known if entry.get('keypoints')]
  if not jointed:
    listed = f' ({_listed(known)})' if known else ''
    raise TaskError(
      f"One of the 'categories' has an 'id', a whole number, and 'keypoints', the names of its joints. Received: none in {source}{listed}."
      ' Add them.'
    )
  numbers = [entry['id'] for entry in known]
  repeated = sorted({number for number in numbers if numbers.count(number) > 1})
  if repeated:
    raise TaskError(f"No two of the categories have the same 'id'. Received: {repeated[0]} twice in {source}. Correct one.")
  people = Counter(entry['category_id'] for entry in data['annotations'] if _has_joints(entry))
  if wanted:
    category = _wanted(jointed, wanted, source)
  else:
    category = _only(jointed, people, source, like)
  counted = [f'{people[entry["id"]]:,} of {_name(entry)}' for entry in jointed if entry is not category and people[entry['id']]]
  strays = sorted(people.keys() - set(numbers))
  if strays:
    shown = ', '.join(map(str, strays[:3]))
    counted.append(f'{sum(people[number] for number in strays):,} of a category that is not in the file ({shown})')
  return category, (f'{source}: {_name(category)} is learned; left out are {", ".join(counted)}',) if counted else ()


def name(category: Category) -> str:
  """Its name in one form of Unicode; '' where it has none."""
  return unicodedata.normalize('NFC', str(category.get('name') or ''))


def _wanted(jointed: Sequence[Category], wanted: str, source: str) -> Category:
  text = unicodedata.normalize('NFC', wanted.strip())
  found = [entry for entry in jointed if name(entry) == text] or [entry for entry in jointed if str(entry['id']) == text]
  if len(found) != 1:
    what = f'{len(found)} categories of that name; say its number' if found else 'none'
    hint = did_you_mean(text, [name(entry) for entry in jointed if name(entry)])
    raise TaskError(
      f'--category is the name or the number of a category with joints. Received: {wanted!r}, of which {source} has {what}. It has'
      f' {_listed(jointed)}.{hint}'
    )
  return found[0]


def _only(jointed: Sequence[Category], people: Mapping[int, int], source: str, like: str) -> Category:
  if len(jointed) == 1:
    return jointed[0]
  found = [entry for entry in jointed if like and name(entry) == like] or [entry for entry in jointed if people[entry['id']]]
  if len(found) != 1:
    counted = ', '.join(f'{_name(entry)} with {people[entry["id"]]:,}' for entry in jointed)
    most = max(jointed, key=lambda entry: people[entry['id']])
    is_named = bool(name(most)) and [name(entry) for entry in jointed].count(name(most)) == 1
    raise TaskError(
      f'One category is learned. Received: {len(jointed)} with joints in {source}: {counted} annotations. Say which, by name or number:'
      f' --category={name(most) if is_named else most["id"]}.'
    )
  return found[0]


def _has_joints(entry: Any) -> bool:
  """Whether an annotation, of which nothing is known yet, has a labelled joint."""
  keypoints = entry.get('keypoints') if isinstance(entry, dict) and type(entry.get('category_id')) is int else None
  return isinstance(keypoints, list) and bool(keypoints) and any(keypoints[2::3])


def _name(category: Category) -> str:
  return f'{category["id"]} {name(category)!r}' if name(category) else str(category['id'])


def _listed(categories: Sequence[Category]) -> str:
  shown = [_name(entry) for entry in categories]
  return ', '.join(shown if len(shown) <= 8 else [*shown[:7], f'and {len(shown) - 7} more'])
