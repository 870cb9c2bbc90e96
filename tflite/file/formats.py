"""What a file may consist of; needs no TensorFlow, so that flags know it."""

import dataclasses

STORAGES = ('auto', 'always', 'never')  # Whether kernels are stored without their zeros.


@dataclasses.dataclass(frozen=True)
class Format:
  """A number format and what is accepted of files in it.

  Attributes:
    name: as given to `--format`.
    tolerance: largest difference from Keras, as a fraction of its largest output.
    loss: largest loss of the task's primary metric.
    runs_sparsely: whether runtimes execute it sparsely.
  """

  name: str
  tolerance: float
  loss: float
  runs_sparsely: bool


FORMATS = {
  form.name: form for form in (Format('float32', 1e-4, 0.001, True), Format('float16', 0.02, 0.005, True), Format('int8', 0.3, 0.03, False))
}
