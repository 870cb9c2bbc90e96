"""The recipes: their values against the reference, the networks against the golden numbers, what flags beside them do."""

import dataclasses
import math

import pytest

from st_tf import train
from st_tf.arch.presets import PRESETS
from st_tf.arch.specs import BlockSpec, layout
from st_tf.config import Config, ConfigError, recipes
from st_tf.config.duration import Duration
from st_tf.config.recipes import RECIPES
from st_tf.models import build, cost
from st_tf.task import size_settings
from st_tf.training.plan import Plan
from tests.golden import CASES, arch

NAMES = list(RECIPES)


def config(name: str, **given) -> Config:
  return Config.from_flat(recipes.combine(name, given)[0])


def plan(name: str, **given) -> Plan:
  """In epochs of as many steps as the recipe's own task has."""
  chosen = config(name, **given)
  return Plan.of(chosen, RECIPES[name].sizes['train'] // chosen.batch_size)


def shape(name: str) -> tuple[int, int]:
  chosen = RECIPES[name].settings
  return chosen['image_size'], chosen.get('image_width', chosen['image_size'])


@pytest.mark.parametrize('name', NAMES)
def test_a_recipe_is_settings_that_a_run_can_have(name):
  found = config(name).flat()
  assert found['task'] == name == RECIPES[name].task and found['supernet'] in PRESETS
  assert found == Config.from_flat(found | dict(RECIPES[name].settings)).flat()
  assert size_settings(shape(name)).items() <= RECIPES[name].settings.items()


# METHODS, section 2, and the reference's configurations.
@pytest.mark.parametrize(
  ('name', 'epochs', 'batch', 'rate', 'decay', 'penalty', 'prune', 'search'),
  [
    ('imagenet', 350, 512, 0.016 * 512 / 256, 1e-5, 1.8e-4, 25, 10),
    ('cityscapes', 430, 32, 0.04, 1e-5, 1.4e-4, 25, 10),
    ('ade20k', 200, 64, 0.04, 1e-5, 1.4e-4, 15, 25),
    ('coco', 210, 384, 1e-3, 1e-8, 1e-6, 15, 30),
  ],
)
def test_the_values_are_the_papers(name, epochs, batch, rate, decay, penalty, prune, search):
  found = config(name)
  assert (found.epochs, found.batch_size, found.training.learning_rate, found.training.weight_decay) == (epochs, batch, rate, decay)
  intervals = (found.pruning.prune_interval, found.search.search_interval)
  assert found.search.penalty == penalty and intervals == (Duration(prune, 'epochs'), Duration(search, 'epochs'))
  assert found.pruning.sparsity == (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98) and not found.search.has_target


@pytest.mark.parametrize(
  ('name', 'optimizer', 'epsilon', 'smoothing', 'schedule', 'deviation'),
  [
    ('imagenet', 'rmsprop', 1e-3, 0.1, 'step', 0.0),
    ('cityscapes', 'adam', 1e-3, 0.0, 'one_cycle', 0.0),
    ('ade20k', 'adam', 1e-3, 0.0, 'one_cycle', 0.0),
    ('coco', 'adam', 1e-8, 0.0, 'milestones', 1e-3),
  ],
)
def test_the_optimizers_are_the_references(name, optimizer, epsilon, smoothing, schedule, deviation):
  found = config(name).training
  assert (found.optimizer, found.optimizer_epsilon, found.label_smoothing) == (optimizer, epsilon, smoothing)
  assert (found.learning_rate_schedule, found.initial_deviation, found.ema_decay) == (schedule, deviation, 0.9999)
  assert name != 'imagenet' or found.momentum == 0.9


@pytest.mark.slow
@pytest.mark.parametrize('name', [name if name == 'imagenet' else pytest.param(name, marks=pytest.mark.long) for name in NAMES])
def test_a_dry_run_says_parameters_macs_and_schedule_without_data(name, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr('st_tf.api.dry_run.seconds_of_steps', lambda task, config: (0.5, 0.1))
  assert train.main(['train', f'--recipe={name}', '--dry_run', f'--workdir={tmp_path / "run"}']) == 0
  said = capsys.readouterr().out
  params, macs = {
    'imagenet': ('13,243,868', '2,422,799,760'),
    'cityscapes': ('10,110,235', '61,836,632,064'),
    'ade20k': ('10,427,706', '36,114,665,472'),
    'coco': ('10,110,053', '5,796,631,296'),
  }[name]
  assert params in said and macs in said and f'{config(name).epochs} epochs of' in said


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(('name', 'case'), [('imagenet', 'full_cls'), ('cityscapes', 'full_seg'), ('coco', 'full_pose')])
def test_the_supernet_is_the_references(name, case):
  recipe, golden = RECIPES[name], CASES[case]
  found = cost.of(build(PRESETS[recipe.settings['supernet']], recipe.head, (*shape(name), 3)))
  _, _, height, width = golden['input_shape_nchw']
  # All branches of these sizes are whole, so that MACs are as many times more as pixels.
  assert found.params == golden['parameters']
  assert found.macs == golden['macs_per_image'] * math.prod(shape(name)) // (height * width)
  arch, reference = PRESETS[recipe.settings['supernet']], golden['config']
  assert (arch.bn_momentum, arch.bn_epsilon) == pytest.approx((1 - reference['bn_momentum'], reference['bn_epsilon']))


def test_ade20ks_supernet_differs_from_cityscapes_in_its_end_alone():
  wide, channels, units = 180, sum((18, 36, 72, 144)), 4 * sum((18, 36, 72, 144))
  more = {
    'project': 3 * units * (wide - 90),
    'skip': channels // math.gcd(channels, wide) * wide - channels // math.gcd(channels, 90) * 90,
    'last': wide * 150 - 90 * 19,
  }
  ade20k, cityscapes = PRESETS['hrnas_ade20k'], PRESETS['hrnas_cityscapes']
  assert dataclasses.replace(ade20k, last_channel=90) == cityscapes
  golden, found = CASES['full_seg'], []
  # high_resolution_test.py builds the network of full_seg; head_channels are for a classification head alone.
  assert dataclasses.replace(cityscapes, head_channels=()) == arch('full_seg')[0]
  # What the stages' blocks hold is the same in both; without it they are built in a second.
  for whole, recipe in ((ade20k, 'ade20k'), (cityscapes, 'cityscapes')):
    head = RECIPES[recipe].head
    emptied = {block.name: BlockSpec(()) for block in layout(whole, head) if not block.name.startswith('head/')}
    found.append(cost.of(build(whole.with_searched(emptied), head, (512, 512, 3))))
  params, macs = found[0].params - found[1].params, found[0].macs - found[1].macs
  assert params == sum(more.values()) + 2 * (wide - 90) + 150 - 19 and golden['parameters'] + params == 10_427_706
  assert macs == 128 * 128 * sum(more.values())
  assert golden['macs_per_image'] * 512 * 512 // (128 * 256) + macs == 36_114_665_472


@pytest.mark.parametrize('name', NAMES)
def test_the_kth_ranking_removes_k_tenths_and_the_last_look_is_not_after_the_last_ranking(name):
  found, interval = plan(name), config(name).pruning.prune_interval.amount
  at = {k: found.pruning.sparsity_at(round(k * interval * found.steps_per_epoch)) for k in (1, 2, 9, 10, 11)}
  assert at == pytest.approx({1: 0.1, 2: 0.2, 9: 0.9, 10: 0.98, 11: 0.98})
  assert all(found.pruning.is_event(round(k * interval * found.steps_per_epoch)) for k in at)
  assert found.search_end == found.pruning.end_step < found.total_steps
  assert found.ramp_steps == 25 * found.steps_per_epoch


def test_imagenets_rate_falls_by_097_every_24_epochs_after_five_of_warm_up():
  found = plan('imagenet')
  epoch = found.steps_per_epoch
  assert epoch == 1_271_167 // 512 == 2482
  rates = [found.learning_rate(round(at * epoch)) for at in (2.5, 5, 7.3, 7.5, 5 + 24.1)]
  assert rates == pytest.approx([0.016, 0.032, 0.032, 0.032 * 0.97, 0.032 * 0.97**10], rel=1e-3)


def test_cocos_rate_falls_to_a_tenth_at_170_and_at_200():
  found = plan('coco')
  rates = [found.learning_rate(epoch * found.steps_per_epoch - before) for epoch in (170, 200) for before in (1, 0)]
  assert rates == pytest.approx([1e-3, 1e-4, 1e-4, 1e-5])
  assert found.pruning.end_step < 170 * found.steps_per_epoch, 'the rate falls after the mask is final'


def test_a_shorter_training_keeps_the_proportions_of_search_and_pruning():
  found = plan('cityscapes', epochs=86)
  assert found.pruning.end_step == 75 * found.steps_per_epoch == found.search_end


@pytest.mark.parametrize('name', NAMES)
def test_what_is_given_wins(name):
  given = {'epochs': 7, 'supernet': 'tiny', 'sparsity': (0.5,), 'optimizer': 'sgd', 'task': 'shapes', 'penalty': 0.0}
  found = recipes.combine(name, given)[0]
  assert {key: found[key] for key in given} == given
  assert found == dict(RECIPES[name].settings) | given


def test_the_rate_scales_with_the_batch_when_asked_and_says_so():
  found, notes = recipes.combine('imagenet', {'batch_size': 64}, scale_with_batch=True)
  assert found['learning_rate'] == pytest.approx(0.032 / 8)
  assert notes == ['learning rate 0.004: 0.032 for batches of 512, scaled to 64']


def test_without_being_asked_the_rate_stays_and_that_is_said():
  found, notes = recipes.combine('imagenet', {'batch_size': 64})
  assert found['learning_rate'] == 0.032
  assert notes == ['learning rate 0.032 is for batches of 512, not 64; --scale_with_batch scales it']
  assert recipes.combine('imagenet', {'batch_size': 64, 'learning_rate': 0.01})[1] == recipes.combine('imagenet', {})[1] == []


def test_a_rate_that_is_given_is_not_scaled_behind_the_users_back():
  with pytest.raises(ConfigError, match=r"scales the recipe's learning rate\. Received: --learning_rate=0\.1 too\. Leave out one"):
    recipes.combine('coco', {'learning_rate': 0.1, 'batch_size': 32}, scale_with_batch=True)


def test_an_unknown_recipe_names_the_nearest():
  with pytest.raises(ConfigError, match=r"--recipe is one of imagenet, cityscapes, ade20k, coco\. Received: 'cocoa'\. Did you mean coco\?"):
    recipes.combine('cocoa', {})


def test_a_recipe_fits_tasks_of_its_kind():
  recipes.check_fits('cityscapes', 'segmentation:camvid', 'miou')
  with pytest.raises(ConfigError, match=r'tasks scored by ap\. Received: --task=shapes, scored by top1\. Use --recipe=imagenet, or none'):
    recipes.check_fits('coco', 'shapes', 'top1')
  with pytest.raises(ConfigError, match=r'scored by miou\. Use --recipe=cityscapes or --recipe=ade20k, or none'):
    recipes.check_fits('coco', 'segmentation:camvid', 'miou')
  with pytest.raises(ConfigError, match=r'scored by bleu\. Use none'):
    recipes.check_fits('coco', 'module:mine', 'bleu')


def test_a_message_about_a_size_that_the_user_has_not_given_says_who_has():
  shown = recipes.explained('coco', '--image_width means nothing here.')
  assert shown == '--image_width means nothing here. (--recipe=coco is for tasks scored by ap and sets --image_size=256 --image_width=192.)'
  assert recipes.explained('coco', 'No such folder.') == 'No such folder.'
