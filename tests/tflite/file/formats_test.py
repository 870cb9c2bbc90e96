from tflite.file.formats import FORMATS


def test_a_smaller_format_may_differ_more_and_eight_bits_never_run_sparsely():
  names = ['float32', 'float16', 'int8']
  assert list(FORMATS) == names and [FORMATS[name].runs_sparsely for name in names] == [True, True, False]
  assert FORMATS['float32'].tolerance < FORMATS['float16'].tolerance < FORMATS['int8'].tolerance < 1
