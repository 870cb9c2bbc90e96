import numpy as np
import pytest
import tensorflow as tf

from st_tf.methods import _first_mask as first_mask
from st_tf.methods import grasp
from st_tf.runs.workdir import Workdir
from tests import tiny

TEMPERATURE = 200  # Of the published code.


def test_what_is_kept_holds_the_gradients_norm():
  # To first order a weight changes |g|^2 by -2 w (Hg) when it goes; here Hg is how g changes along itself, forwards.
  trainer = tiny.trainer(tiny.SPECK, searching=False, method='grasp', sparsity=(0.5,), label_smoothing=0.0)
  weights, before = first_mask.weights(trainer), trainer.values()
  variables = list(weights.values())
  batches = list(tiny.batches(trainer))[: -(-10 * len(trainer.task.labels) // trainer.config.batch_size)]

  def gradients() -> list[tf.Tensor]:
    with tf.GradientTape() as tape:
      losses = [trainer.task.loss(targets, trainer.model(images, training=True) / TEMPERATURE, 0.0) for images, targets in batches]
      loss = tf.reduce_mean(tf.concat(losses, 0))
    return tape.gradient(loss, variables, unconnected_gradients='zero')

  first = gradients()
  with tf.autodiff.ForwardAccumulator(variables, first) as forward:
    again = gradients()
  products = [0 if change is None else change.numpy() for change in map(forward.jvp, again)]
  for name, variable in trainer.variables.items():
    variable.assign(before[name])
  scores = {name: before[name] * product for name, product in zip(weights, products)}
  mask = grasp._mask(trainer)
  kept, gone = (np.concatenate([scores[name][side(each)] for name, each in mask.items()]) for side in (lambda m: m, lambda m: ~m))
  border = np.median(np.concatenate([kept, gone]))
  assert mask.sparsity == 0.5 and (kept >= border).mean() > 0.95 and (gone <= border).mean() > 0.95


@pytest.mark.slow
def test_a_ticket_of_the_sparsity_that_was_asked_for(tmp_path):
  config = tiny.config(method='grasp', sparsity=(0.75,), epochs=1, supernet=str(tiny.SUPERNET))
  ticket = grasp.draw(tiny.task(), config, Workdir(tmp_path / 'run', config))
  assert ticket.arch == tiny.ARCH and ticket.sparsity == 0.75
  assert ticket.cost.zeros == int(0.75 * ticket.cost.prunable) and all(mask.any() for mask in ticket.masks.values())
  images = tiny.BATCH * -(-10 * len(tiny.LABELS) // tiny.BATCH)  # Of the first batches, whose gradients are taken three times.
  training = ticket.provenance.training
  assert training.epochs == 1 + images / tiny.SIZES['train']
  assert training.macs == 3 * ticket.cost.macs * (tiny.SIZES['train'] + 3 * images)
