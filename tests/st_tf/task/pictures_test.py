"""Picture files reach the network upright, in colour, cropped to the middle."""

from concurrent import futures
import io
import os
import struct
import time
import zlib

import numpy as np
from PIL import Image, features
import pytest

from st_tf.task import TaskError, pictures
from st_tf.task.pictures import as_rgb, center_crop, header_of, open_rgb, shown

ORIENTATION, RESOLUTION = 0x112, 0x11A
# Written by Pillow in a few milliseconds; AVIF takes it longer.
KINDS = ('JPEG', 'PNG', 'WEBP', 'BMP', 'GIF', 'TIFF')
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (24, 32, 4), np.uint8)


def _columns(width, height):
  """A picture whose red is the column's number."""
  pixels = np.zeros((height, width, 3), np.uint8)
  pixels[..., 0] = np.arange(width)
  return Image.fromarray(pixels)


def test_a_picture_of_the_right_size_is_unchanged():
  np.testing.assert_array_equal(center_crop(_columns(6, 4), (4, 6)), np.asarray(_columns(6, 4)))


def test_the_middle_of_a_wide_picture_is_kept():
  assert center_crop(_columns(8, 4), (4, 4))[0, :, 0].tolist() == [2, 3, 4, 5]


def test_a_part_of_the_middle_can_be_kept():
  assert center_crop(_columns(8, 8), (4, 4), keep=0.5)[0, :, 0].tolist() == [2, 3, 4, 5]


def test_a_tall_crop_of_a_wide_picture_keeps_its_height():
  assert center_crop(_columns(8, 4), (4, 2))[0, :, 0].tolist() == [3, 4]


def test_grey_pictures_become_rgb(tmp_path):
  Image.new('L', (3, 2), 7).save(tmp_path / 'grey.png')
  assert np.unique(np.asarray(open_rgb(tmp_path / 'grey.png', 'grey.png'))).tolist() == [7]


def test_a_rotated_photograph_is_turned_upright(tmp_path):
  exif = Image.Exif()
  exif[0x0112] = 6
  _columns(6, 4).save(tmp_path / 'turned.jpg', exif=exif)
  assert open_rgb(tmp_path / 'turned.jpg', 'turned.jpg').size == (4, 6)


def test_a_missing_file_is_named(tmp_path):
  with pytest.raises(TaskError, match='exists. Received: none.png'):
    open_rgb(tmp_path / 'none.png', 'none.png')


def test_a_file_that_is_no_picture_is_named(tmp_path):
  (tmp_path / 'text.png').write_text('no picture')
  with pytest.raises(TaskError, match='can be decoded. Received: text.png'):
    open_rgb(tmp_path / 'text.png', 'text.png')


def test_sixteen_bits_of_grey_are_refused(tmp_path):
  Image.fromarray(np.full((2, 2), 4000, np.uint16)).save(tmp_path / 'deep.png')
  with pytest.raises(TaskError, match="mode 'I;16' of deep.png"):
    open_rgb(tmp_path / 'deep.png', 'deep.png')


@pytest.mark.parametrize('size, wanted', [((115, 87), (27, 105)), ((94, 69), (24, 83)), ((60, 87), (56, 58))])
def test_rounding_does_not_put_the_crop_outside_the_picture(size, wanted):
  assert center_crop(Image.new('RGB', size, (9, 8, 7)), wanted).tolist() == np.full((*wanted, 3), (9, 8, 7)).tolist()


def test_pictures_that_no_memory_holds_several_of_are_refused_by_their_names(tmp_path, monkeypatch):
  _columns(30, 20).save(tmp_path / 'large.png')
  assert open_rgb(tmp_path / 'large.png', 'large.png').size == (30, 20)
  monkeypatch.setattr(pictures, 'LARGEST', 599)
  with pytest.raises(TaskError, match=r'An image has at most 599 pixels.* Received: 30 x 20 of large\.png\. Make it smaller'):
    open_rgb(tmp_path / 'large.png', 'large.png')


def test_large_pictures_are_decoded_one_at_a_time(tmp_path, monkeypatch):
  _columns(30, 20).save(tmp_path / 'a.png')
  monkeypatch.setattr(pictures, '_LARGE', 599)
  inside, most, as_rgb = [], [], pictures.as_rgb

  def slow(picture, name):
    inside.append(name)
    most.append(len(inside))
    time.sleep(0.01)
    inside.pop()
    return as_rgb(picture, name)

  monkeypatch.setattr(pictures, 'as_rgb', slow)
  with futures.ThreadPoolExecutor(4) as pool:
    assert {picture.size for picture in pool.map(lambda _: open_rgb(tmp_path / 'a.png', 'a'), range(8))} == {(30, 20)}
  assert max(most) == 1


