from st_tf.errors import UserError, did_you_mean

KNOWN = ('epochs', 'batch_size', 'learning_rate')


def test_a_misspelt_name_finds_the_nearest():
  assert did_you_mean('epoch', KNOWN) == ' Did you mean epochs?'
  assert did_you_mean('EPOCHS', KNOWN, '--') == ' Did you mean --epochs?'


def test_initials_find_their_name():
  assert did_you_mean('lr', KNOWN) == ' Did you mean learning_rate?'


def test_a_name_far_from_all_finds_none():
  assert did_you_mean('zzz', KNOWN) == ''
  assert did_you_mean('', KNOWN) == ''


def test_a_message_that_repeats_a_long_text_is_shortened_in_its_middle():
  error = UserError(f'A name is short. Received: {"x" * 100_000}. Choose another.')
  assert 4000 < len(str(error)) < 4100 and str(error).startswith('A name is short.') and str(error).endswith('x. Choose another.')
  assert str(UserError('short')) == 'short'
