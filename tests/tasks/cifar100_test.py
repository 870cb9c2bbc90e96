import pytest

from st_tf.task import DataConfig, load


@pytest.fixture(scope='module')
def cifar100(data_dir):
  return load('cifar100', DataConfig(data_dir=str(data_dir / 'tfds')))


def test_validation_is_a_stratified_tenth_of_train(cifar100):
  assert cifar100.sizes == {'train': 40500, 'validation': 4500, 'test': 5000}
  assert (cifar100.name, cifar100.image_size, cifar100.default_supernet) == ('cifar100', (32, 32), 'cifar')
  for split, per_class in (('train', 405), ('validation', 45), ('test', 50)):
    counts = sum(targets.numpy().sum(0) for _, targets in cifar100.dataset(split, 500))
    assert set(counts) == {per_class}


def test_labels_are_the_names_of_the_classes(cifar100):
  assert len(set(cifar100.labels)) == 100
  assert {'apple', 'worm'} <= set(cifar100.labels)


def test_an_epoch_has_every_full_batch(cifar100):
  assert sum(1 for _ in cifar100.dataset('train', 128, training=True)) == cifar100.steps_per_epoch(128) == 316
