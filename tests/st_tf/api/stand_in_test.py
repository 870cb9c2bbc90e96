import pytest

from st_tf.api.stand_in import StandIn
from st_tf.config.recipes import RECIPES
from st_tf.task import DataConfig, TaskError


@pytest.mark.parametrize(
  ('name', 'size'), [('imagenet', (224, 224)), ('cityscapes', (512, 1024)), ('ade20k', (512, 512)), ('coco', (256, 192))]
)
def test_it_is_as_large_as_the_recipes_own_task(name, size):
  task = StandIn(RECIPES[name], DataConfig())
  assert (task.name, task.image_size, len(task.labels)) == (name, size, RECIPES[name].head.outputs)
  assert task.steps_per_epoch(32) == RECIPES[name].sizes['train'] // 32


# The published numbers; a tenth, drawn as the tasks draw it, is validation, and of ImageNet 10,000 pictures.
@pytest.mark.parametrize(
  ('name', 'published', 'validation'),
  [('imagenet', 1_281_167, 10_000), ('cityscapes', 2_975, 298), ('ade20k', 20_210, 2_021), ('coco', 149_813, 14_981)],
)
def test_train_and_validation_are_the_published_train_split(name, published, validation):
  sizes = StandIn(RECIPES[name], DataConfig()).sizes
  assert (
    sizes['train'] + sizes['validation'] == published
    and sizes['validation'] == validation == (round(published / 10), 10_000)[name == 'imagenet']
  )


def test_flags_change_size_and_number_of_examples():
  recipe = RECIPES['coco']
  assert StandIn(recipe, DataConfig(image_size=128)).image_size == (128, 128)
  assert StandIn(recipe, DataConfig(image_size=384, image_width=288)).image_size == (384, 288)
  assert StandIn(recipe, DataConfig(train_examples=640)).steps_per_epoch(64) == 10
  with pytest.raises(TaskError, match=r'--train_examples is at most the 2677 training examples of cityscapes.*Received: 2975'):
    StandIn(RECIPES['cityscapes'], DataConfig(train_examples=2975))


def test_whatever_needs_data_is_refused():
  task = StandIn(RECIPES['imagenet'], DataConfig())
  for ask in (
    lambda: task.dataset('train', 8),
    lambda: task.loss(None, None),
    task.metrics,
    lambda: task.sample(None, None, None),
  ):
    with pytest.raises(TaskError, match=r'Training needs data\. Received: imagenet as a plan without any\. Give --data_dir=FOLDER'):
      ask()
