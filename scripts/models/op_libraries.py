"""Models that run operations of other packages: text_ops of tensorflow-text, forest of ydf-tf.

They are made by themselves, by `main.py --op-libraries`: their packages are in requirements-op-libraries.txt.
"""

import numpy as np
import tensorflow as tf
import tensorflow_text
import ydf

from saved_model import fresh_folder, trimmed, write_module

VOCABULARY = ["[UNK]", "the", "cat", "##s", "sat", "on", "mat", "."]


class TextOps(tf.Module):
    """serving_default: text string [-1] → bigrams string [-1,-1], of words that blanks part.
    pieces: words string [-1] → pieces string [-1,-1], starts int64 [-1,-1], by a small vocabulary.
    """

    def __init__(self):
        super().__init__()
        table = tf.lookup.KeyValueTensorInitializer(VOCABULARY, np.arange(len(VOCABULARY)), tf.string, tf.int64)
        self.pieces_of = tensorflow_text.WordpieceTokenizer(
            tf.lookup.StaticVocabularyTable(table, 1), token_out_type=tf.string
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def bigrams(self, text):
        pairs = tensorflow_text.ngrams(
            tf.strings.split(text), 2, reduction_type=tensorflow_text.Reduction.STRING_JOIN, string_separator=" "
        )
        return {"bigrams": pairs.to_tensor("")}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
    def pieces(self, words):
        pieces, starts, _ = self.pieces_of.tokenize_with_offsets(words)
        return {"pieces": pieces.to_tensor(""), "starts": starts.to_tensor(-1)}


def text_ops(out_dir):
    module = TextOps()
    folder = write_module(
        out_dir, "text_ops", module, {"serving_default": module.bigrams, "pieces": module.pieces}
    )
    loaded = tf.saved_model.load(str(folder)).signatures
    sentence = tf.constant(["the cats sat on the mat."])
    bigrams = loaded["serving_default"](text=sentence)["bigrams"].numpy()
    assert bigrams.tolist() == [[b"the cats", b"cats sat", b"sat on", b"on the", b"the mat."]], bigrams
    pieces = loaded["pieces"](words=tf.constant(["cats", "dog"]))
    assert pieces["pieces"].numpy().tolist() == [[b"cat", b"##s"], [b"[UNK]", b""]], pieces
    assert pieces["starts"].numpy().tolist() == [[0, 3], [0, -1]], pieces
    return folder


def forest(out_dir):
    """a: float [-1], b: float [-1] → output float [-1], the probability that a is above b."""
    examples = np.random.default_rng(1).random((200, 2), dtype=np.float32)
    table = {"a": examples[:, 0], "b": examples[:, 1], "label": (examples[:, 0] > examples[:, 1]).astype(int)}
    learner = ydf.RandomForestLearner(label="label", num_trees=5, max_depth=4, num_threads=1)
    model = learner.train(table, verbose=0)
    folder = fresh_folder(out_dir, "forest")
    model.to_tensorflow_saved_model(str(folder), mode="tf")
    rows = {"a": np.float32([0.1, 0.9, 0.52]), "b": np.float32([0.9, 0.1, 0.5])}
    loaded = tf.saved_model.load(str(folder)).signatures["serving_default"]
    served = loaded(**{name: tf.constant(column) for name, column in rows.items()})["output"].numpy()
    assert np.array_equal(served, model.predict(rows)), served
    print("forest answers", served.tolist())
    return trimmed(folder)


def make(out_dir):
    yield text_ops(out_dir)
    yield forest(out_dir)
