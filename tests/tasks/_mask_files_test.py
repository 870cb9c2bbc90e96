import dataclasses

import numpy as np
from PIL import ExifTags, Image
import pytest

from st_tf.task import TaskError
from tasks import _mask_files, _masks
from tasks._mask_files import survey
from tasks._palettes import VOC, unpacked

CLASSES = np.arange(-1, 3, dtype=np.int32)


def pairs(folder, *masks, size=(8, 6)):
  """(picture, mask) files of these masks."""
  found = []
  for name, mask in zip('abcdef', masks):
    Image.new('RGB', mask.size if size is None else size).save(folder / f'{name}.jpg')
    mask.save(folder / f'{name}.png')
    found.append((folder / f'{name}.jpg', folder / f'{name}.png'))
  return found


def files(found, classes=CLASSES):
  return survey({'train': found}).files(classes, 'Numbers are 0 to 3.')['train']


def row(*numbers, mode='L', palette=None):
  mask = Image.fromarray(np.asarray([numbers], np.uint8))
  if palette:
    mask = mask.convert('P')
    mask.putpalette(palette)
    mask.putdata(numbers)
  return mask.convert(mode) if not palette else mask


def colours(*numbers):
  return Image.fromarray(np.asarray([[unpacked(int(VOC[number])) for number in numbers]], np.uint8))


def test_files_translate_the_numbers_of_a_mask(tmp_path):
  numbers = np.zeros((6, 8), np.uint8)
  numbers[2:, 3:] = 3
  found = files(pairs(tmp_path, Image.fromarray(numbers)))
  np.testing.assert_array_equal(found.read(0)[1], numbers.astype(int) - 1)
  assert found.size(0) == (6, 8) and len(found.take([0, 0])) == 2
  assert found.shown(3).tolist() == [[False, False, True]]


@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_pictures_that_lie_are_put_upright_and_so_is_their_size(tmp_path, orientation):
  upright = (6, 8) if orientation < 5 else (8, 6)
  found = pairs(tmp_path, Image.fromarray(np.ones(upright, np.uint8)))
  exif = Image.Exif()
  exif[ExifTags.Base.Orientation] = orientation
  Image.new('RGB', (8, 6)).save(found[0][0], exif=exif)
  found = files(found)
  picture, mask = found.read(0)
  assert found.size(0) == upright == mask.shape == (picture.height, picture.width)
  assert len(list(_masks.windows(found, (6, 6)))) == 2


def test_a_mask_of_a_picture_as_it_lies_is_refused_with_the_reason(tmp_path):
  found = pairs(tmp_path, Image.new('L', (8, 6), 1))
  exif = Image.Exif()
  exif[ExifTags.Base.Orientation] = 6
  Image.new('RGB', (8, 6)).save(found[0][0], exif=exif)
  with pytest.raises(TaskError, match=r'6x8 of .*a\.jpg\. Received: 8x6 of .*a\.png\. The picture is turned by its EXIF'):
    survey({'train': found})


@pytest.mark.parametrize(
  'mask',
  [
    row(1, 2, mode='RGB'),
    row(1, 2, mode='RGBA'),
    row(1, 2, mode='LA'),
    row(1, 2, palette=[0, 0, 0, 255, 0, 0, 0, 255, 0]),
    Image.fromarray(np.asarray([[1, 2]], np.uint16)),
  ],
)
def test_numbers_are_read_however_they_are_saved(tmp_path, mask):
  assert files(pairs(tmp_path, mask, size=None)).read(0)[1].tolist() == [[0, 1]]


def test_numbers_of_few_bits_are_read_as_they_are(tmp_path):
  Image.fromarray(np.asarray([[True, False]])).save(tmp_path / 'one.png')
  assert _mask_files.read_mask(tmp_path / 'one.png').numbers.tolist() == [[1, 0]]
  for bits in (2, 4):
    packed = (bytes([0b01_10_11_00]), bytes([0x12, 0x30]))[bits == 4]
    (tmp_path / 'few.png').write_bytes(png(4, 1, bits, b'\0' + packed))
    assert _mask_files.read_mask(tmp_path / 'few.png').numbers.tolist() == [[1, 2, 3, 0]]


def png(width, height, bits, rows):
  """A PNG of grey with so many bits per pixel."""
  import struct
  import zlib

  def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

  header = struct.pack('>IIBBBBB', width, height, bits, 0, 0, 0, 0)
  return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')


def test_vocs_colours_are_read_as_its_numbers_also_where_a_mask_has_grey_alone(tmp_path):
  found = survey({'train': pairs(tmp_path, colours(0, 15), colours(0, 7), size=None)})
  assert found.of_voc and found.counts == {0: 2, 15: 1, 7: 1} and found.first(7).name == 'b.png'
  classes = np.full(16, _mask_files.NO_CLASS, np.int32)
  classes[[0, 7, 15]] = 0, 1, 2
  assert [found.files(classes, '')['train'].read(index)[1].tolist() for index in (0, 1)] == [[[0, 2]], [[0, 1]]]


def test_colours_of_anybodys_own_are_refused(tmp_path):
  other = Image.new('RGB', (2, 1), (255, 0, 0))
  with pytest.raises(TaskError, match=r'those of Pascal VOC.* Received: \(255, 0, 0\) in .*b\.png'):
    survey({'train': pairs(tmp_path, colours(0, 1), other, size=None)})


