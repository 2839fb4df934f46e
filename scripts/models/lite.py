"""TensorFlow Lite models: NAME/1 holds model.tflite alone. The server runs them with --prefer_tflite_model."""

import tempfile

import numpy as np
import tensorflow as tf
from flatbuffers import flexbuffers
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

import half_plus_two
from saved_model import fresh_folder, text

# Where TensorFlow Serving looks for signatures, in place of the table that the converter writes.
SIGNATURES = "signature_defs_metadata"


class Mixed(tf.Module):
    """a: float [-1,3], b: int32 [-1], flag: bool [-1], words: string [-1]
    → sum: float [-1,3], is_gate: bool [-1], picked: string [-1].

    sum is a + b where flag holds, else a; picked is the words at the places b, which must be there.
    """

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 3], tf.float32, name="a"),
            tf.TensorSpec([None], tf.int32, name="b"),
            tf.TensorSpec([None], tf.bool, name="flag"),
            tf.TensorSpec([None], tf.string, name="words"),
        ]
    )
    def predict(self, a, b, flag, words):
        added = tf.where(flag, tf.cast(b, tf.float32), 0.0)
        return {
            "sum": a + added[:, tf.newaxis],
            "is_gate": tf.equal(words, "gate"),
            "picked": tf.gather(words, b),
        }


DTYPES = {
    "float": tf.float32,
    "double": tf.float64,
    "half": tf.half,
    "int8": tf.int8,
    "int16": tf.int16,
    "int32": tf.int32,
    "int64": tf.int64,
    "uint8": tf.uint8,
    "uint32": tf.uint32,
    "uint64": tf.uint64,
    "bool": tf.bool,
    "complex64": tf.complex64,
    "complex128": tf.complex128,
    "string": tf.string,
}


class Columns(tf.Module):
    """For each dtype an input [-1] of its name → `NAME_column` [-1,1], the same values."""

    def __init__(self):
        super().__init__()
        specs = [tf.TensorSpec([None], dtype, name=name) for name, dtype in DTYPES.items()]
        self.predict = tf.function(
            lambda *inputs: {f"{name}_column": tf.expand_dims(x, 1) for name, x in zip(DTYPES, inputs)},
            input_signature=specs,
        )


class Signatures(tf.Module):
    """`serving_default`: row: float [1,3] → doubled: float [1,3], total: float [1].
    `shifted`: row: float [2] → next: float [2], row + 1.
    """

    @tf.function(input_signature=[tf.TensorSpec([1, 3], tf.float32, name="row")])
    def predict(self, row):
        return {"doubled": 2.0 * row, "total": tf.reduce_sum(row, axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32, name="row")])
    def shifted(self, row):
        return {"next": row + 1.0}


class Upper(tf.Module):
    """text: string [-1] → upper: string [-1], by an operation that TensorFlow Lite does not have."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def predict(self, text):
        return {"upper": tf.strings.upper(text)}


def make(out_dir):
    yield make_half_plus_two(out_dir)
    yield make_mixed(out_dir)
    yield make_columns(out_dir)
    yield make_signatures(out_dir)
    yield write(out_dir, "lite_custom_op", convert(Upper(), allow_custom_ops=True))


def make_half_plus_two(out_dir):
    folder = write(out_dir, "lite_half_plus_two", convert(half_plus_two.HalfPlusTwo()))
    expect(folder, {"x": np.float32([1, 2, 5])}, {"y": np.float32([2.5, 3, 4.5])})
    return folder


def make_mixed(out_dir):
    """With SignatureDefs: `pick` has some of the outputs and names without `:0`, `partial` lacks an input."""
    model = convert(Mixed())
    inputs, outputs = tensor_infos(model)
    for info in [*inputs.values(), *outputs.values()]:
        info.tensor_shape.dim[0].size = -1
    bare = {alias: without_index(info) for alias, info in inputs.items()}
    signatures = {
        "serving_default": signature_def(inputs, outputs),
        "pick": signature_def(bare, {"picked": outputs["picked"]}),
        "partial": signature_def({"a": inputs["a"], "b": inputs["b"]}, {"sum": outputs["sum"]}),
    }
    folder = write(out_dir, "lite_mixed", with_signatures(model, signatures))
    expect(
        folder,
        {
            "a": np.float32([[1, 2, 3], [0, -1, 0.5]]),
            "b": np.int32([1, 0]),
            "flag": np.array([True, False]),
            "words": text(b"gate", b"\x00\xff and more than fits an element"),
        },
        {
            "sum": np.float32([[2, 3, 4], [0, -1, 0.5]]),
            "is_gate": np.array([True, False]),
            "picked": text(b"\x00\xff and more than fits an element", b"gate"),
        },
    )
    return folder


def make_columns(out_dir):
    folder = write(out_dir, "lite_columns", convert(Columns()))
    values = {name: np.array([0, 1], dtype.as_numpy_dtype) for name, dtype in DTYPES.items() if name != "string"}
    values["string"] = text(b"a", b"")
    expect(folder, values, {f"{name}_column": value.reshape(2, 1) for name, value in values.items()})
    return folder


def make_signatures(out_dir):
    """With two signatures in the converter's own table, the other one of a second subgraph."""
    module = Signatures()
    with tempfile.TemporaryDirectory() as saved_model:
        tf.saved_model.save(module, saved_model, {"serving_default": module.predict, "shifted": module.shifted})
        converter = tf.lite.TFLiteConverter.from_saved_model(saved_model, ["serving_default", "shifted"])
        folder = write(out_dir, "lite_signatures", converter.convert())
    inputs = {"row": np.float32([[1, 2, 3]])}
    expect(folder, inputs, {"doubled": np.float32([[2, 4, 6]]), "total": np.float32([6])}, "serving_default")
    expect(folder, {"row": np.float32([1, 2])}, {"next": np.float32([2, 3])}, "shifted")
    return folder


