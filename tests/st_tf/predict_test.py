"""A picture gets labels, most likely first, without the training data."""

import csv
import dataclasses
import json

import numpy as np
from PIL import Image
import pytest

from st_tf import predict
from st_tf import task as tasks
from st_tf.errors import UserError
from st_tf.task import DataConfig, most_likely
from st_tf.task.pictures import center_crop, open_rgb
from st_tf.ticket.prediction import prediction
from tests import tiny


@pytest.fixture
def picture(tmp_path):
  path = tmp_path / 'picture.png'
  Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)).save(path)
  return path


@pytest.fixture(scope='module')
def task():
  return tiny.task()


@pytest.fixture(scope='module')
def ticket(task):
  return tiny.untrained(task)


@pytest.fixture
def folder(ticket, tmp_path):
  ticket.save(tmp_path / 'ticket')
  return tmp_path / 'ticket'


def test_lines_are_aligned_bars():
  assert predict.lines([('ring', 0.75), ('ox', 0.25), ('star', 0.0)], full='#') == [
    'ring  ##################         75.0%',
    'ox    ######                     25.0%',
    'star                              0.0%',
  ]


def test_a_ticket_needs_no_task_to_say_what_it_sees(ticket, picture, tmp_path, capsys):
  folder = tmp_path / 'ticket'
  dataclasses.replace(ticket, task=dataclasses.replace(ticket.task, name='tfds:gone')).save(folder)
  predict.main(['predict', f'--ticket={folder}', f'--image={picture}', '--top=3'])
  lines = capsys.readouterr().out.splitlines()
  assert len(lines) == 3 and all(line.endswith('%') for line in lines)
  assert all(line.split()[0] in ticket.task.labels for line in lines)


def test_it_says_what_the_model_says(ticket, folder, task, picture, capsys):
  image = task.normalisation.normalised(center_crop(open_rgb(picture, 'it'), task.image_size))
  logits = ticket.build_model(raw=True)(image[None], training=False).numpy()[0]
  predict.main(['predict', f'--ticket={folder}', f'--image={picture}', '--top=10'])
  assert capsys.readouterr().out.splitlines() == predict.lines(most_likely(logits, task.labels, 10))


@pytest.mark.parametrize(
  'arguments, message',
  [
    (['--image=a.png'], 'Received: no --ticket'),
    (['--ticket=a'], 'Received: no pictures'),
    (['--ticket=a', '--image=a.png', '--top=-1'], '--top is at least 0. Received: -1'),
    (['--ticket=a', '.'], 'A folder holds pictures'),
    (['--ticket=a', '--image=none.png'], 'An image is a file that exists. Received: none.png'),
    (['--ticket=a', '--image=~nobody/none.png'], 'An image is a file that exists. Received: ~nobody/none.png'),
    (['--ticket=a', '--imgae=a.png'], 'Did you mean --image?'),
  ],
)
def test_what_cannot_be_predicted_is_said(arguments, message, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(UserError) as found:
    predict.main(['predict', *arguments])
  assert message in str(found.value)


@pytest.mark.parametrize('name', ['shapes_segmentation', 'shapes_keypoints'])
def test_maps_are_said_in_shares_and_drawn(name, picture, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(f'tasks.{name}.SIZES', {'train': 40, 'validation': 20, 'test': 20})
  task = tasks.load(name, DataConfig())
  ticket = tiny.untrained(task)
  ticket.save(tmp_path / 'ticket')
  predict.main(['predict', f'--ticket={tmp_path / "ticket"}', f'--image={picture}', f'--out={tmp_path / "seen.png"}'])
  crop = center_crop(open_rgb(picture, 'it'), task.image_size)
  output = ticket.build_model(raw=True)(task.normalisation.normalised(crop)[None], training=False).numpy()[0]
  # Drawn over the part itself, 50 of the picture's 70x50 pixels, and not over what the network reads.
  expected = prediction(center_crop(open_rgb(picture, 'it'), (50, 50)), output, ticket.task)
  title, *shown, last = capsys.readouterr().out.splitlines()
  coloured = [(f'{label} {expected.colours[label]}', share) for label, share in expected.guesses[:5]]
  assert shown == predict.lines(coloured)
  assert title in ('Share of the picture', 'Confidence') and last.endswith(str(tmp_path / 'seen.png'))
  np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / 'seen.png')), expected.picture)


def test_what_cannot_be_drawn_is_said(folder, picture, tmp_path):
  with pytest.raises(UserError, match=r'or for a \.csv or \.json file\. Received: seen\.png, and a classification ticket'):
    predict.main(['predict', f'--ticket={folder}', f'--image={picture}', '--out=seen.png'])
  for name in ('seen.txt', 'none/seen.png'):
    with pytest.raises(UserError, match='--out is a picture file that can be written. Received: '):
      predict.save(np.zeros((2, 2, 3), np.uint8), str(tmp_path / name))


@pytest.fixture
def album(picture, tmp_path):
  """A folder with three pictures, one of which is none, and other things."""
  (tmp_path / 'album' / 'more').mkdir(parents=True)
  for name in ('b,1.png', 'more/a.PNG'):
    (tmp_path / 'album' / name).write_bytes(picture.read_bytes())
  (tmp_path / 'album' / 'broken.jpg').write_bytes(b'no picture')
  (tmp_path / 'album' / 'notes.txt').touch()
  return tmp_path / 'album'


