"""examples: tf.Example in, for Classify, Regress and MultiInference; beside good signatures one for each way to be wrong."""

import numpy as np
import tensorflow as tf

from saved_model import expect, fresh_folder, text, trimmed, v1

CLASSIFY = tf.saved_model.CLASSIFY_METHOD_NAME
REGRESS = tf.saved_model.REGRESS_METHOD_NAME
PREDICT = tf.saved_model.PREDICT_METHOD_NAME


def signatures():
    """Fills the default graph and returns {signature: (inputs, outputs, method name)} of tensors."""
    examples = v1.placeholder(tf.string, [None], name="examples")
    parsed = v1.io.parse_example(
        examples,
        {
            "x": tf.io.FixedLenFeature([], tf.float32, default_value=0.0),
            "n": tf.io.FixedLenFeature([], tf.int64, default_value=0),
            "word": tf.io.FixedLenFeature([], tf.string, default_value=""),
        },
    )
    x, n, word = parsed["x"], parsed["n"], parsed["word"]
    sums = tf.stack([x, tf.cast(n, tf.float32), x + tf.cast(n, tf.float32)], axis=1, name="scores")
    labels = tf.stack([word, tf.fill(tf.shape(word), "n"), tf.fill(tf.shape(word), "sum")], axis=1, name="classes")
    halves = tf.add(0.5 * x, 2.0, name="halves")
    column = tf.expand_dims(halves, 1, name="column")
    other = v1.placeholder(tf.string, [None], name="other")
    lengths = tf.cast(tf.strings.length(other), tf.float32, name="lengths")
    dense = v1.placeholder(tf.float32, [None], name="dense")
    inputs = {"inputs": examples}
    classify = (inputs, {"classes": labels, "scores": sums}, CLASSIFY)
    return {
        "serving_default": classify,
        "classify": classify,
        "scores": (inputs, {"scores": sums}, CLASSIFY),
        "classes": (inputs, {"classes": labels}, CLASSIFY),
        "regress": (inputs, {"outputs": column}, REGRESS),
        "regress_vector": (inputs, {"outputs": halves}, REGRESS),
        "predict": (inputs, {"x": x, "n": n, "word": word}, PREDICT),
        "other_input": ({"inputs": other}, {"outputs": lengths}, REGRESS),
        "other_method": (inputs, {"classes": labels, "outputs": halves}, "of/our/own"),
        "misnamed_input": ({"examples": examples}, {"scores": sums, "outputs": halves}, CLASSIFY),
        "misnamed_regress_input": ({"examples": examples}, {"outputs": halves}, REGRESS),
        "two_inputs": ({"inputs": examples, "other": other}, {"scores": sums}, CLASSIFY),
        "dense_input": ({"inputs": dense}, {"outputs": 2.0 * dense}, REGRESS),
        "misnamed_outputs": (inputs, {"y": halves}, CLASSIFY),
        "three_outputs": (inputs, {"classes": labels, "scores": sums, "y": halves}, CLASSIFY),
        "flat_scores": (inputs, {"scores": halves}, CLASSIFY),
        "flat_classes": (inputs, {"classes": word}, CLASSIFY),
        "integer_scores": (inputs, {"scores": tf.cast(sums, tf.int64)}, CLASSIFY),
        "float_classes": (inputs, {"classes": sums}, CLASSIFY),
        "uneven": (inputs, {"classes": labels[:, :2], "scores": sums}, CLASSIFY),
        "first_scores": (inputs, {"scores": sums[:1]}, CLASSIFY),
        "first_classes": (inputs, {"classes": labels[:1]}, CLASSIFY),
        "wide_regress": (inputs, {"outputs": sums}, REGRESS),
        "integer_regress": (inputs, {"outputs": n}, REGRESS),
        "first_regress": (inputs, {"outputs": halves[:1]}, REGRESS),
    }


def write(out_dir):
    folder = fresh_folder(out_dir, "examples")
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
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session, [tf.saved_model.SERVING], definitions, strip_default_attrs=True, clear_devices=True
        )
        builder.save()
    return trimmed(folder)


def example(**features):
    """A serialized tf.Example; each feature is one number, integer or byte string."""
    kinds = {float: "float_list", int: "int64_list", bytes: "bytes_list"}
    message = tf.train.Example()
    for name, value in features.items():
        getattr(message.features.feature[name], kinds[type(value)]).value.append(value)
    return message.SerializeToString(deterministic=True)


def make(out_dir):
    folder = write(out_dir)
    inputs = {"inputs": text(example(x=1.0, n=3, word=b"one"), example(x=-2.5), b"")}
    scores = np.float32([[1, 3, 4], [-2.5, 0, -2.5], [0, 0, 0]])
    classes = np.array([[b"one", b"n", b"sum"], [b"", b"n", b"sum"], [b"", b"n", b"sum"]], dtype=object)
    expect(folder, inputs, {"classes": classes, "scores": scores})
    expect(folder, inputs, {"outputs": np.float32([[2.5], [0.75], [2]])}, "regress")
    expect(folder, inputs, {"outputs": np.float32([2.5, 0.75, 2])}, "regress_vector")
    yield folder
