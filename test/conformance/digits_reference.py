"""Scores of the digits model from TensorFlow in Python: MODELS. Prints {"together": 32 rows, "alone": 32 rows}."""

import json
import pathlib
import sys

import numpy as np
import tensorflow as tf

folder = pathlib.Path(sys.argv[1], "digits")
images = np.float32(json.loads((folder / "samples.json").read_text())["images"])
model = tf.saved_model.load(str(folder / "1")).signatures["serving_default"]
together = model(images=tf.constant(images))["scores"].numpy()
alone = np.concatenate([model(images=tf.constant(image[np.newaxis]))["scores"].numpy() for image in images])
# A float32 that is written as the float64 of the same value is the same to the bit when it is read.
print(json.dumps({"together": together.astype(float).tolist(), "alone": alone.astype(float).tolist()}))
