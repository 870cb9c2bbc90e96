import dataclasses
import json

import pytest

from st_tf.config import Config, ConfigError, PruningConfig, SearchConfig, TrainingConfig, leaves
from st_tf.config.duration import Duration, share
from st_tf.errors import UserError
from st_tf.task import DataConfig

# A value of each setting that differs from its default and that a run can have.
OTHER_VALUES = {
  **{
    'task': 'shapes',
    'method': 'dense',
    'supernet': 'tiny',
    'init_from': 'ticket',
    'source': 'winner',
    'block_map': '0:0; 1:1,2',
    'block_order': 'appending',
    'stretched_weights': 'first',
    'cost': 'latency:table.json',
    'factor_step': 'subgradient',
    'weights': 'none',
    'pixels': 'bytes',
    'padding': 'exact',
    'unit_search': 'scores',
    'unit_multiple': 4,
    'factor': 'gamma',
    'penalised': 'least',
    'teacher': 'start',
    'strategy': 'mirrored',
    'batch_norm': 'per_replica',
    'precision': 'mixed_bfloat16',
    'teacher_pixels': 'units',
    'quantize': 'int8',
    'quantize_begin': share(0.7),
  },
  **{'sparsity': (0.5, 0.8), 'pruning_schedule': 'stepwise', 'reactivation': 'masked', 'ranking': 'lamp', 'optimizer': 'adamw'},
  **{
    'class_names': 'a,b',
    'void': '0',
    'category': 'person',
    'detections': 'boxes.json',
    'learning_rate_milestones': (share(0.3), share(0.6)),
  },
  **{'control': 'random_mask', 'input_stride': 2, 'tuner': 'random'},
  **{'space': 'mobilenet3_mt_tiny', 'first_macs': 2.0},
  **{'learning_rate_schedule': 'step', 'data_dir': 'elsewhere', 'class_weights': 'balanced', 'batch_size': 64},
}

CONTRADICTING = ('control', 'reactivate', 'precision')  # What other settings go without.


def other_value(field: dataclasses.Field):
  if field.name in OTHER_VALUES:
    return OTHER_VALUES[field.name]
  if field.type is Duration:
    return Duration(field.default.amount / 2 + 0.01, field.default.unit)
  return not field.default if field.type is bool else field.default + 1 if field.type is int else field.default / 2 + 0.01


def _all_other() -> Config:
  return Config.from_flat({field.name: other_value(field) for field in leaves() if field.name not in CONTRADICTING})


def test_every_setting_has_its_own_name_a_help_and_a_type_a_flag_can_have():
  names = [field.name for field in leaves()]
  assert len(names) == len(set(names))
  assert all(field.metadata['help'].endswith('.') for field in leaves())
  assert {field.type for field in leaves()} <= {str, int, float, bool, tuple[float, ...], Duration, tuple[Duration, ...]}


@pytest.mark.parametrize('config', [Config(), _all_other()])
def test_settings_survive_flat_and_json(config):
  assert Config.from_flat(config.flat()) == config
  assert Config.from_json(config.to_json()) == config
  assert list(config.flat()) == [field.name for field in leaves()]


def test_missing_settings_keep_their_defaults():
  assert Config.from_flat({}) == Config()
  config = Config.from_flat({'epochs': 3, 'penalty': 0.5, 'sparsity': [0.8, 0.9], 'optimizer': 'adamw', 'data_dir': 'there'})
  assert config == Config(
    epochs=3,
    search=SearchConfig(penalty=0.5),
    pruning=PruningConfig(sparsity=(0.8, 0.9)),
    training=TrainingConfig(optimizer='adamw'),
    data=DataConfig(data_dir='there'),
  )


