"""pass_through: outputs that are inputs, as TF1 graphs have them where a key goes along with each row."""

import numpy as np
import tensorflow as tf

from saved_model import expect, text, v1, write_graph


def build():
    """key: string [-1], x: float [-1] → key, x: the same, y: float [-1], 0.5x + 2.

    `keys`: key → key, with nothing to run. `scalar`: n: int32 [] → n, once more as `copy`, and `twice`: int32 [].
    TensorFlow itself refuses a run that feeds and fetches the same tensor.
    """
    key = v1.placeholder(tf.string, [None], name="key")
    x = v1.placeholder(tf.float32, [None], name="x")
    y = tf.add(0.5 * x, 2.0, name="y")
    n = v1.placeholder(tf.int32, [], name="n")
    twice = tf.multiply(n, 2, name="twice")
    return {
        "serving_default": ({"key": key, "x": x}, {"key": key, "x": x, "y": y}),
        "keys": ({"key": key}, {"key": key}),
        "scalar": ({"n": n}, {"copy": n, "n": n, "twice": twice}),
        "half": ({"key": key, "x": x}, {"y": y}),
    }


def make(out_dir):
    folder = write_graph(out_dir, "pass_through", build)
    inputs = {"key": text(b"a", b"\xff"), "x": np.float32([1, 2])}
    expect(folder, inputs, {"y": np.float32([2.5, 3])}, "half")
    yield folder
