import dataclasses
import json

from absl import flags as absl_flags
import pytest

from st_tf.config import Config, ConfigError, flags, leaves
from st_tf.config.duration import epochs
from st_tf.config.flags import FlagError


@dataclasses.dataclass(frozen=True)
class _Options:
  workdir: str = dataclasses.field(default='runs', metadata={'help': 'Folder of the run.'})
  fresh: bool = dataclasses.field(default=False, metadata={'help': 'Start over.'})


def _values() -> absl_flags.FlagValues:
  values = absl_flags.FlagValues()
  flags.define_config(values)
  flags.define(values, dataclasses.fields(_Options))
  return values


def _config(*arguments: str) -> Config:
  values = _values()
  flags.parse(['train', *arguments], values)
  return flags.request(values).resolved()


def test_no_flags_give_the_default_settings():
  assert _config() == Config()


def test_a_task_has_settings_of_its_own_in_the_place_of_the_defaults_and_of_nothing_else(tmp_path):
  own = {'optimizer': 'adam', 'learning_rate': 0.003, 'epochs': 7}
  path = tmp_path / 'config.json'
  path.write_text('{"epochs": 8}')
  values = _values()
  flags.parse(['train', '--learning_rate=0.5', f'--config={path}'], values)
  found = flags.request(values).resolved(own)
  assert (found.training.optimizer, found.training.learning_rate, found.epochs) == ('adam', 0.5, 8)
  values = _values()
  flags.parse(['train', '--recipe=coco'], values)
  assert flags.request(values).resolved(own).training.learning_rate == 1e-3


def test_every_setting_can_be_given_as_the_text_that_the_help_shows():
  written = [f'--{name}={flags.shown(value)}' for name, value in Config().flat().items()]
  assert _config(*written) == Config()


@pytest.mark.parametrize(
  ('arguments', 'name', 'value'),
  [
    (['--epochs=3'], 'epochs', 3),
    (['--epochs', '3'], 'epochs', 3),
    (['-epochs=3'], 'epochs', 3),
    (['--epochs=3', '--epochs=4'], 'epochs', 4),
    (['--learning_rate=1e-3'], 'learning_rate', 0.001),
    (['--target_macs=2000000'], 'target_macs', 2e6),
    (['--sparsity=0.9'], 'sparsity', (0.9,)),
    (['--sparsity=0.8,0.9,.95'], 'sparsity', (0.8, 0.9, 0.95)),
    (['--sparsity=0.8, 0.9'], 'sparsity', (0.8, 0.9)),
    (['--prune_stem'], 'prune_stem', True),
    (['--prune_stem=true'], 'prune_stem', True),
    (['--prune_stem', '--noprune_stem'], 'prune_stem', False),
    (['--prune_stem=False'], 'prune_stem', False),
    (['--task=folder:a=b'], 'task', 'folder:a=b'),
    (['--optimizer=adamw'], 'optimizer', 'adamw'),
    (['--data_dir='], 'data_dir', ''),
  ],
)
def test_a_flag_sets_its_setting(arguments, name, value):
  actual = _config(*arguments).flat()[name]
  assert actual == value and type(actual) is type(value)


def test_a_flag_wins_over_the_file_and_the_file_over_the_default(tmp_path):
  path = tmp_path / 'config.json'
  path.write_text(json.dumps({'epochs': 3, 'seed': 5, 'prune_stem': True}))
  config = _config(f'--config={path}', '--epochs=4', '--noprune_stem')
  assert config == Config.from_flat({'epochs': 4, 'seed': 5})


def test_a_flag_given_at_its_default_still_wins_over_the_file(tmp_path):
  path = tmp_path / 'config.json'
  path.write_text(json.dumps({'epochs': 3}))
  assert _config(f'--config={path}', f'--epochs={Config().epochs}') == Config()


def test_a_run_can_be_repeated_from_the_file_it_wrote(tmp_path):
  path = tmp_path / 'config.json'
  config = _config('--sparsity=0.5,0.7', '--ranking=lamp', '--mixup=0.2')
  path.write_text(config.to_json())
  assert _config(f'--config={path}') == config


def test_a_ticket_to_start_from_replaces_the_supernet_of_the_file(tmp_path):
  path = tmp_path / 'config.json'
  path.write_text(json.dumps({'supernet': 'tiny', 'epochs': 3}))
  found = _config(f'--config={path}', '--init_from=ticket')
  assert (found.supernet, found.epochs) == ('', 3)
  assert _config(f'--config={path}', '--init_from=ticket', '--supernet=cifar').supernet == 'cifar'