def _encoded(kind, picture=None, **options):
  stream = io.BytesIO()
  (picture or Image.fromarray(NOISE[..., :3])).save(stream, kind, **options)
  return stream.getvalue()


def _exif(*entries):
  """EXIF with (tag, type, count, the four bytes of the value or of its place), and eight bytes behind them, at 100 at the latest."""
  table = b''.join(struct.pack('<HHI', tag, kind, count) + value for tag, kind, count, value in entries)
  whole = b'Exif\0\0II*\0\x08\0\0\0' + struct.pack('<H', len(entries)) + table + b'\0\0\0\0'
  return whole.ljust(100, b'\0') + struct.pack('<ii', -1, 0)


SIXTH = (ORIENTATION, 3, 1, struct.pack('<HH', 6, 0))
AT_94 = struct.pack('<I', 94)


@pytest.mark.filterwarnings('ignore')  # Pillow tells of what it makes up for.
@pytest.mark.parametrize(
  ('exif', 'is_turned'),
  [
    (_exif(SIXTH), True),
    (_exif(SIXTH, (RESOLUTION, 10, 1, AT_94)), True),  # A signed rational of -1 / 0 in the place of an unsigned one.
    (_exif(SIXTH, (RESOLUTION, 7, 3, b'abc\0')), True),
    (_exif(SIXTH, (RESOLUTION, 5, 2**31, b'\xff' * 4)), True),  # Its place is behind the end.
    (_exif((ORIENTATION, 4, 1, struct.pack('<I', 6))), True),  # A whole number, however long.
    (_exif((ORIENTATION, 2, 2, b'6\0\0\0')), False),  # A text.
    (_exif((ORIENTATION, 7, 2, b'\x06\0\0\0')), False),
    (_exif((ORIENTATION, 3, 2, struct.pack('<HH', 6, 6))), True),
    (_exif((ORIENTATION, 5, 1, struct.pack('<I', 0))), False),
    (_exif((ORIENTATION, 3, 1, struct.pack('<HH', 99, 0))), False),
    (_exif((ORIENTATION, 12, 1, AT_94)), False),
    (_exif(SIXTH)[:13], False),
    (_exif(SIXTH)[:20], False),
    (b'Exif\0\0', False),
    (b'Exif\0\0' + bytes(60_000), False),
    (b'Exif\0\0XX*\0' + bytes(40), False),
  ],
)
def test_odd_exif_hides_no_picture(exif, is_turned):
  plain, data = np.asarray(open_rgb(_encoded('JPEG'), 'plain')), _encoded('JPEG', exif=exif)
  picture = open_rgb(data, 'odd.jpg')
  np.testing.assert_array_equal(picture, np.rot90(plain, -1) if is_turned else plain)
  assert header_of(data, 'odd.jpg').upright == (picture.height, picture.width)


@pytest.mark.parametrize('number', range(1, 9))
def test_each_orientation_is_undone_and_the_header_tells_the_size(number):
  exif = Image.Exif()
  exif[ORIENTATION] = number
  plain = NOISE[..., :3]
  upright = [plain, plain[:, ::-1], plain[::-1, ::-1], plain[::-1], plain.swapaxes(0, 1), np.rot90(plain, -1), None, np.rot90(plain)]
  upright[6] = plain[::-1, ::-1].swapaxes(0, 1)
  for kind in ('PNG', 'WEBP'):
    data = _encoded(kind, exif=exif, **({'lossless': True} if kind == 'WEBP' else {}))
    np.testing.assert_array_equal(open_rgb(data, 'x'), upright[number - 1])
    assert header_of(data, 'x').upright == upright[number - 1].shape[:2]


def _damaged(data, rng):
  """The file with a few bytes changed, or cut short, or with some in the middle left out."""
  found = bytearray(data)
  action = rng.integers(4)
  if action == 0:
    return bytes(found[: rng.integers(len(found))])
  if action == 1:
    start = rng.integers(len(found))
    return bytes(found[:start] + found[start + rng.integers(1, 40) :])
  # Headers, where most can go wrong, are hit more often.
  reach = len(found) if action == 2 else min(len(found), 200)
  for place in rng.integers(reach, size=rng.integers(1, 6)):
    found[place] = rng.integers(256)
  return bytes(found)


