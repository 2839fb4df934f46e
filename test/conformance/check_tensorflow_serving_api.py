"""The package tensorflow-serving-api against a server of all test models: GRPC_PORT REST_PORT GRAPHPIPE_PORT MODELS."""

import concurrent.futures
import json
import pathlib
import sys
import time

import grpc
import ml_dtypes
import numpy as np
import requests
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import tensor_util
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from checks import check, equal, raises, run, same

# Seconds; no call here takes near as long, but one that hangs must end.
TIMEOUT = 20
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
INF = float("inf")
NAN = float("nan")

# Values of each echo_* model, at the edges of its range and odd ones inside.
ECHOES = {
    "bool": (np.bool_, [True, False, True]),
    "int8": (np.int8, [-128, 127, -1]),
    "int16": (np.int16, [-(2**15), 2**15 - 1, -1]),
    "int32": (np.int32, [-(2**31), 2**31 - 1, -1]),
    "int64": (np.int64, [-(2**63), 2**63 - 1, 2**53 + 1]),
    "uint8": (np.uint8, [0, 255, 1]),
    "uint16": (np.uint16, [0, 2**16 - 1, 1]),
    "uint32": (np.uint32, [0, 2**32 - 1, 2**31]),
    "uint64": (np.uint64, [0, 2**64 - 1, 2**63]),
    "half": (np.float16, [-65504, 6e-8, NAN]),
    "bfloat16": (ml_dtypes.bfloat16, [-256, INF, NAN]),
    "float": (np.float32, [-0.0, 1e-45, NAN]),
    "double": (np.float64, [-0.0, 5e-324, -INF]),
    "complex64": (np.complex64, [0.5 + 2j, complex(-0.0, INF), -1j]),
    "complex128": (np.complex128, [0.1 + 2j, complex(NAN, -0.0), -1j]),
    "string": (object, [b"plain", b"\x00\xff", b""]),
}


class Context:
    """The stubs of both services, the root of the REST door, and where the models lie."""

    def __init__(self, grpc_port, rest_port, models):
        self.rest = f"http://127.0.0.1:{rest_port}"
        self.channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}", options=UNLIMITED)
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models_service = model_service_pb2_grpc.ModelServiceStub(self.channel)
        self.models = pathlib.Path(models)

    def predict(self, model, inputs, signature="", outputs=(), **call):
        """Sends arrays as make_tensor_proto packs them, TensorProtos as they are; answers by name as arrays."""
        request = predict_request(model, inputs, signature, outputs)
        reply = self.predictions.Predict(request, **{"timeout": TIMEOUT, **call})
        return {name: tf.make_ndarray(proto) for name, proto in reply.outputs.items()}

    def raw(self, path, message):
        """A call of bytes, for services and messages that the package has no stub for."""
        return self.channel.unary_unary(path)(message, timeout=TIMEOUT)


def predict_request(model, inputs, signature="", outputs=()):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    request.output_filter.extend(outputs)
    for name, value in inputs.items():
        is_proto = isinstance(value, tensor_pb2.TensorProto)
        request.inputs[name].CopyFrom(value if is_proto else tf.make_tensor_proto(value))
    return request


def typed(array, dtype):
    """The array in the typed field of its dtype, as TensorFlow itself writes it there."""
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum, tensor_shape=tf.TensorShape(array.shape).as_proto())
    tensor_util.GetNumpyAppendFn(array.dtype)(proto, array.ravel())
    return proto


def content(array, dtype):
    """The array in tensor_content, which every dtype but string may come in."""
    shape = tf.TensorShape(array.shape).as_proto()
    return tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum, tensor_shape=shape, tensor_content=array.tobytes())


class RpcFailure(Exception):
    """A refused call: its text is `CODE: details`."""


def refused(call):
    """What a call that must fail says."""
    try:
        call()
    except grpc.RpcError as error:
        raise RpcFailure(f"{error.code().name}: {error.details()}") from error


# Predict: what comes in, what goes out


@check("Predict takes an ndarray, which make_tensor_proto puts into tensor_content.")
def tensor_content(context):
    request = predict_request("half_plus_two", {"x": np.float32([1, 2, 5])})
    equal(len(request.inputs["x"].tensor_content), 12)
    same(context.predict("half_plus_two", {"x": np.float32([1, 2, 5])})["y"], np.float32([2.5, 3, 4.5]))


@check("Predict takes a single value in a typed field, which then fills the whole shape.")
def filling_value(context):
    proto = tf.make_tensor_proto(4.0, shape=[5])
    equal((len(proto.float_val), len(proto.tensor_content)), (1, 0))
    same(context.predict("half_plus_two", {"x": proto})["y"], np.float32([4] * 5))


