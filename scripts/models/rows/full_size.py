"""Models of the sizes that people serve, as Keras exports them: what the proof of independent rows must reach, and how long
it takes beside the load. Their weights are random, and they are never committed."""

import keras
import numpy as np

from rows.estimator import write as write_estimator
from rows.network import seeded
from saved_model import fresh_folder, trimmed

layers = keras.layers
WORDS = 20_000


def make(out_dir):
    yield from make_applications(out_dir)
    for build in (mlp, cnn_1d, lstm, gru, transformer, dlrm, text):
        yield export(out_dir, build.__name__, build())
    yield write_estimator(out_dir)


def make_applications(out_dir):
    applications = keras.applications
    for build in (applications.MobileNetV2, applications.ResNet50, applications.EfficientNetB0):
        yield export(out_dir, build.__name__, build(weights=None))


def export(out_dir, name, network):
    folder = fresh_folder(out_dir, name)
    network.export(str(folder), verbose=False)
    return trimmed(folder)


def mlp():
    seeded()
    images = keras.Input((784,))
    hidden = layers.Dropout(0.2)(layers.BatchNormalization()(layers.Dense(512, activation="relu")(images)))
    return keras.Model(images, layers.Dense(10, activation="softmax")(layers.Dense(256, activation="relu")(hidden)))


def cnn_1d():
    seeded()
    signal = hidden = keras.Input((1024, 8))
    for filters in (32, 64, 128, 128):
        hidden = layers.Conv1D(filters, 7, padding="same", use_bias=False)(hidden)
        hidden = layers.MaxPooling1D(2)(layers.ReLU()(layers.BatchNormalization()(hidden)))
    return keras.Model(signal, layers.Dense(20, activation="softmax")(layers.GlobalAveragePooling1D()(hidden)))


def lstm():
    seeded()
    tokens = keras.Input((None,), dtype="int32")
    hidden = layers.Embedding(WORDS, 128, mask_zero=True)(tokens)
    hidden = layers.Bidirectional(layers.LSTM(128, return_sequences=True))(hidden)
    return keras.Model(tokens, layers.Dense(5, activation="softmax")(layers.LSTM(64)(hidden)))


def gru():
    seeded()
    series = keras.Input((None, 32))
    hidden = layers.GRU(256, return_sequences=True)(series)
    return keras.Model(series, layers.Dense(12)(layers.GRU(128)(hidden)))


def transformer():
    seeded()
    width, length = 256, 128
    tokens = keras.Input((length,), dtype="int32")
    hidden = layers.Embedding(WORDS, width)(tokens) + layers.Embedding(length, width)(keras.ops.arange(length))
    for _ in range(6):
        attended = layers.MultiHeadAttention(num_heads=8, key_dim=32, dropout=0.1)(hidden, hidden)
        hidden = layers.LayerNormalization()(layers.add([hidden, attended]))
        inner = layers.Dropout(0.1)(layers.Dense(width)(layers.Dense(4 * width, activation="gelu")(hidden)))
        hidden = layers.LayerNormalization()(layers.add([hidden, inner]))
    return keras.Model(tokens, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling1D()(hidden)))


def dlrm():
    """13 numbers and 26 categories, the products of all pairs of their vectors, and two networks."""
    seeded()
    width, categories = 16, 26
    dense, sparse = keras.Input((13,)), keras.Input((categories,), dtype="int32")
    bottom = layers.Dense(width, activation="relu")(layers.Dense(64, activation="relu")(dense))
    vectors = [layers.Embedding(5000, width)(sparse[:, i]) for i in range(categories)]
    stacked = keras.ops.stack([bottom, *vectors], axis=1)
    products = keras.ops.matmul(stacked, keras.ops.transpose(stacked, (0, 2, 1)))
    rows, columns = np.triu_indices(categories + 1, k=1)
    pairs = keras.ops.take(layers.Flatten()(products), rows * (categories + 1) + columns, axis=1)
    hidden = layers.Dense(256, activation="relu")(layers.concatenate([bottom, pairs]))
    return keras.Model([dense, sparse], layers.Dense(1, activation="sigmoid")(hidden))


def text():
    seeded()
    sentences = keras.Input((), dtype="string")
    vectorize = layers.TextVectorization(vocabulary=[f"w{i}" for i in range(WORDS)], output_sequence_length=200)
    hidden = layers.Embedding(WORDS + 2, 64)(vectorize(sentences))
    hidden = layers.GlobalMaxPooling1D()(layers.Conv1D(64, 5, activation="relu")(hidden))
    return keras.Model(sentences, layers.Dense(4, activation="softmax")(hidden))