@pytest.mark.filterwarnings('ignore')  # Pillow tells of what it makes up for.
@pytest.mark.parametrize('kind', [*KINDS, *(['AVIF'] if features.check('avif') else [])])
def test_damaged_files_are_read_or_refused_by_their_names(kind):
  rng, exif = np.random.default_rng(1), Image.Exif()
  exif[ORIENTATION], exif[RESOLUTION] = 6, 72.0
  data, read = _encoded(kind, **({} if kind in ('BMP', 'GIF') else {'exif': exif})), 0
  for _ in range(150):
    bad = _damaged(data, rng)
    try:
      picture = open_rgb(bad, 'bad.file', int(rng.integers(2)) * 8)
    except TaskError as error:
      assert 'bad.file' in str(error) and '\n' not in str(error)
    else:
      read += 1
      assert picture.mode == 'RGB'
      if kind != 'JPEG':  # Which was decoded at another size.
        assert header_of(bad, 'bad.file').upright == (picture.height, picture.width)
  assert 0 < read < 150


ERRORS = [struct.error, KeyError, IndexError, ZeroDivisionError, OverflowError, MemoryError, RecursionError, TypeError, EOFError]


@pytest.mark.parametrize('error', [*ERRORS, Image.DecompressionBombError, SyntaxError, NotImplementedError, AttributeError, AssertionError])
def test_whatever_a_decoder_raises_names_the_file(tmp_path, monkeypatch, error):
  def fail(*_, **__):
    raise error('what it\nsays')

  _columns(6, 4).save(tmp_path / 'a.png')
  for place in ('open', 'Image.load', 'Image.convert'):
    with monkeypatch.context() as patch:
      patch.setattr(f'PIL.Image.{place}', fail)
      with pytest.raises(TaskError, match=r'An image can be decoded\. Received: a\.png \(.*what it\\nsays.*\)\. Replace or remove it\.'):
        open_rgb(tmp_path / 'a.png', 'a.png') if place != 'Image.load' else as_rgb(Image.new('L', (3, 3)), 'a.png')


def test_an_error_without_words_is_named_by_its_kind(monkeypatch):
  monkeypatch.setattr('PIL.Image.open', lambda *_, **__: (_ for _ in ()).throw(MemoryError()))
  with pytest.raises(TaskError, match=r'Received: a\.png \(MemoryError\)'):
    open_rgb(b'', 'a.png')


def test_names_that_no_message_can_carry_are_written_out(tmp_path):
  assert shown('caf\udce9\n\x1b[1mä.jpg') == 'caf\\udce9\\n\\x1b[1mä.jpg'
  with pytest.raises(TaskError, match=r'Received: .*/a\\nb\.jpg\.'):
    open_rgb(tmp_path / 'a\nb.jpg', str(tmp_path / 'a\nb.jpg'))


@pytest.mark.parametrize('brand', [b'heic', b'mif1'])
def test_heic_is_told_of_with_the_way_out_whatever_its_name(tmp_path, brand):
  data = b'\0\0\0\x18ftyp' + brand + bytes(40)
  (tmp_path / 'phone.jpg').write_bytes(data)
  for item in (data, tmp_path / 'phone.jpg'):
    with pytest.raises(TaskError, match=r'Received: phone\.jpg .*HEIC is not read; convert it to JPEG, for example by heif-convert'):
      open_rgb(item, 'phone.jpg')


def _over_white(pixels):
  """[..., 3] uint8 of [..., 4], in exact arithmetic."""
  colours, alpha = pixels[..., :3].astype(int), pixels[..., 3:].astype(int)
  return (2 * (colours * alpha + 255 * (255 - alpha)) + 255) // 510


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'TIFF', 'WEBP'])
def test_a_header_says_how_a_picture_is_stored_and_how_it_is_seen(kind):
  exif = Image.Exif()
  for number in range(1, 9):
    exif[274] = number
    found = header_of(_encoded(kind, Image.new('RGB', (6, 4)), exif=exif), 'x')
    assert (found.stored, found.orientation, found.upright) == ((4, 6), number, (4, 6) if number < 5 else (6, 4))


@pytest.mark.parametrize('kind', ['PNG', 'TIFF', 'WEBP'])
def test_what_is_transparent_is_over_white(kind):
  data = _encoded(kind, Image.fromarray(NOISE), **({'lossless': True, 'exact': True} if kind == 'WEBP' else {}))
  np.testing.assert_array_equal(open_rgb(data, 'x'), _over_white(NOISE))


