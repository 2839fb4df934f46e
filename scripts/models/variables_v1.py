"""variables_v1: half_plus_two as TF1 wrote it, with variables of reference types."""

import numpy as np
import tensorflow as tf

from saved_model import expect, v1, write_graph


def build():
    """x: float [-1] → y: float [-1], 0.5x + 2.

    The ops are VariableV2, whose outputs are references; TensorFlow's single-threaded executor takes none of those.
    """
    x = v1.placeholder(tf.float32, [None], name="x")
    a = v1.get_variable("a", initializer=0.5, use_resource=False)
    b = v1.get_variable("b", initializer=2.0, use_resource=False)
    y = tf.add(tf.multiply(a, x), b, name="y")
    return {"serving_default": ({"x": x}, {"y": y})}


def make(out_dir):
    folder = write_graph(out_dir, "variables_v1", build)
    expect(folder, {"x": np.float32([1, 2, 5])}, {"y": np.float32([2.5, 3, 4.5])})
    yield folder