def test_a_file_is_judged_together_with_the_flags_beside_it(tmp_path):
  path = tmp_path / 'config.json'
  path.write_text(json.dumps({'fine_tune_epochs': 20}))
  assert _config(f'--config={path}', '--epochs=50').training.fine_tune_epochs == 20
  with pytest.raises(ConfigError, match=r'--fine_tune_epochs is less than --epochs.*config.json and of the command line'):
    _config(f'--config={path}')


def test_a_flag_wins_over_the_recipe_and_the_recipe_over_the_default():
  found = _config('--recipe=coco', '--epochs=7', '--seed=3')
  assert (found.task, found.epochs, found.seed, found.training.learning_rate_milestones) == ('coco', 7, 3, (epochs(170.0), epochs(200.0)))
  assert found.data.data_dir == Config().data.data_dir
  assert _config('--recipe=coco', f'--epochs={Config().epochs}').epochs == Config().epochs


def test_a_run_of_a_recipe_can_be_repeated_from_the_file_it_wrote(tmp_path):
  config = _config('--recipe=imagenet', '--batch_size=64', '--scale_with_batch')
  (tmp_path / 'config.json').write_text(config.to_json())
  assert config.training.learning_rate == pytest.approx(0.004) and _config(f'--config={tmp_path / "config.json"}') == config


def test_a_ticket_to_start_from_replaces_the_supernet_of_the_recipe():
  assert _config('--recipe=coco', '--init_from=ticket').supernet == ''
  assert _config('--recipe=coco', '--init_from=weights.npz').supernet == 'hrnas_coco'


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['--recipe=imagnet'], r"--recipe is one of imagenet, .*Received: 'imagnet'\. Did you mean imagenet\?"),
    (['--recipe=coco', '--config=a.json'], r'from a file or from a recipe\. Received: --config=a\.json and --recipe=coco\. Leave out one'),
    (['--scale_with_batch'], r'--scale_with_batch goes with a recipe\. Received: none\. Add --recipe='),
    (['--recipe=coco', '--epochs=0'], r'--epochs is at least 1\..*\(Settings of --recipe=coco and of the command line\.\)'),
  ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(arguments, message):
  with pytest.raises(ConfigError, match=message):
    _config(*arguments)


@pytest.mark.parametrize('content', [b'{', b'[]', b'\xff\xfe', b'{"epoch": 3}', b'{"epochs": "3"}', b'{"method": "sgd"}'])
def test_a_bad_file_of_settings_is_named(content, tmp_path):
  (tmp_path / 'bad.json').write_bytes(content)
  with pytest.raises(ConfigError, match='bad.json'):
    _config(f'--config={tmp_path / "bad.json"}')


def test_a_file_of_settings_that_cannot_be_read_is_named(tmp_path):
  for path in (tmp_path / 'gone.json', tmp_path):
    with pytest.raises(ConfigError, match=f'--config names a readable JSON file. Received: .*{path.name}.*config.json'):
      _config(f'--config={path}')


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['--sparsty=0.9'], 'Unknown flag --sparsty. Did you mean --sparsity?'),
    (['--sparsty', '0.9'], 'Unknown flag --sparsty. Did you mean --sparsity?'),
    (['--lr=0.1'], 'Unknown flag --lr. Did you mean --learning_rate?'),
    (['--noprune_sten'], 'Unknown flag --noprune_sten. Did you mean --noprune_stem?'),
    (['--frsh'], 'Unknown flag --frsh. Did you mean --fresh?'),
    (['--zzz'], 'Unknown flag --zzz. --helpfull lists all flags.'),
    (['--notask'], 'Unknown flag --notask. Did you mean --task?'),
    (['--epochs'], 'A flag is written --name=value. Received: Missing value for flag --epochs. --helpfull lists all flags.'),
    (
      ['--noprune_stem=1'],
      'A flag is written --name=value. Received: --noprune_stem=1 does not take an argument. --helpfull lists all flags.',
    ),
    (['task=shapes'], "Every argument is a flag, --name=value. Received: 'task=shapes'. Did you mean --task=shapes?"),
    (['shapes'], "Every argument is a flag, --name=value. Received: 'shapes'. --helpfull lists all flags."),
    (
      ['--sparsity=0.8', '0.9'],
      "Every argument is a flag, --name=value. Received: '0.9'. Several numbers are written with commas: --sparsity=0.8,0.9.",
    ),
  ],
)
def test_a_command_line_that_cannot_be_understood_says_the_way_out(arguments, message):
  with pytest.raises(FlagError) as error:
    _config(*arguments)
  assert str(error.value) == message


