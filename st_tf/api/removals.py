"""What a plan says of units that go before the first step: how many, what that saves, and what keeps the others."""

from collections.abc import Iterator, Sequence

from st_tf.methods._method import WHOLE, Training
from st_tf.runs.removal import check_removal, pictures, remove_least_valuable
from st_tf.runs.start import load_weights
from st_tf.runs.target import check_target, initial, removable, scored_groups, shown, target
from st_tf.search import moments
from st_tf.search.analysis import analyse
from st_tf.training.meter import STEP_PASSES
from st_tf.training.plan import Plan
from st_tf.training.trainer import Trainer

_ENDS = ('input', 'output')  # Of a network, which hold what is no choice.


def lines(trainer: Trainer, plan: Plan, trainings: Sequence[Training], has_data: bool) -> Iterator[str]:
  """The plan of the removal; where there are data it is done, which takes less than three training steps of as many pictures.

  Args:
    trainer: of a trained network, as yet without its weights; with data it is left as the run begins.
    plan: what happens when.
    trainings: of the run, of which the first removes the units.
    has_data: whether units can be scored.

  Raises:
    ConfigError: the target is one that no removal meets.
  """
  check_removal(trainer)
  load_weights(trainer)
  check_target(trainer)
  groups, before, scored = removable(trainer), trainer.macs, pictures(trainer)
  of_moments = moments.macs(trainer.arch)
  kept = list(kept_lines(trainer))
  in_ms = trainer.price() if trainer.cost_model.table else None
  units = sum(group.units for group in groups)
  if has_data:
    found = remove_least_valuable(trainer)
    after, gone = found['macs_after'], f'{units - found["units_after"]:,} of {units:,} units in {len(groups)} groups go'
  else:
    after, gone = (
      round(before * min(target(trainer) / initial(trainer), 1)),
      f'some of {units:,} units in {len(groups)} groups go; which, scores say',
    )
  yield f'  search      before the first step: {gone}'
  left = f'{after / before:.1%}'
  yield f'              from {before:,} to {shown(after, "MACs")} ({left}); every later epoch costs {left} of a whole one'
  scoring = scored * (before + of_moments)
  yield f'              their scores: {scored} training pictures, {scoring:,} MACs'
  if in_ms is not None:
    then = trainer.price() if has_data else in_ms * after / before
    yield f'              from {shown(in_ms, "ms")} to {shown(then, "ms")}, by the table'
  images = plan.steps_per_epoch * trainer.config.batch_size
  taught = trainer.teacher.macs if trainer.teacher else 0
  each = (training.epochs * (STEP_PASSES * (before if training.network == WHOLE else after) + taught) for training in trainings)
  total = scoring + images * sum(each)
  whole = total / (images * STEP_PASSES * before)
  yield f'              all training {round(total):,} MACs, as {whole:.1f} epochs of the whole network'
  yield from kept


def kept_lines(trainer: Trainer) -> Iterator[str]:
  """What keeps units of a trained network from going, by layer, and how many units it keeps."""
  told: dict[str, int] = {}
  channels = analyse(trainer.arch)
  free, with_scores = ({group.name for group in groups} for groups in (removable(trainer), scored_groups(trainer)))
  random = {unit: layer for kernel in channels.kernels if (layer := kernel.layer) in trainer.untrained
            for unit in kernel.axes.get(kernel.reads, ())}  # fmt: skip
  for group in channels.groups:
    if group.held_by:
      reasons = [f'held by {name}' for name in group.held_by if name not in _ENDS]
    elif group.name in free:
      reasons = []
    elif group.name in with_scores:
      reasons = [f'of {group.name} without a place for factors']
    elif group.is_residual:
      reasons = ['joined by skips']
    elif group.ids[0] in random:
      reasons = [f'read by {random[group.ids[0]]}, whose weights begin at random']
    else:
      reasons = ['that pass no activation']
    for reason in reasons:
      told[reason] = told.get(reason, 0) + group.units
  if told:
    yield f'              what stays: {"; ".join(f"{count:,} units {reason}" for reason, count in told.items())}'
