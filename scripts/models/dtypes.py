"""echo_*: one identity model for each dtype that the C API runs. quantized: the dtypes that JSON has no words for."""

import numpy as np
import tensorflow as tf

from saved_model import expect, text, write_module

# By name: the dtype and values at the edges of its range.
ECHOES = {
    "bool": (tf.bool, [True, False]),
    "int8": (tf.int8, [-128, 127]),
    "int16": (tf.int16, [-32768, 32767]),
    "int32": (tf.int32, [-(2**31), 2**31 - 1]),
    "int64": (tf.int64, [-(2**63), 2**63 - 1]),
    "uint8": (tf.uint8, [0, 255]),
    "uint16": (tf.uint16, [0, 65535]),
    "uint32": (tf.uint32, [0, 2**32 - 1]),
    "uint64": (tf.uint64, [0, 2**64 - 1]),
    "half": (tf.half, [0.5, -65504]),
    "bfloat16": (tf.bfloat16, [0.5, -256]),
    "float": (tf.float32, [0.1, -np.inf]),
    "double": (tf.float64, [0.1, -1e300]),
    "complex64": (tf.complex64, [0.5 + 2j, -1j]),
    "complex128": (tf.complex128, [0.1 + 2j, -1j]),
    "string": (tf.string, [b"plain", b"\x00\xff"]),
}

QUANTIZED = {"quint8": tf.quint8, "qint8": tf.qint8, "quint16": tf.quint16, "qint16": tf.qint16, "qint32": tf.qint32}
PLAIN = {"quint8": tf.uint8, "qint8": tf.int8, "quint16": tf.uint16, "qint16": tf.int16, "qint32": tf.int32}


class Echo(tf.Module):
    """x → y, the same tensor, of one dtype and of any rank."""

    def __init__(self, dtype):
        super().__init__()
        self.predict = tf.function(
            lambda x: {"y": tf.identity(x)}, input_signature=[tf.TensorSpec(None, dtype, name="x")]
        )


class Quantized(tf.Module):
    """serving_default: x: float [-1] → the whole part of x in each quantized dtype, [-1], aliases as the dtypes.
    echo: each quantized dtype in, [-1], and out unchanged, under the same aliases.
    """

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def predict(self, x):
        # A bitcast keeps the numbers as they are; tf.quantization.quantize would scale them to the range.
        return {alias: tf.bitcast(tf.cast(x, PLAIN[alias]), dtype) for alias, dtype in QUANTIZED.items()}

    @tf.function(input_signature=[tf.TensorSpec([None], dtype, name=alias) for alias, dtype in QUANTIZED.items()])
    def echo(self, quint8, qint8, quint16, qint16, qint32):
        tensors = {"quint8": quint8, "qint8": qint8, "quint16": quint16, "qint16": qint16, "qint32": qint32}
        return {alias: tf.identity(tensor) for alias, tensor in tensors.items()}


def make(out_dir):
    for name, (dtype, edges) in ECHOES.items():
        yield make_echo(out_dir, name, dtype, edges)
    yield make_quantized(out_dir)


def make_echo(out_dir, name, dtype, edges):
    module = Echo(dtype)
    folder = write_module(out_dir, f"echo_{name}", module, module.predict)
    flat = text(*edges) if dtype == tf.string else np.array(edges, dtype.as_numpy_dtype)
    for value in (flat, flat.reshape(2, 1, 1), flat.reshape(1, 2)[:, :0], np.array(flat[0], flat.dtype)):
        expect(folder, {"x": value}, {"y": value})
    return folder


def make_quantized(out_dir):
    module = Quantized()
    signatures = {"serving_default": module.predict, "echo": module.echo}
    folder = write_module(out_dir, "quantized", module, signatures)
    # Python takes tensors of these dtypes as they are, but gives them back as the plain integers inside.
    wanted = {alias: np.array([0, 1, 100], dtype.as_numpy_dtype) for alias, dtype in PLAIN.items()}
    quantized = {alias: wanted[alias].view(dtype.as_numpy_dtype) for alias, dtype in QUANTIZED.items()}
    expect(folder, {"x": np.float32([0, 1.5, 100])}, wanted)
    expect(folder, quantized, wanted, "echo")
    return folder
