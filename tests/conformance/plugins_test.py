"""A task, a method, a pruning schedule and a preset are each one new file and no edit: here they are added to a copy of the sources."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.conformance.sources import PACKAGES, ROOT

FILES = {
  'tasks/dots.py': '''
    """Dark and bright pictures."""

    import numpy as np

    from st_tf.task import DataConfig, Task
    from tasks._classification import ClassificationTask
    from tasks._images import ArrayImages
    from tasks._splits import Examples


    def load(argument: str, config: DataConfig) -> Task:
      """The task."""
      splits = {}
      for split, count in (('train', 32), ('validation', 8), ('test', 8)):
        labels = np.arange(count) % 2
        pixels = np.broadcast_to((labels * 200)[:, None, None, None], (count, 8, 8, 3)).astype(np.uint8)
        splits[split] = Examples(ArrayImages(pixels, split), labels)
      return ClassificationTask('dots', ('dark', 'bright'), splits, config, size=8, default_supernet='crumb')
  ''',
  'st_tf/arch/presets/crumb.py': '''
    """The smallest network."""

    from st_tf.arch.specs import ArchSpec, StageSpec

    ARCH = ArchSpec(
      stages=(StageSpec((0,), (4,)),), stem_channels=(4, 4), input_stride=1, head_channels=(4,), last_channel=8, kernels=(3,), dropout=0.0
    )
  ''',
  'st_tf/pruning/schedules/linear.py': '''
    """Sparsity rises evenly."""

    from st_tf.pruning.schedules import RegrowthSchedule


    class Linear(RegrowthSchedule):
      """s(t) = target * progress."""

      def sparsity_at(self, step: int) -> float:
        """The sparsity an event at `step` ranks to."""
        return self.target_sparsity * (step - self.begin_step) / max(self.end_step - self.begin_step, 1)


    SCHEDULE = Linear
  ''',
  'st_tf/methods/prune_only.py': '''
    """Prunes while it trains, and searches nothing."""

    from st_tf.config import PRUNING_SETTINGS, Config
    from st_tf.methods._method import Method, one_training
    from st_tf.runs.run import begin, train_to_the_end
    from st_tf.runs.workdir import Workdir
    from st_tf.task import Task
    from st_tf.ticket import Ticket
    from st_tf.training.plan import pruning_alone


    def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
      """The ticket."""
      run = begin(task, config, pruning_alone(config, task.steps_per_epoch(config.batch_size)), workdir)
      train_to_the_end(run)
      return run.save_ticket(max(config.pruning.sparsity))


    METHOD = Method(plan=pruning_alone, draw=draw, reads=PRUNING_SETTINGS, trainings=one_training)
  ''',
}
CHOSEN = ('--task=dots', '--supernet=crumb', '--pruning_schedule=linear', '--epochs=1', '--batch_size=8')


@pytest.fixture(scope='module')
def copy(tmp_path_factory):
  """A folder with the sources and the new files."""
  folder = tmp_path_factory.mktemp('sources')
  for package in PACKAGES:
    shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns('__pycache__', 'node_modules'))
  for file, text in FILES.items():
    assert not (folder / file).exists()
    (folder / file).write_text('\n'.join(line.removeprefix('    ') for line in text.strip().splitlines()))
  return folder


def run(folder, module: str, *flags: str) -> str:
  """What a command says in the copy."""
  environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
  command = [sys.executable, '-m', module, *flags]
  done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False)
  assert done.returncode == 0, done.stderr
  return done.stdout


def test_the_help_lists_them(copy):
  said = ' '.join(run(copy, 'st_tf.train', '--helpfull').split())
  for name in ('dots', 'prune_only', 'linear', 'crumb'):
    assert f' {name}, ' in said or f'({name}, ' in said, name


@pytest.mark.slow
def test_a_ticket_is_drawn_with_all_of_them(copy):
  run(copy, 'st_tf.train', *CHOSEN, '--method=prune_only', '--sparsity=0.5', '--nodeliver', '--workdir=run')
  assert (copy / 'run' / 'tickets' / 'sparsity_0.5' / 'ticket.json').is_file()


@pytest.mark.slow
def test_the_method_takes_part_in_comparisons(copy):
  said = run(
    copy, 'st_tf.compare', *CHOSEN, '--methods=supertickets,prune_only', '--sparsities=0.5', '--seeds=1', '--budget=3', '--dry_run'
  )
  assert 'Comparing supertickets, prune_only on dots' in said and '4, made of 4 trainings' in said