@pytest.mark.parametrize(
  ('argument', 'message'),
  [
    ('--epochs=ten', "--epochs is a whole number. Received: 'ten'. Write for example --epochs=16."),
    ('--epochs=1.5', "--epochs is a whole number. Received: '1.5'. Write for example --epochs=16."),
    ('--epochs=', "--epochs is a whole number. Received: ''. Write for example --epochs=16."),
    ('--learning_rate=nan', '--learning_rate is a number. Received: nan. Write for example --learning_rate=0.1.'),
    ('--sparsity=a,b', "--sparsity is one number or several. Received: 'a,b'. Write for example --sparsity=0.9."),
    ('--sparsity=90', '--sparsity lies in [0, 1). Received: 90. Write 90 percent as --sparsity=0.9.'),
    ('--sparsity=1', '--sparsity lies in [0, 1). Received: 1. Write 90 percent as --sparsity=0.9.'),
    ('--prune_stem=maybe', "--prune_stem is true or false. Received: 'maybe'. Write for example --prune_stem or --noprune_stem."),
    ('--optimizer=rmspop', "--optimizer is one of sgd, rmsprop, adam, adamw. Received: 'rmspop'. Did you mean rmsprop?"),
    ('--epochs=0', '--epochs is at least 1. Received: 0.'),
  ],
)
def test_a_value_that_a_flag_cannot_have_says_the_rule_and_the_way_out(argument, message):
  with pytest.raises(ConfigError) as error:
    _config(argument)
  assert str(error.value) == message


def test_a_commands_own_options_come_as_their_dataclass():
  values = _values()
  flags.parse(['train', '--fresh', '--workdir=here'], values)
  assert flags.options_from(values, _Options) == _Options(workdir='here', fresh=True)


def test_two_command_lines_in_one_process_do_not_share_flags():
  first, second = _values(), _values()
  flags.parse(['train', '--epochs=3'], first)
  flags.parse(['train'], second)
  assert (flags.request(first).resolved().epochs, flags.request(second).resolved().epochs) == (3, Config().epochs)


@pytest.mark.parametrize('arguments', [['--helpfull'], ['--sparsty=1', '--helpfull']])
def test_help_lists_every_flag_in_its_group_with_its_default_and_choices(arguments, capsys):
  with pytest.raises(SystemExit) as end:
    flags.parse(['train', *arguments], _values(), 'Draws a ticket.')
  assert end.value.code == 0
  text = capsys.readouterr().out
  words = ' '.join(text.split())
  assert text.startswith('Draws a ticket.\n')
  lines = [line.strip() for line in text.splitlines()]
  for field in (*leaves(), *dataclasses.fields(_Options)):
    assert (f'--[no]{field.name}' if field.type is bool else f'--{field.name}') in lines
    assert ' '.join(field.metadata['help'].split()) in words
  assert '--config' in lines
  assert 'One of global, macs, lamp, layer, erk. (default: erk)' in words
  assert '(default: 0.9)' in words and '(default: empty)' in words and '(default: false)' in words
  headings = [line.partition(':')[0] for line in text.splitlines() if line and not line.startswith(' ')][2:]
  groups = ['search', 'pruning', 'training', 'transfer', 'pipeline', 'tuner', 'evolution', 'elastic', 'data']
  assert headings == ['run', *groups]


def test_help_shows_the_flags_that_matter_and_how_to_see_the_others(capsys):
  with pytest.raises(SystemExit):
    flags.parse(['train', '--help'], _values(), 'Draws a ticket.', unread=('method',))
  lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
  shown = [line for line in lines if line.startswith('--') and ' ' not in line]
  assert {'--task', '--sparsity', '--workdir', '--config'} <= {*shown} and not {'--method', '--layer_floor', '--mixup'} & {*shown}
  everything = len(list(_values()))
  assert lines[-1] == f'--helpfull shows {everything - 1 - len(shown)} more flags; docs/settings.md says which of them matter when.'


def test_a_command_without_a_run_s_settings_shows_all_of_its_own(capsys):
  with pytest.raises(SystemExit):
    flags.read_options(['command', '--help'], _Options, 'Does something.')
  text = capsys.readouterr().out
  assert all(f'{field.name}\n' in text for field in dataclasses.fields(_Options)) and '--helpfull' not in text


def test_words_that_are_no_flags_are_handed_on_where_a_command_takes_them():
  options, words = flags.read_options_and_words(['command', 'a b.jpg', 'c,d.jpg'], _Options, '')
  assert words == ['a b.jpg', 'c,d.jpg'] and options == _Options()
