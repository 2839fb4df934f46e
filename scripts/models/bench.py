"""The models that benchmarks serve: mlp, spectra, echo and mobilenet. Too large to be committed."""

import keras
import numpy as np
import tensorflow as tf

from digits import classified
from dtypes import Echo
from no_batch import MeanOfRelu
from saved_model import expect, fresh_folder, run, trimmed, write_module

SEED = 1


class Mlp(tf.Module):
    """images: float [-1,784] → scores: float [-1,10] (softmax), classes: int64 [-1]. Random weights, no biases."""

    def __init__(self, random):
        super().__init__()
        sides = (784, 256, 128, 10)
        self.weights = [tf.Variable(normal(random, shape, 0.05)) for shape in zip(sides, sides[1:])]

    @tf.function(input_signature=[tf.TensorSpec([None, 784], tf.float32, name="images")])
    def predict(self, images):
        hidden = images
        for weights in self.weights[:-1]:
            hidden = tf.nn.relu(tf.matmul(hidden, weights))
        return classified(tf.nn.softmax(tf.matmul(hidden, self.weights[-1])))


def normal(random, shape, deviation):
    return (random.standard_normal(shape) * deviation).astype(np.float32)


def make(out_dir):
    random = np.random.default_rng(SEED)
    yield make_mlp(out_dir, random)
    yield make_spectra(out_dir, random)
    yield make_echo(out_dir)
    yield make_mobilenet(out_dir)


def make_mlp(out_dir, random):
    module = Mlp(random)
    folder = write_module(out_dir, "mlp", module, module.predict)
    answers = run(folder, {"images": random.random((2, 784), np.float32)})
    assert answers["scores"].shape == (2, 10) and answers["classes"].shape == (2,)
    return folder


def make_spectra(out_dir, random):
    """x: float [-1,1025] → y: float [60]: spectra of one sound in, one averaged vector out."""
    module = MeanOfRelu(normal(random, (1025, 60), 0.02), np.zeros(60))
    folder = write_module(out_dir, "spectra", module, module.predict)
    assert run(folder, {"x": random.random((50, 1025), np.float32)})["y"].shape == (60,)
    return folder


def make_echo(out_dir):
    """x → y, float of any shape: what a request costs when the model costs nothing."""
    module = Echo(tf.float32)
    folder = write_module(out_dir, "echo", module, module.predict)
    expect(folder, {"x": np.float32([[1, 2]])}, {"y": np.float32([[1, 2]])})
    return folder


def make_mobilenet(out_dir):
    """MobileNetV2 as Keras exports it, since random weights take as long to compute with as trained ones.

    images: float [-1,224,224,3] → output_0: float [-1,1000] (softmax), under serve as well as serving_default.
    """
    keras.utils.set_random_seed(SEED)
    network = keras.applications.MobileNetV2(weights=None, input_tensor=keras.Input((224, 224, 3), name="images"))
    folder = fresh_folder(out_dir, "mobilenet")
    network.export(str(folder), verbose=False)
    trimmed(folder)
    assert run(folder, {"images": np.zeros((1, 224, 224, 3), np.float32)})["output_0"].shape == (1, 1000)
    return folder
