"""A task of photographs of which nothing but facts is there."""

import types

from st_tf.arch.specs import HeadSpec


def task(pictures: int, preset: str = 'mobile', kind: str = 'classification', **settings):
  return types.SimpleNamespace(
    head=HeadSpec('classification' if kind == 'classification' else 'dense', 10),
    default_supernet=preset,
    settings=settings,
    sizes={'train': pictures},
    image_size=(96, 96),
    picture_sizes=(),
    semantics={'kind': kind},
    steps_per_epoch=lambda batch: pictures // batch,
  )