@check("Predict repeats the last of too few values, and takes zeros if there is none.")
def short_values(context):
    proto = typed(np.float32([2, 4]), tf.float32)
    proto.tensor_shape.dim[0].size = 4
    same(context.predict("half_plus_two", {"x": proto})["y"], np.float32([3, 4, 4, 4]))
    del proto.float_val[:]
    same(context.predict("half_plus_two", {"x": proto})["y"], np.float32([2] * 4))


def echo(name, context):
    np_dtype, edges = ECHOES[name]
    dtype = tf.as_dtype(np_dtype if np_dtype is not object else tf.string)
    flat = np.array(edges, np_dtype)
    packers = [typed, lambda array, dtype: tf.make_tensor_proto(array, dtype)]
    packers += [content] if dtype != tf.string else []
    for array in (flat, flat.reshape(3, 1, 1), flat[:0].reshape(1, 0), flat[1:2].reshape(())):
        for pack in packers:
            reply = context.predictions.Predict(predict_request(f"echo_{name}", {"x": pack(array, dtype)}), TIMEOUT)
            proto = reply.outputs["y"]
            equal((proto.dtype, proto.tensor_content), (dtype.as_datatype_enum, b""))
            same(tf.make_ndarray(proto), array)


for dtype_name in ECHOES:
    SENTENCE = f"A tensor of {dtype_name} comes back to the bit, in typed fields and tensor_content, of rank 0 to 3."
    check(SENTENCE, dtype_name)(echo)


@check("Predict keeps strings apart from text: NUL, bytes that are no UTF-8 and empty ones pass.")
def strings(context):
    words = np.array([b"gate", b"", "Größe".encode(), b"\x00\xffz"], object)
    got = context.predict("strings", {"text": words})
    same(got["upper"], np.array([b"GATE", b"", "GRößE".encode(), b"\x00\xffZ"], object))
    same(got["length"], np.int64([4, 0, 7, 3]))
    same(got["raw_bytes"], words)


MULTI_IO = {"a": np.float32([[1, 2, 3], [0, -1, 0.5]]), "b": np.int32([7, -2]), "flag": np.array([True, False])}
MULTI_IO_OUTPUTS = {
    "sum": np.float32([[8, 9, 10], [0, -1, 0.5]]),
    "count": np.int64([3, 1]),
    "label_bytes": np.array([b"7/true", b"-2/false"], object),
}


@check("Predict takes several inputs and gives all outputs unless output_filter says which.")
def several(context):
    for wanted in ([], ["count"], ["label_bytes", "sum"]):
        got = context.predict("multi_io", MULTI_IO, outputs=wanted)
        equal(sorted(got), sorted(wanted or MULTI_IO_OUTPUTS))
        for name, array in got.items():
            same(array, MULTI_IO_OUTPUTS[name])


@check("Predict runs the signature that is asked for, with scalars and with declared shapes.")
def signatures(context):
    got = context.predict("multi_io", {"a": np.float32(1.5), "n": np.int32(-3)}, "scalar")
    same(got["product"], np.array(-4.5, np.float32))
    same(got["text"], np.array(b"-3", object))
    same(context.predict("multi_io", {"m": np.float32([[1, 2, 3], [4, 5, 6]])}, "fixed")["total"], np.float32([6, 15]))
    same(context.predict("multi_io", {"x": [1.0, 3.0], "scale": 3.0}, "defaults")["y"], np.float32([3, 9]))


@check("Predict names the model, the version that ran and the signature, even where the request left them out.")
def answered_spec(context):
    spec = context.predictions.Predict(predict_request("half_plus_two", {"x": [1.0]}), TIMEOUT).model_spec
    equal((spec.name, spec.version.value, spec.signature_name), ("half_plus_two", 1, "serving_default"))
    request = predict_request("half_plus_two", {"x": [1.0]}, "serving_default")
    request.model_spec.version.value = 1
    equal(context.predictions.Predict(request, TIMEOUT).model_spec, spec)


@check("Quantized outputs come as typed fields of their own dtypes.")
def quantized(context):
    reply = context.predictions.Predict(predict_request("quantized", {"x": np.float32([0, 1.5, 100])}), TIMEOUT)
    for name, proto in reply.outputs.items():
        equal((tf.as_dtype(proto.dtype).name, list(proto.int_val)), (name, [0, 1, 100]))
    equal(len(reply.outputs), 5)


