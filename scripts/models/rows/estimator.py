"""estimator: tf.Examples in, parsed into dense and sparse columns, as Estimators were exported."""

import itertools
from unittest import mock

import tensorflow as tf

from examples import CLASSIFY, PREDICT, REGRESS, example
from rows.network import SEED, expect_independent
from saved_model import fresh_folder, text, trimmed, v1

columns = tf.feature_column
COLOURS = ["red", "green", "blue"]


def signatures():
    """Fills the default graph and returns {signature: (inputs, outputs, method name)} of tensors."""
    v1.set_random_seed(SEED)
    colour = columns.categorical_column_with_vocabulary_list("colour", COLOURS)
    words = columns.categorical_column_with_hash_bucket("words", 20)
    age = columns.numeric_column("age", default_value=30.0)
    ages = columns.bucketized_column(age, [18.0, 30.0, 60.0])
    wide = [age, colour, words]
    deep = [age, ages, columns.indicator_column(colour), columns.embedding_column(words, 4, combiner="mean")]
    serialized = v1.placeholder(tf.string, [None], name="examples")
    features = v1.io.parse_example(serialized, columns.make_parse_example_spec([*wide, *deep]))
    linear = v1.feature_column.linear_model(features, wide, units=3)
    hidden = tf.nn.relu(dense("hidden", v1.feature_column.input_layer(features, deep), 6))
    logits = tf.add(linear, dense("logits", hidden, 3), name="logits")
    scores = tf.nn.softmax(logits, name="scores")
    classes = tf.tile(tf.constant([["no", "maybe", "yes"]]), [tf.shape(logits)[0], 1], name="classes")
    inputs = {"inputs": serialized}
    return {
        "serving_default": (inputs, {"classes": classes, "scores": scores}, CLASSIFY),
        "regression": (inputs, {"outputs": logits[:, :1]}, REGRESS),
        "predict": ({"examples": serialized}, {"logits": logits, "class_ids": tf.argmax(logits, axis=1)}, PREDICT),
    }


def dense(name, values, units):
    with v1.variable_scope(name):
        kernel = v1.get_variable("kernel", [values.shape[1], units], use_resource=True)
        bias = v1.get_variable("bias", [units], use_resource=True)
        return tf.nn.bias_add(tf.matmul(values, kernel), bias)


def write(out_dir):
    folder = fresh_folder(out_dir, "estimator")
    info = v1.saved_model.build_tensor_info
    with tf.Graph().as_default(), v1.Session() as session:
        definitions = {
            name: v1.saved_model.build_signature_def(
                inputs={alias: info(tensor) for alias, tensor in inputs.items()},
                outputs={alias: info(tensor) for alias, tensor in outputs.items()},
                method_name=method,
            )
            for name, (inputs, outputs, method) in signatures().items()
        }
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            [tf.saved_model.SERVING],
            definitions,
            main_op=v1.tables_initializer(),
            strip_default_attrs=True,
            clear_devices=True,
        )
        builder.save()
    return trimmed(folder)


def make(out_dir):
    """inputs: serialized tf.Examples of `age` float, `colour` and any number of `words` → classify, regress, predict."""
    # A vocabulary's table is named after a random number, and the bytes are to be the same each time.
    with mock.patch("uuid.uuid4", side_effect=itertools.count()):
        folder = write(out_dir)
    several = tf.train.Example()
    several.features.feature["words"].bytes_list.value.extend([b"a", b"b", b"a"])
    sample = text(
        example(age=20.0, colour=b"red", words=b"one"),
        several.SerializeToString(deterministic=True),
        example(age=61.0, colour=b"mauve"),
        b"",
    )
    expect_independent(folder, {"inputs": sample})
    expect_independent(folder, {"inputs": sample}, "regression")
    expect_independent(folder, {"examples": sample}, "predict")
    yield folder
