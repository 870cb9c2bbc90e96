import numpy as np
import pytest
import tensorflow as tf

from st_tf.methods import _first_mask as first_mask
from st_tf.methods import snip
from st_tf.runs.workdir import Workdir
from tests import tiny


def test_the_mask_is_of_the_largest_products_of_weight_and_mean_gradient():
  trainer = tiny.trainer(tiny.SPECK, searching=False, method='snip', sparsity=(0.75,))
  weights, before, products = first_mask.weights(trainer), trainer.values(), {}
  batches = list(tiny.batches(trainer))[: -(-10 * len(trainer.task.labels) // trainer.config.batch_size)]
  for images, targets in batches:
    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(trainer.task.loss(targets, trainer.model(images, training=True), trainer.config.training.label_smoothing))
    for name, gradient in zip(weights, tape.gradient(loss, list(weights.values()), unconnected_gradients='zero')):
      products[name] = products.get(name, 0) + weights[name].numpy() * gradient.numpy()
  for name, variable in trainer.variables.items():
    variable.assign(before[name])
  mask = snip._mask(trainer)
  assert all((trainer.values()[name] == value).all() for name, value in before.items()), 'weights and batch norms are as before'
  scores = {name: np.abs(value) for name, value in products.items()}
  border = np.sort(np.concatenate([value.ravel() for value in scores.values()]))[-(mask.size - mask.zeros)]
  agreed = [((scores[name] >= border) == kept).mean() for name, kept in mask.items()]
  assert mask.sparsity == 0.75 and len(batches) > 0 and min(agreed) > 0.9


@pytest.mark.slow
def test_a_ticket_of_the_sparsity_that_was_asked_for(tmp_path):
  config = tiny.config(method='snip', sparsity=(0.75,), epochs=1, supernet=str(tiny.SUPERNET))
  ticket = snip.draw(tiny.task(), config, Workdir(tmp_path / 'run', config))
  assert ticket.arch == tiny.ARCH and ticket.sparsity == 0.75
  assert ticket.cost.zeros == int(0.75 * ticket.cost.prunable) and all(mask.any() for mask in ticket.masks.values())
  images = tiny.BATCH * -(-10 * len(tiny.LABELS) // tiny.BATCH)  # Of the first batches.
  training = ticket.provenance.training
  assert training.epochs == 1 + images / tiny.SIZES['train']
  assert training.macs == 3 * ticket.cost.macs * (tiny.SIZES['train'] + images)