def palettes(folder, *masks):
  return pairs(folder, *(row(*numbers, palette=palette) for numbers, palette in masks), size=None)


def test_palettes_that_agree_on_the_numbers_that_occur_are_read(tmp_path):
  # Of number 2 the palettes say different things, but only one mask has it; the last palette ends before it.
  found = palettes(tmp_path, ([0, 1, 1], [0, 0, 0, 9, 9, 9, 5, 5, 5]), ([0, 1, 2], [0, 0, 0, 9, 9, 9, 7, 7, 7]), ([0], [0, 0, 0]))
  counted = survey({'train': found[:1], 'test': found[1:]})
  assert counted.counts == {0: 3, 1: 3, 2: 1} and not counted.of_voc


@pytest.mark.parametrize('number', [0, 1])
def test_a_number_of_two_colours_is_refused_with_both_masks(tmp_path, number):
  shades = [[0, 0, 0] * 3 for _ in range(3)]
  shades[1][3 * number] = shades[2][3 * number + 2] = 255
  found = palettes(tmp_path, ([1 - number], shades[0]), ([number], shades[1]), ([0, 1], shades[2]))
  message = rf'number {number} is \(255, 0, 0\) in .*b\.png and \(0, 0, 255\) in .*c\.png\. Save .* as 8-bit grey'
  with pytest.raises(TaskError, match=message):
    survey({'train': found[:2], 'test': found[2:]})


def test_palettes_that_were_made_for_one_mask_each_are_refused(tmp_path):
  found = palettes(tmp_path, ([0, 1], [0] * 6), ([0, 1], [0] * 6))
  for (_, path), colour in zip(found, ((250, 20, 20), (20, 250, 20))):
    coloured = Image.new('RGB', (2, 1))
    coloured.putpixel((1, 0), colour)
    coloured.convert('P', palette=Image.Palette.ADAPTIVE).save(path)
  with pytest.raises(TaskError, match=r'Masks with a palette give each number one colour\. Received: number \d is'):
    survey({'train': found})


@pytest.mark.parametrize(
  ('mask', 'message'),
  [
    (Image.new('L', (8, 7)), r'A mask has the size of its picture, 8x6 of .*a\.jpg\. Received: 8x7 of .*a\.png\. Export it again'),
    (Image.new('L', (8, 6), 4), r'Numbers are 0 to 3\. Received: 4 in .*a\.png\. Correct the mask or the list of classes'),
    (Image.fromarray(np.full((6, 8), 999, np.uint16)), r'Numbers are 0 to 3\. Received: 999 in .*a\.png'),
    (Image.new('RGBA', (8, 6), (1, 1, 1, 9)), r"one whole number per pixel .* Received: mode 'RGBA' with transparent pixels of .*a\.png"),
    (Image.new('L', (8, 6)), r'pixels of classes\. Received: 1 masks that are all void, such as those in'),
  ],
)
def test_a_bad_mask_is_named_with_the_rule(tmp_path, mask, message):
  with pytest.raises(TaskError, match=message):
    files(pairs(tmp_path, mask))


def test_files_that_are_no_pictures_or_lose_numbers_are_named(tmp_path):
  found = pairs(tmp_path, Image.new('L', (8, 6), 1))
  whole = files(found)
  Image.new('L', (8, 6), 1).save(found[0][1], 'JPEG')
  with pytest.raises(TaskError, match=r'Received: .*a\.png, a JPEG, which does not keep numbers\. Export'):
    survey({'train': found})
  found[0][1].write_bytes(b'no picture')
  with pytest.raises(TaskError, match=r'A mask is a picture .* Received: .*a\.png'):
    survey({'train': found})
  Image.new('L', (8, 6), 9).save(found[0][1])
  with pytest.raises(TaskError, match=r'stay as they are while they are used\. Received: another .*a\.png or .*a\.jpg than at the start'):
    whole.read(0)
  found[0][0].write_bytes(found[0][0].read_bytes()[:-100])
  with pytest.raises(TaskError, match=r'An image can be decoded\. Received: .*a\.jpg'):
    survey({'train': found})
  assert dataclasses.is_dataclass(whole)


@pytest.mark.parametrize('kind', ['tif', 'png'])
def test_masks_of_several_pictures_are_refused(tmp_path, kind):
  Image.new('L', (8, 6), 1).save(tmp_path / f'a.{kind}', save_all=True, append_images=[Image.new('L', (8, 6), 2)])
  with pytest.raises(TaskError, match=r'one whole number per pixel .* Received: 2 pictures in .*a\.(tif|png)\. Write one, with'):
    _mask_files.read_mask(tmp_path / f'a.{kind}')


@pytest.mark.parametrize('number', [1 << 16, 2**31 - 1])
def test_numbers_of_more_than_16_bits_are_refused(tmp_path, number):
  Image.new('RGB', (2, 1)).save(tmp_path / 'a.jpg')
  mask = tmp_path / 'a.tif'
  Image.fromarray(np.asarray([[0, number]], np.int32)).save(mask)
  with pytest.raises(TaskError, match=rf'A mask is .* \(8 or 16 bits of grey, or a palette\)\. Received: the number {number} of .*a\.tif'):
    survey({'train': [(tmp_path / 'a.jpg', mask)]})
  Image.fromarray(np.asarray([[0, 65535]], np.int32)).save(mask)
  assert survey({'train': [(tmp_path / 'a.jpg', mask)]}).counts == {0: 1, 65535: 1}