@pytest.mark.parametrize(
  ('values', 'message'),
  [
    (
      {'method': 'supertiket'},
      r"^--method is one of supertickets, acdc, dense, .*tuner. Received: 'supertiket'. Did you mean supertickets\?$",
    ),
    ({'reactivation': 'xyz'}, r"^--reactivation is one of soft_threshold, masked, dense_gradient. Received: 'xyz'.$"),
    ({'sparsity': [1.0]}, r'^--sparsity lies in \[0, 1\). Received: 1. Write 90 percent as --sparsity=0.9.$'),
    ({'sparsity': -0.1}, r'--sparsity lies in \[0, 1\)'),
    ({'sparsity': [0.9, 0.8]}, 'several rising ones'),
    ({'sparsity': [0.8, 0.8]}, 'several rising ones'),
    ({'sparsity': []}, 'several rising ones'),
    ({'sparsity': ['0.8']}, r"--sparsity is one number or several. Received: \['0.8'\]. Write for example --sparsity=0.9."),
    ({'epochs': 0}, '^--epochs is at least 1. Received: 0.$'),
    ({'epochs': '3'}, "--epochs is a whole number. Received: '3'. Write for example --epochs=16."),
    ({'epochs': 2.5}, '--epochs is a whole number. Received: 2.5'),
    ({'epochs': True}, '--epochs is a whole number. Received: True'),
    ({'batch_size': 0}, '--batch_size is at least 1'),
    ({'replicas': 0}, '--replicas is at least 1'),
    ({'keep_checkpoints': 0}, '--keep_checkpoints is at least 1'),
    ({'seed': -1}, '--seed is not negative'),
    ({'population': 0}, '^--population is at least 1. Received: 0.$'),
    ({'finalists': 0}, '^--finalists is at least 1. Received: 0.$'),
    ({'ticket_macs': 0.0}, '^--ticket_macs is positive. Received: 0.0.$'),
    ({'ticket_macs': 1.1}, '^--ticket_macs is at most 1. Received: 1.1.$'),
    ({'largest_share': 2.0}, '^--largest_share is at most 1. Received: 2.0.$'),
    ({'ticket_sparsity': 1.0}, r'^--ticket_sparsity lies in \[0, 1\). Received: 1.0.$'),
    ({'first_macs': 0.9}, '^--first_macs is at least 1. Received: 0.9.$'),
    ({'target_params': -1}, '^--target_params is not negative. Received: -1.$'),
    ({'space': 'mobilenet'}, '^--space is one of , mobilenet3_mt, .* Received: .mobilenet.'),
    ({'fine_tune_epochs': 16}, '--fine_tune_epochs is less than --epochs. Received: 16 of 16'),
    ({'fine_tune_epochs': -1}, '--fine_tune_epochs is not negative'),
    ({'quantize': 'int4'}, r"^--quantize is one of .*int8. Received: 'int4'. Did you mean int8\?$"),
    ({'quantize_begin': -0.1}, '--quantize_begin is not negative'),
    (
      {'quantize': 'int8', 'precision': 'mixed_float16'},
      r'^--quantize rounds what is computed in float32\. Received: --precision=mixed_float16\. Leave one of them out\.$',
    ),
    ({'precision': 'half'}, r'^--precision is one of float32, mixed_bfloat16, mixed_float16'),
    (
      {'quantize': 'int8', 'quantize_begin': '16ep'},
      r'^--quantize_begin lies before the end of the training. Received: 16ep of 16 epochs. Lower it.$',
    ),
    ({'learning_rate': 0.0}, '--learning_rate is positive. Received: 0.0'),
    ({'learning_rate': float('nan')}, '--learning_rate is a number. Received: nan'),
    ({'learning_rate': float('inf')}, '--learning_rate is a number. Received: inf'),
    ({'learning_rate': None}, '--learning_rate is a number. Received: None'),
    ({'penalty': -1.0}, '--penalty is not negative'),
    ({'target_depth': -1}, '--target_depth is not negative'),
    ({'block_map': '0-0'}, r"^--block_map: A map has entries SOURCE:PLACE,PLACE .* Received: '0-0'. Write for example"),
    ({'block_order': 'interpolate'}, r"^--block_order is one of interpolation, appending. Received: 'interpolate'. Did you mean"),
    ({'target_macs': -1.0}, '--target_macs is not negative'),
    ({'prune_interval': 0.0}, '--prune_interval is positive'),
    ({'learning_rate_milestones': [0.6, 0.3]}, r'--learning_rate_milestones are rising positive durations. Received: 0.6,0.3.'),
    ({'learning_rate_milestones': [0, 0.5]}, 'rising positive durations'),
    ({'learning_rate_milestones': []}, 'rising positive durations'),
    ({'optimizer_epsilon': -1e-3}, '--optimizer_epsilon is not negative'),
    ({'initial_deviation': -1.0}, '--initial_deviation is not negative'),
    ({'momentum': 1.0}, r'--momentum lies in \[0, 1\)'),
    ({'image_size': -32}, '--image_size is not negative'),
    ({'randaugment': 1}, '--randaugment is true or false. Received: 1. Write for example --randaugment or --norandaugment.'),
    ({'task': 3}, '--task is text. Received: 3'),
    ({'epoch': 3}, r"^A configuration has only known settings. Received: 'epoch'. Did you mean epochs\?$"),
  ],
)
def test_a_setting_that_no_run_can_have_is_refused(values, message):
  with pytest.raises(ConfigError, match=message):
    Config.from_flat(values)


def test_settings_made_in_python_are_checked_too():
  with pytest.raises(ConfigError, match='--ranking is one of'):
    Config(pruning=PruningConfig(ranking='random'))
  with pytest.raises(ConfigError, match='--epochs is a whole number'):
    Config(epochs='3')
  with pytest.raises(ConfigError, match='PruningConfig.sparsity is a tuple. Received: 0.9.'):
    Config(pruning=PruningConfig(sparsity=0.9))


@pytest.mark.parametrize('text', ['', '{', '[]', '3', '"epochs"'])
def test_text_that_is_no_configuration_is_refused(text):
  with pytest.raises(ConfigError, match='A configuration is a JSON object. Received: '):
    Config.from_json(text)


def test_a_configuration_is_readable_json():
  assert json.loads(Config().to_json())['sparsity'] == [0.9]


def test_a_config_error_is_the_users_to_put_right():
  assert issubclass(ConfigError, UserError)


@pytest.mark.parametrize(
  'cost, target, message',
  [
    ('milliseconds', 0, r"--cost is macs or latency:FILE\. Received: 'milliseconds'"),
    ('latency:', 0, r"--cost is macs or latency:FILE\. Received: 'latency:'"),
    ('macs', 5.0, r'--target_latency_ms needs a table\. Received: --cost=macs\. Write --cost=latency:FILE'),
  ],
)
def test_a_latency_target_needs_a_table(cost, target, message):
  with pytest.raises(ConfigError, match=message):
    Config.from_flat({'cost': cost, 'target_latency_ms': target})
