"""Shows images to MediaPipe Tasks; run by the Python of an environment that has them.

  python mediapipe_driver.py classify|segment MODEL.tflite IMAGES.npy [MASKS.npy]

IMAGES is [n, height, width, 3] uint8. Prints, as JSON, the label and the score of each; of segments the labels of the file, and
writes MASKS, [n, height, width] uint8.
"""

import json
import sys

import mediapipe
from mediapipe.tasks import python as tasks
from mediapipe.tasks.python import vision
import numpy as np


def classify(model: str, images: str) -> None:
  """Prints what MediaPipe calls each image."""
  options = vision.ImageClassifierOptions(tasks.BaseOptions(model_asset_path=model), max_results=1)
  found = []
  with vision.ImageClassifier.create_from_options(options) as classifier:
    for pixels in np.load(images):
      image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
      best = classifier.classify(image).classifications[0].categories[0]
      found.append([best.category_name, best.score])
  print(json.dumps(found))


def segment(model: str, images: str, masks: str) -> None:
  """Writes where MediaPipe sees what."""
  options = vision.ImageSegmenterOptions(tasks.BaseOptions(model_asset_path=model), output_category_mask=True)
  found = []
  with vision.ImageSegmenter.create_from_options(options) as segmenter:
    for pixels in np.load(images):
      image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
      found.append(segmenter.segment(image).category_mask.numpy_view().reshape(pixels.shape[:2]).copy())
    print(json.dumps(list(segmenter.labels)))
  np.save(masks, np.stack(found))


if __name__ == '__main__':
  {'classify': classify, 'segment': segment}[sys.argv[1]](*sys.argv[2:])
