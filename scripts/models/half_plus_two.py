"""half_plus_two: the customary first model, y = 0.5x + 2, with its two weights in variables."""

import numpy as np
import tensorflow as tf

from saved_model import expect, write_module


class HalfPlusTwo(tf.Module):
    """x: float [-1] → y: float [-1]."""

    def __init__(self):
        super().__init__()
        self.a = tf.Variable(0.5, name="a")
        self.b = tf.Variable(2.0, name="b")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def predict(self, x):
        return {"y": self.a * x + self.b}


def make(out_dir):
    module = HalfPlusTwo()
    folder = write_module(out_dir, "half_plus_two", module, module.predict)
    expect(folder, {"x": np.float32([1, 2, 5])}, {"y": np.float32([2.5, 3, 4.5])})
    yield folder
