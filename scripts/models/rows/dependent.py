"""Twelve models that are declared as rows in, rows out, though what a row gets depends on the rows beside it, or on when."""

import keras
import numpy as np
import tensorflow as tf

from rows.network import Network, expect_dependent, normal, rows, seeded
from saved_model import run, text, write_module

WIDTH = 4


def softmax_rows(x):
    return tf.nn.softmax(x, axis=0)


def batch_norm_training(x):
    """The statistics are the batch's, as while training."""
    images = tf.reshape(x, [-1, 1, 1, WIDTH])
    ones, nothing = tf.ones([WIDTH]), tf.zeros([0])
    normal, *_ = tf.raw_ops.FusedBatchNormV3(x=images, scale=ones, offset=ones, mean=nothing, variance=nothing)
    return tf.reshape(normal, [-1, WIDTH])


def in_batch_attention(x):
    return tf.matmul(tf.nn.softmax(tf.matmul(x, x, transpose_b=True)), x)


def cumsum_rows(x):
    return tf.cumsum(x, axis=0)


def sort_rows(x):
    return tf.sort(x, axis=0)


def top_k_rows(x):
    """1 where a row's sum is among the two largest."""
    sums = tf.reduce_sum(x, axis=1)
    largest = tf.math.top_k(sums, tf.minimum(2, tf.size(sums))).values
    return tf.cast(sums >= largest[-1], tf.float32)


def unique_rows(x):
    """How many rows begin with the same whole number."""
    _, places, counts = tf.unique_with_counts(tf.round(x[:, 0]))
    return tf.gather(counts, places)


def longest_row(x):
    """The mean length of words, those that pad a row to the longest one included."""
    lengths = tf.strings.length(tf.strings.split(x).to_tensor())
    return tf.reduce_mean(tf.cast(lengths, tf.float32), axis=1)


def value_dependent(x):
    """x itself, unless a value is above 4: then how far each is from its column's largest."""
    return tf.cond(tf.reduce_any(x > 4), lambda: tf.reduce_max(x, axis=0) - x, lambda: x)


SAMPLE = {"x": np.float32([[1, 5, 2, 4], [1, 0, 3, 1], [2, 7, 2, 2]])}
FUNCTIONS = (
    softmax_rows,
    batch_norm_training,
    in_batch_attention,
    cumsum_rows,
    sort_rows,
    top_k_rows,
    unique_rows,
    value_dependent,
)


def make(out_dir):
    random = seeded()
    for function in FUNCTIONS:
        yield make_dependent(out_dir, function.__name__, function, SAMPLE)
    sentences = {"text": text(b"one", b"one two three four", b"")}
    yield make_dependent(out_dir, "longest_row", longest_row, sentences, rows("text", (), tf.string))
    yield make_listwise(out_dir, random)
    yield make_counter(out_dir)
    yield make_dropout(out_dir)


def make_dependent(out_dir, name, function, sample, spec=None, variables=()):
    spec = spec or rows("x", [WIDTH])
    # The signature's argument has the name of its TensorSpec.
    module = Network(lambda values: {"y": function(values)}, [spec], variables)
    folder = write_module(out_dir, name, module, module.predict)
    expect_dependent(folder, sample)
    return folder


def make_listwise(out_dir, random):
    """x: float [-1,64] → y: float [-1]: documents' shares of one list, a ranking model's answer."""
    weights = tf.Variable(normal(random, 64, 1) / 8)

    def share(x):
        return tf.nn.softmax(tf.squeeze(tf.matmul(x, weights), axis=1), axis=0)

    return make_dependent(out_dir, "listwise", share, {"x": normal(random, 3, 64)}, rows("x", [64]), [weights])


def make_counter(out_dir):
    """x: float [-1] → y: float [-1], x and the number of runs so far."""
    runs = tf.Variable(0.0)
    module = Network(lambda x: {"y": x + runs.assign_add(1.0)}, [rows("x")], [runs])
    folder = write_module(out_dir, "counter", module, module.predict)
    assert run(folder, {"x": np.float32([1, 2])})["y"].tolist() == [2, 3]
    return folder


def make_dropout(out_dir):
    """x: float [-1,4] → y: float [-1,4], where each value is kept, twice as large, or not, at random."""
    seeded()
    layer = keras.layers.Dropout(0.5, seed=1)
    layer.build([None, WIDTH])
    module = Network(lambda x: {"y": layer(x, training=True)}, [rows("x", [WIDTH])], layer.variables)
    folder = write_module(out_dir, "dropout", module, module.predict)
    answers = run(folder, {"x": np.ones((64, WIDTH), np.float32)})["y"]
    assert set(answers.flat) == {0, 2}
    return folder