@check("TF1 models with reference variables and control flow give what TensorFlow gives.")
def tf1(context):
    same(context.predict("variables_v1", {"x": np.float32([2])})["y"], np.float32([3]))
    for model in ("control_flow_v1", "control_flow_v2"):
        got = context.predict(model, {"n": np.int32(3), "x": np.float32([1, 2])})["y"]
        same(got, np.float32([-15, -23]))


@check("A message packed with gzip is read.")
def compressed(context):
    got = context.predict("half_plus_two", {"x": np.zeros(100_000, np.float32)}, compression=grpc.Compression.Gzip)
    same(got["y"], np.full(100_000, 2, np.float32))


@check("A tensor of 64 MB goes in and comes back to the bit.")
def big(context):
    array = np.arange(16 * 2**20, dtype=np.float32)
    same(context.predict("echo_float", {"x": array})["y"], array)


@check("Eight threads at once each get the answer to their own request.")
def threads(context):
    def call(number):
        x = np.full(number % 7 + 1, number, np.float32)
        same(context.predict("half_plus_two", {"x": x})["y"], x / 2 + 2)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(400)))


@check("The digits model gives the scores of TensorFlow in Python within 1e-5, one image at a time and 32 at once.")
def digits(context):
    images = np.float32(json.loads((context.models / "digits/samples.json").read_text())["images"])
    run_model = tf.saved_model.load(str(context.models / "digits/1")).signatures["serving_default"]
    for batch in [images, *np.split(images, len(images))]:
        got = context.predict("digits", {"images": batch})
        want = run_model(images=tf.constant(batch))
        np.testing.assert_allclose(got["scores"], want["scores"].numpy(), rtol=0, atol=1e-5)
        same(got["classes"], want["classes"].numpy())


# Predict: what is refused


@check("A request without a model, or with one that has no name, is INVALID_ARGUMENT.")
def no_model(context):
    with raises(RpcFailure, "INVALID_ARGUMENT: Missing ModelSpec"):
        refused(lambda: context.predictions.Predict(predict_pb2.PredictRequest(), TIMEOUT))
    with raises(RpcFailure, "INVALID_ARGUMENT: ModelSpec has no name specified."):
        refused(lambda: context.predict("", {"x": [1.0]}, "serving_default"))


@check("An unknown model or version is NOT_FOUND in TensorFlow Serving's words, with what there is.")
def unknown_model(context):
    with raises(RpcFailure, "NOT_FOUND: Servable not found for request: Latest(nope)", "half_plus_two"):
        refused(lambda: context.predict("nope", {"x": [1.0]}))
    request = predict_request("half_plus_two", {"x": [1.0]})
    request.model_spec.version.value = 7
    with raises(RpcFailure, "NOT_FOUND: Servable not found for request: Specific(half_plus_two, 7)"):
        refused(lambda: context.predictions.Predict(request, TIMEOUT))


@check("An unknown version label is INVALID_ARGUMENT.")
def unknown_label(context):
    request = predict_request("half_plus_two", {"x": [1.0]})
    request.model_spec.version_label = "canary"
    with raises(RpcFailure, "INVALID_ARGUMENT: Unrecognized servable version label: canary"):
        refused(lambda: context.predictions.Predict(request, TIMEOUT))


@check("An unknown signature is FAILED_PRECONDITION, with the names there are.")
def unknown_signature(context):
    with raises(RpcFailure, "FAILED_PRECONDITION: ", '"nope"', "serving_default", "scalar"):
        refused(lambda: context.predict("multi_io", MULTI_IO, "nope"))


@check("A missing, an unknown and a renamed input are INVALID_ARGUMENT, by name.")
def wrong_inputs(context):
    missing = {name: MULTI_IO[name] for name in ("a", "b")}
    with raises(RpcFailure, "INVALID_ARGUMENT: ", "flag"):
        refused(lambda: context.predict("multi_io", missing))
    with raises(RpcFailure, "INVALID_ARGUMENT: ", "extra"):
        refused(lambda: context.predict("multi_io", {**MULTI_IO, "extra": [1.0]}))
    with raises(RpcFailure, "INVALID_ARGUMENT: ", "X"):
        refused(lambda: context.predict("half_plus_two", {"X": [1.0]}))
    with raises(RpcFailure, "INVALID_ARGUMENT: ", "x"):
        refused(lambda: context.predict("half_plus_two", {}))


