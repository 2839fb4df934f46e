"""mlp and wide_deep: rows of numbers, and of numbers with categories."""

import keras
import numpy as np
import tensorflow as tf

from rows.network import Network, normal, rows, save_independent, seeded

layers = keras.layers


def make(out_dir):
    yield make_mlp(out_dir)
    yield make_wide_deep(out_dir)


def make_mlp(out_dir):
    """x: float [-1,16] → scores: float [-1,4] (softmax), classes: int64 [-1]."""
    random = seeded()
    network = keras.Sequential(
        [
            layers.Dense(24, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(16, activation="gelu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    sample = normal(random, 5, 16)
    network(sample)

    def predict(x):
        scores = network(x)
        return {"scores": scores, "classes": tf.argmax(scores, axis=-1)}

    module = Network(predict, [rows("x", [16])], network.variables)
    return save_independent(out_dir, "mlp", module, {"x": sample})


class WideDeep:
    """DLRM's parts: a bottom network, tables of embeddings, products of all pairs; beside them a wide, linear part."""

    USERS, ITEMS, TAGS, WIDTH, CROSSES = 50, 40, 30, 8, 100

    def __init__(self):
        self.bottom = keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(self.WIDTH)])
        self.top = keras.Sequential([layers.Dense(12, activation="relu"), layers.Dense(1)])
        self.embeddings = [layers.Embedding(size, self.WIDTH) for size in (self.USERS, self.ITEMS, self.TAGS)]
        self.wide = tf.Variable(tf.random.normal([self.CROSSES]))

    def __call__(self, dense, user, item, tags):
        users, items, tag_table = self.embeddings
        vectors = tf.stack([self.bottom(dense), users(user), items(item), tf.reduce_sum(tag_table(tags), axis=1)], axis=1)
        products = tf.linalg.matmul(vectors, vectors, transpose_b=True)
        pairs = tf.boolean_mask(products, np.triu(np.ones((4, 4), bool), k=1), axis=1)
        deep = self.top(tf.concat([pairs, self.bottom(dense)], axis=1))
        cross = tf.math.floormod(tf.cast(user, tf.int64) * 31 + tf.cast(item, tf.int64), self.CROSSES)
        wide = tf.nn.embedding_lookup(self.wide, cross)
        return {"probability": tf.sigmoid(tf.squeeze(deep, axis=1) + wide)}

    @property
    def variables(self):
        parts = (self.bottom, self.top, *self.embeddings)
        return [variable for part in parts for variable in part.variables] + [self.wide]


def make_wide_deep(out_dir):
    """dense: float [-1,6], user, item: int32 [-1], tags: int32 [-1,3] → probability: float [-1]."""
    random = seeded()
    model = WideDeep()
    sample = {
        "dense": normal(random, 5, 6),
        "user": random.integers(0, model.USERS, 5, np.int32),
        "item": random.integers(0, model.ITEMS, 5, np.int32),
        "tags": random.integers(0, model.TAGS, (5, 3), np.int32),
    }
    model(**sample)
    specs = [rows("dense", [6]), rows("user", (), tf.int32), rows("item", (), tf.int32), rows("tags", [3], tf.int32)]
    return save_independent(out_dir, "wide_deep", Network(model.__call__, specs, model.variables), sample)
