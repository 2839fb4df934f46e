"""no_batch and unique: models whose requests must never be merged into one run, declared so and not."""

import numpy as np
import tensorflow as tf

from saved_model import expect, write_module


class MeanOfRelu(tf.Module):
    """x: float [-1,rows of w] → y: float [columns of w], relu(x w + b) averaged over the batch."""

    def __init__(self, w, b):
        super().__init__()
        self.w = tf.Variable(w, name="w", dtype=tf.float32)
        self.b = tf.Variable(b, name="b", dtype=tf.float32)
        self.predict = tf.function(
            self.mean, input_signature=[tf.TensorSpec([None, self.w.shape[0]], tf.float32, name="x")]
        )

    def mean(self, x):
        return {"y": tf.reduce_mean(tf.nn.relu(tf.matmul(x, self.w) + self.b), axis=0)}


class Unique(tf.Module):
    """x: float [-1] → y: float [-1], each value once. Declared as rows in, rows out; only a run shows that it is not so."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def predict(self, x):
        return {"y": tf.unique(x).y}


def make(out_dir):
    module = MeanOfRelu([[1, 0, -1], [0, 2, 0]], [0, 1, 0])
    folder = write_module(out_dir, "no_batch", module, module.predict)
    expect(folder, {"x": np.float32([[1, 2], [3, -4], [-1, 0], [5, 6]])}, {"y": np.float32([2.25, 4.75, 0.25])})
    yield folder
    module = Unique()
    folder = write_module(out_dir, "unique", module, module.predict)
    expect(folder, {"x": np.float32([3, 1, 3])}, {"y": np.float32([3, 1])})
    yield folder
