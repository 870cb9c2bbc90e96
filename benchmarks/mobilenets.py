"""Trains tf_keras' MobileNets the way tickets are trained: data, loss, optimizer, rates, averages and scores are the same.

python benchmarks/mobilenets.py --network=mobilenet_v2 --width=0.5 --workdir=FOLDER --task=shapes [settings of st_tf.train]

Writes result.json and weights.npz; a finished run is not repeated.
"""

from collections.abc import Sequence
import dataclasses
import json
import pathlib
import time

from absl import flags as absl_flags
import numpy as np

from st_tf import command, quiet
from st_tf.config import flags

NETWORKS = ('mobilenet_v2', 'mobilenet_v3_small_minimalistic')


@dataclasses.dataclass(frozen=True)
class Options:
  """What to train."""

  network: str = dataclasses.field(default=NETWORKS[0], metadata={'help': 'Which MobileNet.', 'choices': NETWORKS})
  width: float = dataclasses.field(default=1.0, metadata={'help': 'Its multiplier of channels.'})
  workdir: str = dataclasses.field(default='', metadata={'help': 'Folder for the result.'})

  def __post_init__(self):
    if not self.workdir or self.width <= 0:
      raise flags.FlagError(f'--workdir is needed and --width is positive. Received: {self.workdir!r}, {self.width}. Give both.')


def network(name: str, width: float, image_size: int, outputs: int):
  """An untrained MobileNet from normalised images to logits."""
  import tf_keras as keras

  shape = (image_size, image_size, 3)
  shared = {'alpha': width, 'weights': None, 'classes': outputs, 'classifier_activation': None}
  if name == 'mobilenet_v2':
    return keras.applications.MobileNetV2(shape, **shared)
  return keras.applications.MobileNetV3Small(shape, minimalistic=True, include_preprocessing=False, **shared)


def main(argv: Sequence[str]) -> None:
  """Trains one network."""
  values = absl_flags.FlagValues()
  flags.define(values, dataclasses.fields(Options))
  flags.define_config(values)
  flags.parse(argv, values, __doc__)
  config, options = flags.request(values).resolved(), flags.options_from(values, Options)
  folder = pathlib.Path(options.workdir)
  if (folder / 'result.json').is_file():
    print((folder / 'result.json').read_text())
    return
  folder.mkdir(parents=True, exist_ok=True)
  with quiet.imports():
    from st_tf import task as tasks
  train(tasks.load(config.task, config.data), config, options, folder)


def train(task, config, options: Options, folder: pathlib.Path) -> None:
  """Trains, scores the test split once, at the end, and writes what came out."""
  import tensorflow as tf
  import tf_keras as keras

  from st_tf.methods import dense
  from st_tf.models import named_variables
  from st_tf.task.scoring import score
  from st_tf.training import averaging, optimizers
  from st_tf.training.step import TrainingStep, decayed

  keras.utils.set_random_seed(config.seed)
  started = time.monotonic()
  model = network(options.network, options.width, task.image_size[0], len(task.labels))
  variables = named_variables(model)
  trainable = {name: variable for name, variable in variables.items() if variable.trainable}
  optimizer = optimizers.build(config.training, trainable, decayed(trainable))
  averages = averaging.Averages(variables)
  step = TrainingStep(model, trainable, optimizer, averages, task, config, {}, lambda: None)
  plan = dense.METHOD.plan(config, task.steps_per_epoch(config.batch_size))
  recalibration = averaging.Recalibration(model)
  infer = tf.function(lambda images: model(images, training=False), reduce_retracing=True)
  done = 0

  def scores(split: str) -> dict[str, float]:
    calibration = task.dataset('train', config.batch_size, training=True, seed=config.seed, epoch=config.epochs)
    with averaging.swapped(variables, averages.values()):
      recalibration.run(images for images, _ in calibration.take(config.training.recalibration_batches))
      if split == 'test':
        np.savez(folder / 'weights.npz', **{name: variable.numpy() for name, variable in variables.items()})
      return score(lambda images: infer(images).numpy(), task, split, config.batch_size).result()

  for epoch in range(config.epochs):
    losses = []
    for images, targets in task.dataset('train', config.batch_size, training=True, seed=config.seed, epoch=epoch):
      decay = averaging.decay_at(done, config.training.ema_decay, config.batch_size)
      losses.append(step(images, targets, plan.learning_rate(done), 0.0, decay)[0])
      done += 1
    validation = scores('validation')
    print(
      f'epoch {epoch + 1}/{config.epochs}  loss {np.mean(losses):.3f}  val {validation[task.primary_metric]:.1%}'
      f'  {time.monotonic() - started:.0f} s',
      flush=True,
    )
  facts = {'network': options.network, 'width': options.width, 'validation': validation, 'test': scores('test')}
  facts |= {'seconds': time.monotonic() - started, 'config': config.flat() | {'data_dir': ''}}
  (folder / 'result.json').write_text(json.dumps(facts, indent=1) + '\n', encoding='utf-8')
  print(facts['test'])


if __name__ == '__main__':
  command.run(main)
