"""cnn_1d, lstm, gru, transformer and masked_sequence: rows that are sequences. The loops of the recurrent ones run time-major."""

import keras
import numpy as np
import tensorflow as tf

from rows.network import Network, normal, rows, save_independent, save_network, seeded

layers = keras.layers
WORDS = 40


def make(out_dir):
    yield make_cnn_1d(out_dir)
    yield make_lstm(out_dir)
    yield make_gru(out_dir)
    yield make_transformer(out_dir)
    yield make_masked_sequence(out_dir)


def make_cnn_1d(out_dir):
    """x: float [-1,24,4] → scores: float [-1,3] (softmax)."""
    random = seeded()
    stack = [
        layers.Conv1D(8, 5, padding="causal", activation="relu"),
        layers.MaxPooling1D(2),
        layers.Conv1D(8, 3, dilation_rate=2, activation="elu"),
        layers.LayerNormalization(),
        layers.GlobalMaxPooling1D(),
        layers.Dense(3, activation="softmax"),
    ]
    return save_network(out_dir, "cnn_1d", stack, rows("x", [24, 4]), normal(random, 5, 24, 4))


def make_lstm(out_dir):
    """tokens: int32 [-1,9] → scores: float [-1,3]: an LSTM forwards and one backwards, and the largest of their outputs."""
    random = seeded()
    stack = [
        layers.Embedding(WORDS, 6),
        layers.Bidirectional(layers.LSTM(5, return_sequences=True)),
        layers.GlobalMaxPooling1D(),
        layers.Dense(3),
    ]
    sample = random.integers(0, WORDS, (5, 9), np.int32)
    return save_network(out_dir, "lstm", stack, rows("tokens", [9], tf.int32), sample)


def make_gru(out_dir):
    """x: float [-1,-1,4] → scores: float [-1,3] (softmax); sequences of any length."""
    random = seeded()
    stack = [layers.GRU(6, return_sequences=True), layers.GRU(5, reset_after=False), layers.Dense(3, activation="softmax")]
    return save_network(out_dir, "gru", stack, rows("x", [None, 4]), normal(random, 5, 7, 4))


def make_transformer(out_dir):
    """tokens: int32 [-1,8] → scores: float [-1,4] (softmax): attention over the sequence, not over rows."""
    random = seeded()
    width, length = 8, 8
    tokens = keras.Input((length,), dtype="int32")
    places = layers.Embedding(length, width)(keras.ops.arange(length))
    hidden = layers.Embedding(WORDS, width)(tokens) + places
    attended = layers.MultiHeadAttention(num_heads=2, key_dim=4, dropout=0.1)(hidden, hidden)
    hidden = layers.LayerNormalization()(layers.add([hidden, layers.Dropout(0.1)(attended)]))
    inner = layers.Dense(width)(layers.Dense(16, activation="gelu")(hidden))
    hidden = layers.LayerNormalization()(layers.add([hidden, inner]))
    scores = layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling1D()(hidden))
    network = keras.Model(tokens, scores)
    module = Network(lambda tokens: {"scores": network(tokens)}, [rows("tokens", [length], tf.int32)], network.variables)
    sample = random.integers(0, WORDS, (5, length), np.int32)
    return save_independent(out_dir, "transformer", module, {"tokens": sample})


def make_masked_sequence(out_dir):
    """tokens: int32 [-1,7], padded with 0 → scores: float [-1,3], which the padding does not change."""
    random = seeded()
    stack = [
        layers.Embedding(WORDS, 6, mask_zero=True),
        layers.LSTM(5, return_sequences=True),
        layers.GRU(5, return_sequences=True),
        layers.GlobalAveragePooling1D(),
        layers.Dense(3),
    ]
    sample = random.integers(1, WORDS, (5, 7), np.int32) * (np.arange(7) < np.int32([[7], [3], [1], [5], [2]]))
    return save_network(out_dir, "masked_sequence", stack, rows("tokens", [7], tf.int32), sample.astype(np.int32))
