"""composites and composites_v1: signatures whose inputs and outputs are not all plain tensors.

What TensorFlow itself answers stands in answers.json beside the versions: sparse and ragged tensors by their components.
"""

import json

import numpy as np
import tensorflow as tf

from saved_model import SERVING_DEFAULT, fresh_folder, signature_def, trimmed, v1, write_module

TEXT = [tf.TensorSpec([None], tf.string, name="text")]
MATRIX = [tf.TensorSpec([None, None], tf.float32, name="x")]
VECTOR = [tf.TensorSpec([None], tf.float32, name="x")]


class Composites(tf.Module):
    """serving_default: text: string [-1] → length: int64 [-1], tok: its words, ragged.
    characters: text → count: int64 [-1] (words), chars: the characters of its words, ragged twice.
    sparse: x: float [-1,-1] → sum: float [-1], sp: what of x is not zero.
    bytes: text → raw_bytes: its words, ragged, which JSON writes in base64.
    slices: x: float [-1] → y: float [-1], twice x, slices: x as IndexedSlices.
    handles: x → six times a float [-1], a = x to f = 6x, and three that must not leave the process:
    handle: resource [], list: variant [], maybe: an optional, which is a variant, too.
    closed: x → list: variant [] alone.
    """

    def __init__(self):
        super().__init__()
        self.w = tf.Variable(1.0, name="w")

    @tf.function(input_signature=TEXT)
    def words(self, text):
        return {"length": tf.cast(tf.strings.length(text), tf.int64), "tok": tf.strings.split(text)}

    @tf.function(input_signature=TEXT)
    def characters(self, text):
        words = tf.strings.split(text)
        return {"count": words.row_lengths(), "chars": tf.strings.unicode_split(words, "UTF-8")}

    @tf.function(input_signature=TEXT)
    def bytes(self, text):
        return {"raw_bytes": tf.strings.split(text)}

    @tf.function(input_signature=MATRIX)
    def sparse(self, x):
        return {"sum": tf.reduce_sum(x, axis=1), "sp": tf.sparse.from_dense(x)}

    @tf.function(input_signature=VECTOR)
    def slices(self, x):
        return {"y": 2.0 * x, "slices": tf.IndexedSlices(x, tf.range(tf.size(x)))}

    @tf.function(input_signature=VECTOR)
    def handles(self, x):
        multiples = {name: tf.multiply(x, i + 1.0) for i, name in enumerate("abcdef")}
        maybe = tf.experimental.Optional.from_value(x)
        return {**multiples, "handle": self.w.handle, "list": tensor_list(x), "maybe": maybe}

    @tf.function(input_signature=VECTOR)
    def closed(self, x):
        return {"list": tensor_list(x)}


def tensor_list(x):
    return tf.raw_ops.TensorListFromTensor(tensor=x, element_shape=tf.constant([], tf.int32))


def build_v1():
    """serving_default: sp: sparse float [-1,3] → total: float [-1] (of each row), twice: sparse, 2 sp.
    ragged: rag: ragged float → total: float [-1].
    classify: inputs: string [-1] → scores: float [-1,2] (0, 1), state: variant [], which Classify does not need.

    The first dimension of total is called `rows`.
    """
    sparse = v1.sparse_placeholder(tf.float32, [None, 3], name="sp")
    twice = tf.SparseTensor(tf.identity(sparse.indices), 2.0 * sparse.values, tf.identity(sparse.dense_shape))
    total = tf.reshape(tf.sparse.reduce_sum(sparse, axis=1), [-1], name="total")
    ragged = v1.ragged.placeholder(tf.float32, ragged_rank=1, name="rag")
    examples = v1.placeholder(tf.string, [None], name="examples")
    scores = tf.tile([[0.0, 1.0]], [tf.size(examples), 1], name="scores")
    state = tensor_list(tf.zeros([1]))
    definitions = {
        SERVING_DEFAULT: signature_def({"sp": sparse}, {"total": total, "twice": twice}),
        "ragged": signature_def({"rag": ragged}, {"total": tf.reduce_sum(ragged, axis=1)}),
        "classify": signature_def({"inputs": examples}, {"scores": scores, "state": state}),
    }
    definitions["classify"].method_name = tf.saved_model.CLASSIFY_METHOD_NAME
    definitions[SERVING_DEFAULT].outputs["total"].tensor_shape.dim[0].name = "rows"
    return definitions


