from tests import tiny

SETTINGS = {'arch': tiny.SPECK, 'epochs': 2, 'sparsity': (0.7,)}


def events(workdir, name: str) -> list[dict]:
  return [row for row in workdir.history() if row['event'] == name]


def test_a_run_depends_on_its_seed_and_on_nothing_else(tmp_path):
  prints = [tiny.draw(tmp_path / name, **SETTINGS, seed=seed)[0].fingerprint for name, seed in (('first', 4), ('second', 4), ('other', 5))]
  assert prints[0] == prints[1] != prints[2]


def test_a_finished_run_gives_its_ticket_again_without_training(tmp_path, monkeypatch):
  ticket, _ = tiny.draw(tmp_path / 'run', **SETTINGS)
  monkeypatch.setattr('st_tf.trainer.Trainer.train', None)
  again, workdir = tiny.draw(tmp_path / 'run', **SETTINGS)
  assert again.fingerprint == ticket.fingerprint
  assert len(events(workdir, 'epoch')) == 2 and len(events(workdir, 'ticket')) == 1


def test_fine_tuning_is_part_of_the_epochs_and_keeps_the_mask(tmp_path):
  _, workdir = tiny.draw(tmp_path / 'run', **SETTINGS | {'epochs': 3, 'fine_tune_epochs': 1})
  epochs, last = events(workdir, 'epoch'), events(workdir, 'prune')[-1]
  assert len(epochs) == 3 and last['final'] and last['step'] == round(0.75 * 12)
  assert [row['sparsity'] for row in epochs[1:]] == [last['sparsity']] * 2