def convert(module, allow_custom_ops=False):
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.predict.get_concrete_function()], module)
    converter.allow_custom_ops = allow_custom_ops
    return converter.convert()


def write(out_dir, name, model):
    folder = fresh_folder(out_dir, name)
    folder.mkdir()
    (folder / "model.tflite").write_bytes(model)
    return folder


def tensor_infos(model):
    """The TensorInfos of inputs and outputs by their aliases in the converter's own table of signatures."""
    interpreter = tf.lite.Interpreter(model_content=model)
    details = {detail["index"]: detail for detail in interpreter.get_input_details() + interpreter.get_output_details()}
    runner = interpreter.get_signature_runner("serving_default")
    by_alias = (runner.get_input_details(), runner.get_output_details())
    return tuple(
        {alias: tensor_info(details[detail["index"]]) for alias, detail in sorted(found.items())} for found in by_alias
    )


def tensor_info(detail):
    dtype = tf.string if detail["dtype"] == np.bytes_ else tf.as_dtype(detail["dtype"])
    info = meta_graph_pb2.TensorInfo(name=detail["name"], dtype=dtype.as_datatype_enum)
    for size in detail["shape"]:
        info.tensor_shape.dim.add(size=int(size))
    return info


def without_index(info):
    return meta_graph_pb2.TensorInfo(name=info.name.removesuffix(":0"), dtype=info.dtype, tensor_shape=info.tensor_shape)


def signature_def(inputs, outputs):
    method_name = tf.saved_model.PREDICT_METHOD_NAME
    return meta_graph_pb2.SignatureDef(inputs=inputs, outputs=outputs, method_name=method_name)


class Serialized:
    """Bytes that the builder of flexbuffers takes for text: TensorFlow Lite's own tool writes SignatureDefs as strings."""

    def __init__(self, message):
        self.bytes = message.SerializeToString(deterministic=True)

    def encode(self, _encoding):
        return self.bytes


def with_signatures(model, signatures):
    """Adds the metadata entry: a flexbuffer, a map of names to serialized SignatureDefs as strings."""
    builder = flexbuffers.Builder()
    with builder.Map():
        for name, definition in signatures.items():
            builder.Key(name)
            builder.String(Serialized(definition))
    content = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(bytes(builder.Finish()), np.uint8)
    content.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = SIGNATURES, len(content.buffers) - 1
    content.metadata = [*(content.metadata or []), entry]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(content))


def expect(folder, inputs, outputs, signature=None):
    """Runs the model once; fails unless it answers exactly these arrays, dtypes and shapes included."""
    interpreter = tf.lite.Interpreter(str(folder / "model.tflite"))
    answers = interpreter.get_signature_runner(signature)(**inputs)
    assert answers.keys() == outputs.keys(), f"{folder}: outputs are {sorted(answers)}"
    for alias, wanted in outputs.items():
        got = np.asarray(answers[alias])
        same = got.shape == wanted.shape and got.tolist() == wanted.tolist()
        assert same and (wanted.dtype == object or got.dtype == wanted.dtype), f"{folder}: {alias} is {got!r}"


def summary(folder):
    """One line: name, size and tensors of a model."""
    model = folder / "model.tflite"
    if folder.parent.name == "lite_custom_op":
        return f"{folder.parent.name:20} {model.stat().st_size / 1024:8.1f} KiB  not to be run"
    inputs, outputs = tensor_infos(model.read_bytes())
    shown = f"{', '.join(inputs)} -> {', '.join(outputs)}"
    return f"{folder.parent.name:20} {model.stat().st_size / 1024:8.1f} KiB  {shown}"