@check("An unknown and a repeated name in output_filter are INVALID_ARGUMENT, by name.")
def wrong_outputs(context):
    for names in (["nope"], ["sum", "sum"]):
        with raises(RpcFailure, "INVALID_ARGUMENT: ", names[0]):
            refused(lambda names=names: context.predict("multi_io", MULTI_IO, outputs=names))


@check("A tensor of another dtype, or of none, is INVALID_ARGUMENT, naming the input.")
def wrong_dtype(context):
    with raises(RpcFailure, "INVALID_ARGUMENT: ", "'x'", "DT_FLOAT", "DT_DOUBLE"):
        refused(lambda: context.predict("half_plus_two", {"x": np.float64([1])}))
    with raises(RpcFailure, "INVALID_ARGUMENT: ", '"x"', "dtype"):
        refused(lambda: context.predict("half_plus_two", {"x": tensor_pb2.TensorProto()}))


@check("A shape that does not fit the graph is INVALID_ARGUMENT in the runtime's words.")
def wrong_shape(context):
    with raises(RpcFailure, "INVALID_ARGUMENT: "):
        refused(lambda: context.predict("digits", {"images": np.zeros((2, 63), np.float32)}))


@check("Bytes that do not fill the shape are INVALID_ARGUMENT, `tensor parsing error`.")
def wrong_length(context):
    proto = content(np.float32([1, 2, 3]), tf.float32)
    for size in (2, 4, 1000):
        proto.tensor_shape.dim[0].size = size
        with raises(RpcFailure, "INVALID_ARGUMENT: ", "tensor parsing error: x"):
            refused(lambda: context.predict("half_plus_two", {"x": proto}))


@check("A shape with a negative dimension, an unknown rank, or more elements than memory is refused.")
def impossible_shapes(context):
    for sizes in ([-1], [2**40], [2**62, 2**62], [2**40, 2**40, 0, -1]):
        proto = tf.make_tensor_proto(4.0, shape=[1])
        del proto.tensor_shape.dim[:]
        for size in sizes:
            proto.tensor_shape.dim.add(size=size)
        with raises(RpcFailure):
            refused(lambda: context.predict("half_plus_two", {"x": proto}))
    proto = typed(np.float32([1]), tf.float32)
    proto.tensor_shape.unknown_rank = True
    with raises(RpcFailure, "INVALID_ARGUMENT: "):
        refused(lambda: context.predict("half_plus_two", {"x": proto}))


@check("An output that cannot leave the process is refused by name; the good signature beside it runs.")
def refused_outputs(context):
    with raises(RpcFailure, "handle", "DT_RESOURCE"):
        refused(lambda: context.predict("refused", {"x": [1.0]}, "resource"))
    with raises(RpcFailure, "list", "DT_VARIANT"):
        refused(lambda: context.predict("refused", {"x": [1.0]}, "variant"))
    same(context.predict("refused", {"x": np.float32([2])})["y"], np.float32([6]))


@check("Sparse and ragged outputs can be put together from their components, and equal TensorFlow's own.")
def composite_outputs(context):
    loaded = tf.saved_model.load(str(context.models / "composites/1"))
    text = np.array([b"the cats sat", b"", b"on mats"], dtype=object)
    got = context.predict("composites", {"text": text}, "characters")
    splits = [got["chars/row_splits_0"], got["chars/row_splits_1"]]
    ragged = tf.RaggedTensor.from_nested_row_splits(got["chars/flat_values"], splits)
    equal(ragged.to_list(), loaded.signatures["characters"](text=tf.constant(text))["chars"].to_list())
    x = np.float32([[0, 1.5, 0], [2, 0, -3]])
    got = context.predict("composites", {"x": x}, "sparse", ["sp/values", "sp/indices", "sp/shape"])
    same(tf.sparse.to_dense(tf.SparseTensor(got["sp/indices"], got["sp/values"], got["sp/shape"])).numpy(), x)


@check("A message that is no PredictRequest is INVALID_ARGUMENT, and an unknown method UNIMPLEMENTED.")
def malformed(context):
    with raises(RpcFailure, "INVALID_ARGUMENT: "):
        refused(lambda: context.raw("/tensorflow.serving.PredictionService/Predict", b"\x12\xff\xff\xff\xff\x0fx"))
    with raises(RpcFailure, "UNIMPLEMENTED: "):
        refused(lambda: context.raw("/tensorflow.serving.SessionService/SessionRun", b""))


@check("An error text of more than 1024 bytes is cut there and says so.")
def long_error(context):
    with raises(RpcFailure, "NOT_FOUND: Servable not found", "...TRUNCATED") as caught:
        refused(lambda: context.predict("n" * 5000, {"x": [1.0]}))
    equal(len(str(caught[0]).removeprefix("NOT_FOUND: ")), 1024 + len("...TRUNCATED"))