def write_v1(out_dir):
    folder = fresh_folder(out_dir, "composites_v1")
    with tf.Graph().as_default(), v1.Session() as session:
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session, [tf.saved_model.SERVING], build_v1(), strip_default_attrs=True, clear_devices=True
        )
        builder.save()
    return trimmed(folder)


def parts(alias, value):
    """What a value consists of, numpy arrays by the names that tensorgate gives to components."""
    if isinstance(value, tf.SparseTensor):
        return {f"{alias}/values": value.values, f"{alias}/indices": value.indices, f"{alias}/shape": value.dense_shape}
    if isinstance(value, tf.IndexedSlices):
        return {f"{alias}/values": value.values, f"{alias}/indices": value.indices}
    if isinstance(value, tf.RaggedTensor):
        splits = {f"{alias}/row_splits_{i}": splits for i, splits in enumerate(value.nested_row_splits)}
        return {f"{alias}/flat_values": value.flat_values, **splits}
    return {alias: value}


def answers_of(signatures, requests):
    """Runs signatures of a model that was loaded back; handles and variants are left out of what is written."""
    for name, inputs in requests:
        outputs = signatures[name](**{alias: tf.constant(value) for alias, value in inputs.items()})
        tensors = {key: part for alias, value in outputs.items() for key, part in parts(alias, value).items()}
        yield {
            "signature": name,
            "inputs": {alias: np.asarray(value).tolist() for alias, value in inputs.items()},
            "outputs": {key: plain(tensor) for key, tensor in sorted(tensors.items()) if is_plain(tensor)},
        }


def is_plain(tensor):
    return isinstance(tensor, tf.Tensor) and tensor.dtype not in (tf.resource, tf.variant)


def plain(tensor):
    values = tensor.numpy()
    return np.char.decode(values.astype(bytes)).tolist() if tensor.dtype == tf.string else values.tolist()


REQUESTS = [
    (SERVING_DEFAULT, {"text": ["the cats sat", "", "on mats"]}),
    ("characters", {"text": ["a bc", "", "def"]}),
    ("sparse", {"x": np.float32([[0, 1.5, 0], [2, 0, 0], [0, 0, -3]])}),
    ("slices", {"x": np.float32([1, 2])}),
    ("handles", {"x": np.float32([1, -2])}),
]


def make(out_dir):
    module = Composites()
    names = ("characters", "bytes", "sparse", "slices", "handles", "closed")
    functions = {SERVING_DEFAULT: module.words, **{name: getattr(module, name) for name in names}}
    folder = write_module(out_dir, "composites", module, functions)
    answers = list(answers_of(tf.saved_model.load(str(folder)).signatures, REQUESTS))
    (folder.parent / "answers.json").write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    assert answers[0]["outputs"]["tok/row_splits_0"] == [0, 3, 3, 5], answers[0]
    yield folder
    folder = write_v1(out_dir)
    check_v1(folder)
    yield folder


def check_v1(folder):
    """sp: [[0, 1.5, 0], [2, 0, 0.5]]; rag: [[1, 2], [], [3]]."""
    with tf.Graph().as_default(), v1.Session() as session:
        signatures = v1.saved_model.load(session, [tf.saved_model.SERVING], str(folder)).signature_def
        sparse, ragged = signatures[SERVING_DEFAULT], signatures["ragged"]
        coo, twice = sparse.inputs["sp"].coo_sparse, sparse.outputs["twice"].coo_sparse
        feeds = {
            coo.values_tensor_name: [1.5, 2, 0.5],
            coo.indices_tensor_name: [[0, 1], [1, 0], [1, 2]],
            coo.dense_shape_tensor_name: [2, 3],
        }
        fetches = [sparse.outputs["total"].name, twice.values_tensor_name, twice.dense_shape_tensor_name]
        total, values, shape = session.run(fetches, feeds)
        assert (total.tolist(), values.tolist(), shape.tolist()) == ([1.5, 2.5], [3, 4, 1], [2, 3])
        flat_values, row_splits = (component.name for component in ragged.inputs["rag"].composite_tensor.components)
        sums = session.run(ragged.outputs["total"].name, {flat_values: [1, 2, 3], row_splits: [0, 2, 2, 3]})
        assert sums.tolist() == [3, 0, 3], sums
