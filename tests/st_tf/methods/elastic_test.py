import contextlib
import dataclasses
import re
import shutil

import numpy as np
import pytest

from st_tf import task as tasks
from st_tf.api import drawing, dry_run
from st_tf.api.transferring import Transfer
from st_tf.arch import presets
from st_tf.arch.specs import SpecError, StageSpec
from st_tf.comparing import possible
from st_tf.comparing.budget import spent
from st_tf.comparing.comparison import Comparison
from st_tf.comparing.entries import Cell, check, config_of, entries
from st_tf.comparing.options import Options
from st_tf.config import Config, ConfigError
from st_tf.config.request import Request
from st_tf.errors import UserError
from st_tf.methods import elastic
from st_tf.models import families
from st_tf.runs import claimed
from st_tf.runs.cutting import cut
from st_tf.runs.workdir import Workdir
from st_tf.task import DataConfig
from st_tf.ticket import Provenance, Ticket, moving
from st_tf.training.meter import STEP_PASSES
from tests import tiny

ARCH = dataclasses.replace(tiny.SPECK, stages=(StageSpec((2,), (4,)),))
STEP = 2


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Where a winning ticket of two blocks lies, as of a run."""
  path = tmp_path_factory.mktemp('source') / 'run'
  tiny.winner(tiny.task(), ARCH, STEP).save(path / 'tickets' / 'sparsity_0.5')
  return path / 'tickets' / 'sparsity_0.5'


def configured(folder, **changes):
  return tiny.config(**{'method': 'elastic', 'source': str(folder), 'target_depth': 3, 'epochs': 2, 'sparsity': (0.5,)} | changes)


def drawn(path, config):
  return elastic.draw(tiny.task(), config, Workdir(path, config))


@pytest.mark.slow
def test_training_goes_on_under_the_stretched_mask_from_the_step_of_the_early_weights(folder, tmp_path, monkeypatch):
  source, config, steps, begun = Ticket.load(folder), configured(folder), [], {}
  train = elastic.Trainer.train

  def noted(self, *args):
    steps.append((self.step, args[2]))
    begun.update(begun or self.values())
    return train(self, *args)

  monkeypatch.setattr(elastic.Trainer, 'train', noted)
  ticket = drawn(tmp_path / 'run', config)
  plan = elastic.plan(config, tiny.STEPS_PER_EPOCH)
  assert steps == [(step, plan.learning_rate(step)) for step in range(STEP, 2 * tiny.STEPS_PER_EPOCH)]
  assert ticket.arch == ticket.supernet == dataclasses.replace(ARCH, stages=(StageSpec((3,), (4,)),)) and ticket.sparsity == 0.5
  for place, block in ((0, 0), (1, 0), (2, 1)):
    name, theirs = (f'stage1/branch0/block{number}/k3/expand/kernel' for number in (place, block))
    np.testing.assert_array_equal(ticket.masks[name], source.masks[theirs])
    np.testing.assert_array_equal(ticket.early.values[name], source.early.values[theirs])
    np.testing.assert_array_equal(begun[name], source.early.values[theirs] * source.masks[theirs])
    assert not ticket.weights[name][~ticket.masks[name]].any() and not np.array_equal(ticket.weights[name], ticket.early.values[name])
  assert Ticket.load(tmp_path / 'run' / 'tickets' / 'sparsity_0.5').early.step == STEP
  own = STEP_PASSES * ticket.cost.macs * tiny.BATCH * len(steps)
  assert ticket.provenance.training.macs == source.provenance.training.macs + own and ticket.provenance.source == source.fingerprint
  assert ticket.cost.supernet_macs == ticket.cost.macs and ticket.cost.supernet_prunable == ticket.cost.prunable
  assert ticket.cost.zeros == ticket.cost.supernet_zeros > 0


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_in_the_same_ticket(folder, tmp_path):
  config = configured(folder, shuffle_replicas=True)
  whole = drawn(tmp_path / 'whole', config)
  with tiny.interrupted():
    drawn(tmp_path / 'parts', config)
  assert drawn(tmp_path / 'parts', config).fingerprint == whole.fingerprint
  name = 'stage1/branch0/block1/k3/expand/kernel'
  assert not np.array_equal(whole.masks[name], Ticket.load(folder).masks[name.replace('block1', 'block0')])


@pytest.mark.slow
def test_a_stretched_ticket_is_squeezed_to_what_it_was(folder, tmp_path):
  source = Ticket.load(folder)
  drawn(tmp_path / 'run', configured(folder))
  back = drawn(tmp_path / 'back', configured(tmp_path / 'run', target_depth=2, epochs=1))
  assert back.arch == source.arch and all(np.array_equal(mask, source.masks[name]) for name, mask in back.masks.items())
  assert all(np.array_equal(value, source.early.values[name]) for name, value in back.early.values.items())


def test_the_plan_says_what_becomes_of_the_ticket_and_what_it_has_cost(folder, tmp_path):
  said = '\n'.join(dry_run.describe(tiny.task(), configured(folder), tmp_path / 'run'))
  assert 'source      the high-resolution network 2 (2 blocks), 50% of lottery' in said
  assert re.search(r'cost        of the source 5.5 epochs, [\d.e+]+ MACs; they count as its own', said)
  assert 'becomes     the high-resolution network 3 (3 blocks), 50' in said and 'blocks      stage1/branch0 0:0,1; 1:2' in said
  assert 'weights     the early ones of the source, from step 2 on' in said and 'mask of 50% stays as it is' in said


@pytest.mark.parametrize(('batch', 'step'), [(tiny.BATCH, 2), (4, 8), (32, 1), (12, 3), (96, 0)])
def test_training_goes_on_where_as_many_pictures_have_been_seen_whatever_the_batch(folder, batch, step):
  config = configured(folder, batch_size=batch)
  said = '\n'.join(elastic.tells(tiny.task(), config))
  assert f'from step {step} on' in said and (f'as many pictures as 2 steps of {tiny.BATCH}' in said) == (batch != tiny.BATCH)
  (left,) = elastic.trainings(config)
  assert left.epochs == pytest.approx(2 - step / (tiny.SIZES['train'] // batch))
  with pytest.raises(ConfigError, match=f'Received: step {step} of {step}') if step else contextlib.nullcontext():
    elastic.plan(dataclasses.replace(config, epochs=1), max(step, 1))


@pytest.mark.slow
def test_a_source_is_read_and_resized_once_for_a_plan_and_anew_once_it_has_changed(folder, tmp_path, monkeypatch):
  path = shutil.copytree(folder, tmp_path / 'ticket')
  read, resized, load, resizing = [], [], Ticket.load, elastic.resizing
  monkeypatch.setattr(elastic.Ticket, 'load', lambda path: read.append(path) or load(path))
  monkeypatch.setattr(elastic, 'resizing', lambda *args: resized.append(args) or resizing(*args))
  config = configured(path)
  tuple(dry_run.describe(tiny.task(), config, tmp_path / 'run'))
  elastic.trainings(dataclasses.replace(config, seed=5))
  assert len(read) == len(resized) == 1
  tiny.winner(tiny.task(), ARCH, STEP + 1).save(path)
  assert (
    'from step 3 on' in '\n'.join(elastic.tells(tiny.task(), config)) and len(read) == 2 + 1
  )  # One to see whether weights are other ones.


def test_a_comparison_refuses_a_source_of_another_task_before_it_begins(folder):
  runs = [configured(folder, seed=seed) for seed in (0, 1)]
  possible.check(runs, tiny.task())
  with pytest.raises(ConfigError, match='Received: 4 outputs of classification at 12x12, and a ticket of 3'):
    possible.check(runs, tiny.four())


def test_runs_that_are_squeezed_differently_are_described_as_they_become(tmp_path):
  arch = dataclasses.replace(tiny.SPECK, stages=(StageSpec((2,), (4,)), StageSpec((3, 2), (4, 8))), head_channels=(4, 8))
  tiny.winner(tiny.task(), arch, STEP).save(tmp_path / 'ticket')
  said = '\n'.join(elastic.tells(tiny.task(), configured(tmp_path / 'ticket', target_depth=0, block_map='0:0 | | ')))
  assert 'network (2, 3, 2 blocks)' in said and 'becomes     the high-resolution network (1, 3, 2 blocks)' in said


@pytest.mark.slow
def test_a_ticket_without_early_weights_begins_with_its_own_and_says_so(tmp_path, capsys):
  trainer = tiny.trainer(ARCH, pruned=True, searching=False)
  trainer.prune(0.5, final=True)
  ticket = cut(trainer, (), 0.5, Provenance(method='gmp', config=trainer.config.flat()))
  ticket.save(tmp_path / 'ticket')
  found = drawn(tmp_path / 'run', configured(tmp_path / 'ticket', epochs=1, learning_rate=1e-12, weight_decay=0.0))
  assert "the source's own, from step 0 on, since it has no early ones" in capsys.readouterr().out and found.early is None
  name = 'stage1/branch0/block0/k3/expand/kernel'
  np.testing.assert_allclose(found.weights[name], ticket.weights[name], atol=1e-6)
  for chosen, message in (
    ('early', 'Tickets of lottery have early weights. .* a ticket of gmp'),
    ('', 'shuffle_replicas with the trained'),
  ):
    config = configured(tmp_path / 'ticket', stretched_weights=chosen, shuffle_replicas=not chosen)
    with pytest.raises(ConfigError, match=message):
      elastic.plan(config, tiny.STEPS_PER_EPOCH)


@pytest.mark.slow
def test_training_can_begin_at_step_0_with_the_first_weights_of_the_source(folder, tmp_path):
  supernet = tmp_path / 'arch.json'
  supernet.write_text(presets.to_text(ARCH))
  source = Ticket.load(folder)
  config = tiny.config(method='lottery', supernet=str(supernet), sparsity=(0.5,), seed=5)
  dataclasses.replace(source, provenance=dataclasses.replace(source.provenance, config=config.flat())).save(tmp_path / 'ticket')
  ticket = drawn(tmp_path / 'run', configured(tmp_path / 'ticket', stretched_weights='first', epochs=1))
  assert ticket.early.step == 0 and ticket.provenance.steps == tiny.STEPS_PER_EPOCH
  first, name = moving.first_values(Ticket.load(tmp_path / 'ticket')), 'stage1/branch0/block0/k3/expand/kernel'
  assert all(np.array_equal(ticket.early.values[name.replace('block0', block)], first[name]) for block in ('block0', 'block1'))
  with pytest.raises(ConfigError, match='Received: --stretched_weights=first and a ticket whose run began with the weights of'):
    elastic.draw(tiny.task(), configured(tmp_path / 'run', stretched_weights='first', target_depth=4), None)


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'source': ''}, '--method=elastic stretches or squeezes a ticket. Received: no --source. Write --source=FOLDER'),
    ({'source': 'gone'}, 'A ticket is a folder with ticket.json. Received: gone, which does not exist'),
    ({'target_depth': 0}, 'makes a network of another depth. Received: no depth. Write --target_depth=NUMBER, --block_map=MAP'),
    ({'sparsity': (0.9,)}, 'A ticket keeps its sparsity. Received: 0.9, and --source of 0.5'),
    ({'sparsity': (0.3, 0.5)}, 'A ticket keeps its sparsity. Received: 0.3, 0.5'),
  ],
)
def test_what_no_run_can_be_planned_with_is_refused(changes, message, folder):
  with pytest.raises(UserError, match=message):
    elastic.plan(configured(folder, **changes), tiny.STEPS_PER_EPOCH)


def test_no_training_would_be_left_where_the_early_weights_are_late(folder):
  with pytest.raises(ConfigError, match='Received: step 2 of 2. Raise --epochs, or begin at step 0 by --stretched_weights=first'):
    elastic.plan(configured(folder, epochs=1), 2)


def test_another_task_is_refused(folder):
  with pytest.raises(
    ConfigError, match='Received: 4 outputs of classification at 12x12, and a ticket of 3 outputs of classification at 8x8'
  ):
    list(elastic.tells(tiny.four(), configured(folder)))


def test_a_source_of_another_family_is_refused(folder):
  with pytest.raises(SpecError, match='a source of the high-resolution network with 1 runs of blocks, and --supernet of cifar_res'):
    list(elastic.tells(tiny.task(), configured(folder, supernet='cifar_resnet:14', weights='none', target_depth=0)))


def test_a_run_with_one_ticket_is_a_source_and_of_several_the_sparsity_says_which(folder, tmp_path):
  run = folder.parent.parent
  request = Request.of(tiny.SETTINGS | {'method': 'elastic', 'source': str(run), 'target_depth': 3, 'sparsity': (0.5,), 'epochs': 2})
  request.check_there()
  _, config = drawing.prepared(request, tiny.task())
  assert config.elastic.source == str(folder) and config.pruning.sparsity == (0.5,)
  other = dataclasses.replace(request, given={**request.given, 'sparsity': (0.9,)})
  with pytest.raises(UserError, match=r"A run's ticket is named by its sparsity. Received: --sparsity=0.9, of .*run, which has 0.5. Write"):
    other.check_there()


def test_a_source_is_refused_where_no_method_reads_it(folder):
  given = {'task': 'module:tests.tiny', 'source': str(folder), 'target_depth': 3}
  with pytest.raises(ConfigError, match='--source is read by --method=elastic alone. Received: --source=.* with lottery. Leave it out, or'):
    drawing.prepared(Request.of(given | {'method': 'lottery'}), tiny.task())
  with pytest.raises(ConfigError, match='Received: --source=.* with gmp, snip'):
    Comparison.prepared(Request.of(given), Options(methods='gmp,snip:epochs=2'), 'command')
  with pytest.raises(ConfigError, match='Received: --source=.* with transfer'):
    Transfer.prepared(Request.of(given), folder, task=tiny.task())


def test_settings_of_the_source_are_those_of_the_training_that_goes_on(folder, capsys):
  given = {'task': 'module:tests.tiny', 'method': 'elastic', 'source': str(folder), 'target_depth': 3, 'momentum': 0.8}
  task, config = drawing.prepared(Request.of(given), tiny.task())
  assert (config.epochs, config.batch_size, config.training.learning_rate, config.training.momentum) == (3, tiny.BATCH, 0.05, 0.8)
  assert config.pruning.sparsity == (0.5,) and 'epochs 3: as of the source' in capsys.readouterr().out
  assert drawing.with_supernet(task, config).supernet == '' and claimed.default_path(config).name.endswith('-elastic-sparsity_0.5-0')
  with pytest.raises(ConfigError, match='--source brings weights and pixels. Received: --init_from=x too. Leave out one'):
    drawing.prepared(Request.of(given | {'init_from': 'x'}), tiny.task())


def test_a_comparison_takes_it_at_the_sparsity_of_a_ticket_and_its_budget_counts_what_the_source_has_cost(folder):
  (entry,) = entries('elastic')
  base = configured(folder.parent.parent, sparsity=(0.8,), epochs=4)
  config = config_of(Cell(entry, 0.5, 7), base, 0.1)
  assert config.elastic.source == str(folder) and (config.seed, config.pruning.sparsity) == (7, (0.5,))
  check(config, tiny.STEPS_PER_EPOCH)
  source = Ticket.load(folder)
  own = 4 - STEP / tiny.STEPS_PER_EPOCH
  assert spent(config, 10**6) == pytest.approx(own + source.provenance.training.macs / (STEP_PASSES * 10**6 * tiny.SIZES['train']))
  (gmp,) = entries('gmp')
  assert config_of(Cell(gmp, 0.5, 7), base, 0.1).elastic == Config().elastic
  with pytest.raises(UserError, match='Received: --sparsity=0.8, of'):
    config_of(Cell(entry, 0.8, 7), base, 0.1)


@pytest.mark.slow
def test_a_winning_ticket_of_shapes_is_drawn_and_stretched_for_two_epochs(tmp_path):
  own = {
    'task': 'shapes',
    'train_examples': 96,
    'batch_size': 32,
    'epochs': 2,
    'learning_rate': 0.05,
    'sparsity': (0.5,),
    'prune_rounds': 1,
  }
  task = tasks.load('shapes', DataConfig(train_examples=96))
  folders = []
  for name, settings in (
    ('winner', own | {'method': 'lottery', 'supernet': 'cifar_resnet:14', 'weights': 'none'}),
    ('elastic', {'task': 'shapes', 'train_examples': 96, 'method': 'elastic', 'source': str(tmp_path / 'winner'), 'target_depth': 20}),
  ):
    found, config = drawing.prepared(Request.of(settings), task)
    folders += drawing.draw_into(found, config, Workdir(tmp_path / name, config), delivered=name == 'elastic')
  winner, ticket = map(Ticket.load, folders)
  assert winner.early.step == 1 and ticket.arch == families.supernet('cifar_resnet:20', task.head, (32, 32))
  assert ticket.provenance.training.macs > winner.provenance.training.macs and 'test' in ticket.metrics
  assert (folders[-1] / 'report' / 'index.html').is_file()