def test_of_several_pictures_a_line_each_is_said_and_the_broken_one_named_at_the_end(folder, picture, album, tmp_path, capsys):
  out = tmp_path / 'seen.csv'
  assert predict.main(['predict', f'--ticket={folder}', str(picture), str(album), f'--out={out}']) == 1
  said = capsys.readouterr()
  lines = said.out.splitlines()
  assert [line.split('  ')[0] for line in lines[:3]] == [str(picture), str(album / 'b,1.png'), str(album / 'more' / 'a.PNG')]
  assert lines[0].split('  ')[1].endswith('%') and said.err.startswith(f'note: passed over in {album}: 1 .txt\nerror: An image can')
  assert 'broken.jpg' in said.err and lines[3] == f'Answers are in {out}'
  rows = list(csv.DictReader(out.open(encoding='utf-8')))
  assert [row['picture'] for row in rows] == [line.split('  ')[0] for line in lines[:3]] and {row['rank'] for row in rows} == {'1'}
  assert f'{float(rows[0]["share"]):.1%}' in lines[0] and rows[0]['label'] in lines[0]


def test_many_pictures_are_said_in_order_the_same_one_again_too(folder, picture, album, tmp_path, capsys):
  out, other = tmp_path / 'seen.csv', tmp_path / 'other.png'
  Image.open(picture).transpose(Image.Transpose.ROTATE_90).save(other)
  given = [str(picture), str(other), str(picture)] * 3
  assert predict.main(['predict', f'--ticket={folder}', *given, str(album / 'broken.jpg'), f'--out={out}']) == 1
  rows = list(csv.DictReader(out.open(encoding='utf-8')))
  assert [row['picture'] for row in rows] == given
  predict.main(['predict', f'--ticket={folder}', str(other), '--top=1', f'--out={out}'])
  alone = next(csv.DictReader(out.open(encoding='utf-8')))
  assert all(row['label'] == alone['label'] and float(row['share']) == pytest.approx(float(alone['share']), abs=2e-6) for row in rows[1::3])
  capsys.readouterr()


def test_what_systems_leave_is_no_picture_and_heic_is_named(album, picture, capsys):
  for name in ('@eaDir/b.jpg/SYNOPHOTO.jpg', '.thumbs/a.png', '._a.png', 'phone.HEIC', 'c/x.gif', 'c/y.gif', 'list'):
    (album / name).parent.mkdir(parents=True, exist_ok=True)
    (album / name).write_bytes(picture.read_bytes())
  (album / 'a folder.jpg').mkdir()
  assert [path.name for path in predict.pictures(str(album))] == ['b,1.png', 'broken.jpg', 'a.PNG']
  note = capsys.readouterr().err
  assert f'note: passed over in {album}: 2 .gif, 1 ' in note and '1 .heic' in note and '1 without an ending' in note
  assert '. HEIC is not read; convert it to JPEG' in note


def test_answers_are_written_as_json_too(folder, album, tmp_path):
  out = tmp_path / 'seen.JSON'
  assert (
    predict.main(['predict', f'--ticket={folder}', f'--image={album / "b,1.png"}', str(album / 'more'), '--top=2', f'--out={out}']) == 0
  )
  found = json.loads(out.read_text())
  assert [entry['picture'] for entry in found] == [str(album / 'b,1.png'), str(album / 'more' / 'a.PNG')]
  assert all(len(entry['guesses']) == 2 and entry['guesses'][0]['share'] >= entry['guesses'][1]['share'] for entry in found)
  with pytest.raises(UserError, match=r'--out is written into a folder that is there\. Received: .*none/seen\.csv\. Create .*none first'):
    predict.main(['predict', f'--ticket={folder}', str(album / 'more'), f'--out={tmp_path}/none/seen.csv'])


def test_of_several_maps_each_is_drawn_under_a_name_of_its_own(album, picture, tmp_path, monkeypatch):
  monkeypatch.setattr('tasks.shapes_segmentation.SIZES', {'train': 40, 'validation': 20, 'test': 20})
  tiny.untrained(tasks.load('shapes_segmentation', DataConfig())).save(tmp_path / 'maps')
  (album / 'broken.jpg').unlink()
  (album / 'a.png').write_bytes(picture.read_bytes())
  assert predict.main(['predict', f'--ticket={tmp_path / "maps"}', str(album), f'--out={tmp_path / "seen"}']) == 0
  assert sorted(path.name for path in (tmp_path / 'seen').iterdir()) == ['a.png', 'a_2.png', 'b,1.png']
  for out in (picture, tmp_path / 'new.png'):
    with pytest.raises(UserError, match='--out of several pictures is a folder. Received: '):
      predict.main(['predict', f'--ticket={tmp_path / "maps"}', str(album), f'--out={out}'])


def test_a_folder_that_is_no_ticket_is_named(picture, tmp_path):
  with pytest.raises(UserError, match='A ticket is a folder with ticket.json. Received'):
    predict.main(['predict', f'--ticket={tmp_path}', f'--image={picture}'])
