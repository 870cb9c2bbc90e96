"""What is wrong with how a convolution of a file is padded, and what to do: sparse inference wants the same on all sides."""

from collections.abc import Sequence
import dataclasses


@dataclasses.dataclass(frozen=True)
class Padding:
  """The padding of a convolution.

  Attributes:
    kernel: (height, width).
    stride: (vertical, horizontal).
    size: (height, width) of what it reads before any padding.
    pads: (above, below, left, right) in pixels.
    by_same: whether the operation itself pads, by SAME.
  """

  kernel: tuple[int, int]
  stride: tuple[int, int]
  size: tuple[int, int]
  pads: tuple[int, int, int, int]
  by_same: bool

  @classmethod
  def of(cls, kernel: Sequence[int], stride: Sequence[int], size: Sequence[int], before: Sequence[int], by_same: bool) -> 'Padding':
    """That of a convolution of maps that a padding operation has padded by `before` already."""
    pads = list(before)
    for axis, (side, step, length) in enumerate(zip(kernel, stride, size, strict=True)):
      length += before[2 * axis] + before[2 * axis + 1]
      total = max((-(-length // step) - 1) * step + side - length, 0) if by_same else 0
      pads[2 * axis] += total // 2
      pads[2 * axis + 1] += total - total // 2
    return cls(tuple(kernel), tuple(stride), tuple(size), tuple(pads), by_same)

  def is_even(self, half: int) -> bool:
    """Whether it is `half` on each side in a way that runtimes take for it: a SAME with a stride never is."""
    return self.pads == (half,) * 4 and (not self.by_same or self.stride == (1, 1))

  def __str__(self) -> str:
    names = ('above', 'below', 'left', 'right')
    sides = ', '.join(f'{pad} {name}' for pad, name in zip(self.pads, names))
    return f'{self.kernel[0]}x{self.kernel[1]} at {self.size[0]}x{self.size[1]}: {sides}{" by SAME" if self.by_same else ""}'

  def change(self, depthwise: bool) -> str:
    """What to do about it, where the convolution is a depthwise one or the first."""
    half = (self.kernel[0] - 1) // 2
    if len(set(self.pads)) == 1:
      return (
        'the converter writes SAME at odd sizes; use an image size that halves evenly down to the last stride, such as a multiple of 32,'
        f' and ZeroPadding2D({half}), then VALID'
      )
    ways = f'pad {half} on every side (ZeroPadding2D({half}), then VALID) and train it further, as --supernet=keras:FILE does'
    if depthwise and self.kernel == (3, 3):
      ways += ', or write its kernel into the lower right corner of a 5x5 one that is padded by 2, which changes nothing (--padding=exact)'
    return f'{ways}; odd image sizes do not help'
