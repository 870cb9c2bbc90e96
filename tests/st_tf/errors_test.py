from st_tf.errors import did_you_mean

KNOWN = ('epochs', 'batch_size', 'learning_rate')


def test_a_misspelt_name_finds_the_nearest():
  assert did_you_mean('epoch', KNOWN) == ' Did you mean epochs?'
  assert did_you_mean('EPOCHS', KNOWN, '--') == ' Did you mean --epochs?'


def test_initials_find_their_name():
  assert did_you_mean('lr', KNOWN) == ' Did you mean learning_rate?'


def test_a_name_far_from_all_finds_none():
  assert did_you_mean('zzz', KNOWN) == ''
  assert did_you_mean('', KNOWN) == ''
