"""Classifies images with MediaPipe Tasks; run by the Python of an environment that has it.

  python mediapipe_driver.py MODEL.tflite IMAGES.npy

IMAGES is [n, height, width, 3] uint8. Prints, as JSON, the label and the score of each.
"""

import json
import sys

import mediapipe
from mediapipe.tasks import python as tasks
from mediapipe.tasks.python import vision
import numpy as np


def main(model: str, images: str) -> None:
  """Prints what MediaPipe says."""
  options = vision.ImageClassifierOptions(tasks.BaseOptions(model_asset_path=model), max_results=1)
  found = []
  with vision.ImageClassifier.create_from_options(options) as classifier:
    for pixels in np.load(images):
      image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
      best = classifier.classify(image).classifications[0].categories[0]
      found.append([best.category_name, best.score])
  print(json.dumps(found))


if __name__ == '__main__':
  main(*sys.argv[1:])