@check("A call whose deadline passes is DEADLINE_EXCEEDED at once, and the next ones are answered.")
def deadline(context):
    start = time.monotonic()
    with raises(RpcFailure, "DEADLINE_EXCEEDED: "):
        refused(lambda: context.predict("slow", {"millis": np.float32([1500])}, timeout=0.3))
    assert time.monotonic() - start < 1, "The call should end with its deadline."
    same(context.predict("half_plus_two", {"x": np.float32([2])})["y"], np.float32([3]))


# The other methods


@check("GetModelMetadata gives every signature as the SavedModel has it.")
def metadata(context):
    for folder in sorted(path for path in context.models.iterdir() if (path / "1/saved_model.pb").exists()):
        saved = saved_model_pb2.SavedModel.FromString((folder / "1/saved_model.pb").read_bytes())
        reply, got = signature_def_map(context, folder.name)
        equal((reply.model_spec.name, reply.model_spec.version.value), (folder.name, 1))
        want = saved.meta_graphs[0].signature_def
        equal(dict(got.signature_def), dict(want))


@check("GET …/metadata prints what GetModelMetadata gives, as protobuf's own JSON has it.")
def rest_metadata(context):
    for folder in sorted(path for path in context.models.iterdir() if (path / "1/saved_model.pb").exists()):
        _, signatures = signature_def_map(context, folder.name)
        want = json_format.MessageToDict(
            signatures, always_print_fields_with_no_presence=True, preserving_proto_field_name=True
        )
        got = requests.get(f"{context.rest}/v1/models/{folder.name}/metadata", timeout=TIMEOUT).json()
        equal(got["metadata"]["signature_def"], want)


def signature_def_map(context, model):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = model
    reply = context.predictions.GetModelMetadata(request, TIMEOUT)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert reply.metadata["signature_def"].Unpack(signatures), "The Any should hold a SignatureDefMap."
    return reply, signatures


@check("GetModelMetadata refuses fields other than signature_def, and unknown models.")
def metadata_refused(context):
    for model, fields, text in (
        ("half_plus_two", [], "INVALID_ARGUMENT: "),
        ("half_plus_two", ["weights"], "INVALID_ARGUMENT: "),
        ("nope", ["signature_def"], "NOT_FOUND: Servable not found for request: Latest(nope)"),
    ):
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
        request.model_spec.name = model
        with raises(RpcFailure, text):
            refused(lambda request=request: context.predictions.GetModelMetadata(request, TIMEOUT))


@check("GetModelStatus tells the state of each version, or of the one asked for.")
def status(context):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "half_plus_two"
    for version in (None, 1):
        if version is not None:
            request.model_spec.version.value = version
        (only,) = context.models_service.GetModelStatus(request, TIMEOUT).model_version_status
        available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        equal((only.version, only.state, only.status.error_code, only.status.error_message), (1, available, 0, ""))
        assert only.HasField("status"), "status should be there for a version without error too."


@check("GetModelStatus of an unknown model or version is NOT_FOUND.")
def status_refused(context):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "nope"
    with raises(RpcFailure, "NOT_FOUND: Could not find any versions of model nope"):
        refused(lambda: context.models_service.GetModelStatus(request, TIMEOUT))
    request.model_spec.name = "half_plus_two"
    request.model_spec.version.value = 7
    with raises(RpcFailure, "NOT_FOUND: Could not find version 7 of model half_plus_two"):
        refused(lambda: context.models_service.GetModelStatus(request, TIMEOUT))


@check("The health service says SERVING, once and as a stream, and knows no other services.")
def health(context):
    # HealthCheckResponse { status: SERVING }; field 1 of the request is the service's name.
    serving = b"\x08\x01"
    equal(context.raw("/grpc.health.v1.Health/Check", b""), serving)
    name = b"tensorflow.serving.PredictionService"
    equal(context.raw("/grpc.health.v1.Health/Check", b"\x0a" + bytes([len(name)]) + name), serving)
    watch = context.channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=TIMEOUT)
    equal(next(watch), serving)
    watch.cancel()
    with raises(RpcFailure, "NOT_FOUND: "):
        refused(lambda: context.raw("/grpc.health.v1.Health/Check", b"\x0a\x04nope"))


run(Context(sys.argv[1], sys.argv[2], sys.argv[4]), ["tensorflow-serving-api", "tensorflow-cpu", "grpcio", "protobuf", "numpy"])
