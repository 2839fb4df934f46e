"""Saving a network of Keras' layers as a small SavedModel, and judging whether its rows depend on each other."""

import keras
import numpy as np
import tensorflow as tf

from saved_model import SERVING_DEFAULT, run, write_module

SEED = 12
# Of sums of a few hundred float32 products in another order.
TOLERANCE = 1e-5


class Network(tf.Module):
    """A signature `serving_default` of `predict`, whose arguments `specs` names."""

    def __init__(self, predict, specs, variables=(), tables=()):
        super().__init__()
        # A module finds its variables and tables in its attributes; it finds none inside of Keras' own classes.
        self.weights = [variable if isinstance(variable, tf.Variable) else variable.value for variable in variables]
        self.tables = list(tables)
        self.predict = tf.function(predict, input_signature=specs)


def rows(name, shape=(), dtype=tf.float32):
    """The input `name`, of rows of this shape."""
    return tf.TensorSpec([None, *shape], dtype, name=name)


def save_network(out_dir, name, layers, spec, sample, output="scores"):
    """Saves a stack of layers with random weights and checks that rows of `sample` do not depend on each other."""
    network = keras.Sequential(layers)
    network(sample[:1])  # makes the weights
    module = Network(lambda values: {output: network(values)}, [spec], network.variables)
    return save_independent(out_dir, name, module, {spec.name: sample})


def save_independent(out_dir, name, module, sample):
    folder = write_module(out_dir, name, module, module.predict)
    expect_independent(folder, sample)
    return folder


def expect_independent(folder, sample, signature=SERVING_DEFAULT):
    together, alone = together_and_alone(folder, sample, signature)
    for alias, wanted in alone.items():
        assert same(together[alias], wanted), f"{folder}: rows of {alias} depend on each other"


def expect_dependent(folder, sample):
    together, alone = together_and_alone(folder, sample, SERVING_DEFAULT)
    assert not all(same(together[alias], wanted) for alias, wanted in alone.items()), f"{folder}: rows are independent"


def together_and_alone(folder, sample, signature):
    """The outputs for all rows together, and for each row alone, put together afterwards."""
    count = len(next(iter(sample.values())))
    apart = [
        run(folder, {alias: values[row : row + 1] for alias, values in sample.items()}, signature)
        for row in range(count)
    ]
    alone = {alias: np.concatenate([answers[alias] for answers in apart]) for alias in apart[0]}
    return run(folder, sample, signature), alone


def same(a, b):
    if a.dtype.kind in "OSU":
        return a.tolist() == b.tolist()
    return a.shape == b.shape and np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE)


def seeded():
    """Keras' and TensorFlow's random numbers from the start, and a source of samples."""
    keras.utils.set_random_seed(SEED)
    return np.random.default_rng(SEED)


def normal(random, *shape):
    return random.standard_normal(shape).astype(np.float32)
