"""A short run with a pruning and a shrink on one replica and on two logical CPUs; prints how far they are apart, as JSON.

Logical devices exist only in a process that asks for them first, so `replicas_test` starts this one.
"""

import json

import numpy as np
import tensorflow as tf

from st_tf.training.plan import Plan
from st_tf.training.trainer import State, Trainer
from tests import tiny

REPLICAS = 2


def live(replicas: int) -> tuple[State, np.ndarray, list[int]]:
  """(state at the end, outputs of the evaluated model, [traces, steps])."""
  config = tiny.config(replicas=replicas, reactivation='masked', ema_decay=0.9, weight_decay=0.01)
  # A network without dropout: each replica draws noise of its own.
  trainer = Trainer(tiny.SPECK, tiny.task(), config, Plan.of(config, tiny.STEPS_PER_EPOCH).pruning, searching=True, synchronized=True)
  tiny.train(trainer, 2, 0.05, 0.1)
  trainer.prune(0.4)
  tiny.train(trainer, 2, 0.05, 0.1)
  alive = {group.name: np.arange(group.units) % 2 == 0 for group in trainer.groups}
  alive['stage1/fuse/0to0/k3'][:] = False
  trainer.shrink(alive)
  tiny.train(trainer, 2, 0.05, 0.1)
  trainer.prune(0.6, final=True)
  tiny.train(trainer, 1, 0.05)
  with trainer.evaluated(list(tiny.batches(trainer))[:2]):
    images = next(tiny.batches(trainer))[0]
    outputs = trainer.model(images, training=False).numpy()
    trainer.scores('validation')
  return trainer.state(), outputs, [trainer.traces, trainer.step]


def main() -> None:
  """Compares the two."""
  cpu = tf.config.list_physical_devices('CPU')[0]
  tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * REPLICAS)
  (one, outputs, counts), (two, other_outputs, other_counts) = live(1), live(REPLICAS)
  differences = {name: float(np.abs(value.astype(np.float64) - two.arrays[name]).max(initial=0)) for name, value in one.arrays.items()}
  found = {
    'worst': max(differences, key=differences.get),
    'difference': max(differences.values()),
    'outputs': float(np.abs(outputs - other_outputs).max()),
    'magnitude': float(np.abs(outputs).max()),
    'masks': max(value for name, value in differences.items() if '/mask/' in name),
    'counts': [counts, other_counts],
    'same_facts': one.facts == two.facts,
    'same_names': list(one.arrays) == list(two.arrays),
  }
  print(json.dumps(found))


if __name__ == '__main__':
  main()
