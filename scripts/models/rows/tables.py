"""text and ragged_lookup: rows of text, looked up in tables."""

import keras
import tensorflow as tf

from rows.network import Network, rows, save_independent, seeded
from saved_model import text

layers = keras.layers
WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "under", "mat", "table", "good", "bad", "very", "not"]


def make(out_dir):
    yield make_text(out_dir)
    yield make_ragged_lookup(out_dir)


def make_text(out_dir):
    """text, language: string [-1] → scores: float [-1,3] (softmax), label: string [-1]."""
    seeded()
    vectorize = layers.TextVectorization(vocabulary=WORDS, output_sequence_length=6)
    languages = layers.StringLookup(vocabulary=["de", "en", "fr"], output_mode="one_hot")
    labels = layers.StringLookup(vocabulary=["bad", "good"], invert=True)
    network = keras.Sequential([layers.Embedding(len(WORDS) + 2, 6), layers.GlobalAveragePooling1D()])
    head = layers.Dense(3, activation="softmax")
    head(tf.concat([network(tf.zeros([1, 6], tf.int64)), tf.zeros([1, 4])], axis=1))  # makes the weights

    def predict(text, language):
        known = tf.cast(languages(language), tf.float32)
        scores = head(tf.concat([network(vectorize(text)), known], axis=1))
        return {"scores": scores, "label": labels(tf.argmax(scores, axis=1))}

    tables = [vectorize._lookup_layer.lookup_table, languages.lookup_table, labels.lookup_table]
    specs = [rows("text", (), tf.string), rows("language", (), tf.string)]
    module = Network(predict, specs, network.variables + head.variables, tables)
    sample = {
        "text": text(b"The cat sat on the mat.", b"", b"a very good dog ran, under the table, and sat", b"NOT bad!"),
        "language": text(b"en", b"xx", b"de", b"fr"),
    }
    return save_independent(out_dir, "text", module, sample)


def make_ragged_lookup(out_dir):
    """tags: string [-1], words with commas between → their weights: first: float [-1,3], sum: float [-1]; count: int64 [-1]."""
    seeded()
    keys, values = tf.constant(WORDS), tf.range(1.0, len(WORDS) + 1)
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default_value=-0.5)

    def predict(tags):
        words = tf.strings.split(tags, ",")
        weights = tf.ragged.map_flat_values(table.lookup, words)
        padded = weights.to_tensor(0.0, shape=[None, 3])
        total = tf.math.unsorted_segment_sum(weights.values, words.value_rowids(), words.nrows())
        return {"first": padded, "sum": total, "count": words.row_lengths()}

    module = Network(predict, [rows("tags", (), tf.string)], tables=[table])
    return save_independent(out_dir, "ragged_lookup", module, {"tags": text(b"cat,dog", b"", b"mat,?,mat,a", b"on")})
