"""The ways to get a ticket, one file each; no method imports another."""

import importlib
from types import ModuleType


def named(name: str) -> ModuleType:
  """The file of a method.

  It has `plan(config, steps_per_epoch) -> Plan`, `draw(task, config, workdir) -> Ticket` and `READS`, the settings of search, pruning,
  pipeline and tuner that change what it draws or that it refuses. Where the usual does not fit, it also has

    trainings(config): names and epochs of its trainings, when there are several.
    RANKING: how weights are compared, when `--ranking` is not read.
    PUBLISHED: settings of the published method that are not the defaults.
    PRUNING: how a dry run describes what it prunes.
    settled(task, config), trainer(task, config, plan): what a dry run takes its settings and its network from.
  """
  return importlib.import_module(f'st_tf.methods.{name}')