def test_every_way_to_be_transparent_is_over_white():
  grey = np.repeat(NOISE[..., :1], 3, -1)
  np.testing.assert_array_equal(as_rgb(Image.fromarray(NOISE[..., [0, 3]], 'LA'), 'x'), _over_white(np.dstack([grey, NOISE[..., 3]])))
  palette = Image.fromarray(NOISE[..., 0] % 4, 'P')
  palette.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0, 0, 0, 200])
  wanted = np.asarray([[255, 255, 255], [200, 0, 0], [127, 227, 127], [0, 0, 200]])[NOISE[..., 0] % 4]
  data = _encoded('PNG', palette, transparency=bytes([0, 255, 128, 255]))
  np.testing.assert_array_equal(open_rgb(data, 'x'), wanted)
  wanted[NOISE[..., 0] % 4 == 2] = (0, 200, 0)
  np.testing.assert_array_equal(open_rgb(_encoded('GIF', palette, transparency=0), 'x'), wanted)
  np.testing.assert_array_equal(open_rgb(_encoded('PNG', palette, transparency=0), 'x'), wanted)
  with_alpha = palette.convert('PA')
  assert np.asarray(as_rgb(with_alpha, 'x'))[NOISE[..., 0] % 4 == 3].tolist()[0] == [0, 0, 200]
  # One colour of a picture without alpha is transparent.
  single = Image.fromarray(np.where(NOISE[..., :1] % 2 == 0, 7, 90).astype(np.uint8).repeat(3, -1))
  for picture, colour in ((single, (7, 7, 7)), (single.convert('L'), 7)):
    found = np.asarray(open_rgb(_encoded('PNG', picture, transparency=colour), 'x'))
    np.testing.assert_array_equal(found, np.where(NOISE[..., :1] % 2 == 0, 255, 90).repeat(3, -1))
  bits = Image.fromarray(NOISE[..., 0] > 127)
  np.testing.assert_array_equal(open_rgb(_encoded('PNG', bits), 'x'), np.where(NOISE[..., :1] > 127, 255, 0).repeat(3, -1))
  assert np.unique(open_rgb(_encoded('PNG', bits, transparency=0), 'x')).tolist() == [255]


@pytest.mark.parametrize('kind', ['GIF', 'PNG', 'WEBP', 'TIFF'])
def test_of_several_pictures_in_a_file_the_first_is_read(kind):
  first, second = (Image.new('RGB', (9, 5), colour) for colour in ('red', 'blue'))
  data = _encoded(kind, first, save_all=True, append_images=[second], **({'lossless': True} if kind == 'WEBP' else {}))
  assert np.unique(np.asarray(open_rgb(data, 'x')).reshape(-1, 3), axis=0).tolist() == [[255, 0, 0]]


def test_inks_become_colours():
  data = _encoded('TIFF', Image.new('CMYK', (3, 2), (255, 0, 0, 0)))
  assert np.unique(np.asarray(open_rgb(data, 'x')).reshape(-1, 3), axis=0).tolist() == [[0, 255, 255]]


def _chunk(kind, data):
  return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def test_colours_of_sixteen_bits_keep_their_high_ones():
  deep = RNG.integers(0, 2**16, (5, 4, 3))
  rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in deep)
  header = struct.pack('>IIBBBBB', 4, 5, 16, 2, 0, 0, 0)
  data = b'\x89PNG\r\n\x1a\n' + _chunk(b'IHDR', header) + _chunk(b'IDAT', zlib.compress(rows)) + _chunk(b'IEND', b'')
  np.testing.assert_array_equal(open_rgb(data, 'deep.png'), deep >> 8)


def test_what_is_handed_on_to_a_program_is_no_picture(monkeypatch):
  started = []
  monkeypatch.setattr('subprocess.check_call', lambda *arguments, **_: started.append(arguments))
  monkeypatch.setattr('PIL.EpsImagePlugin.has_ghostscript', lambda: True)
  data = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n'
  with pytest.raises(TaskError, match=r'An image can be decoded\. Received: x\.jpg \(cannot identify'):
    open_rgb(data, 'x.jpg')
  assert not started and 'EPS' not in pictures.formats() and {'JPEG', 'PNG', 'WEBP'} <= {*pictures.formats()}


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path):
  os.mkfifo(tmp_path / 'pipe.jpg')
  for path in (tmp_path / 'pipe.jpg', tmp_path):
    for look in (open_rgb, header_of):
      with pytest.raises(TaskError, match=r'An image is a file\. Received: x\.jpg, which is none\. Replace or remove it\.'):
        look(path, 'x.jpg')
