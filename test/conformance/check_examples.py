"""Classify, Regress and MultiInference by tensorflow-serving-api, and over REST: GRPC_PORT REST_PORT GRAPHPIPE_PORT."""

import gzip
import json
import sys
import urllib.request

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from checks import check, equal, raises, run

TIMEOUT = 20
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
PREDICT = "tensorflow/serving/predict"


class Context:
    def __init__(self, grpc_port, rest_port):
        channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}")
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.url = f"http://127.0.0.1:{rest_port}/v1/models/examples"

    def classify(self, examples, signature="", context=None):
        request = fill(classification_pb2.ClassificationRequest(), signature)
        request.input.CopyFrom(inputs(examples, context))
        return self.predictions.Classify(request, TIMEOUT)

    def regress(self, examples, signature="regress", context=None):
        request = fill(regression_pb2.RegressionRequest(), signature)
        request.input.CopyFrom(inputs(examples, context))
        return self.predictions.Regress(request, TIMEOUT)

    def infer(self, tasks, examples):
        """`tasks`: (signature, method, model, version) with the last two left out or not."""
        request = inference_pb2.MultiInferenceRequest(input=inputs(examples))
        for signature, method, *rest in tasks:
            task = request.tasks.add(method_name=method)
            task.model_spec.name = rest[0] if rest else "examples"
            task.model_spec.signature_name = signature
        return self.predictions.MultiInference(request, TIMEOUT)

    def post(self, verb, body, headers=()):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}:{verb}", body, dict(headers))
        with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:
            return reply.read().decode()


def fill(request, signature):
    request.model_spec.name = "examples"
    request.model_spec.signature_name = signature
    return request


def example(**features):
    kinds = {float: "float_list", int: "int64_list", bytes: "bytes_list"}
    message = tf.train.Example()
    for name, value in features.items():
        getattr(message.features.feature[name], kinds[type(value)]).value.append(value)
    return message


def inputs(examples, context=None):
    if context is None:
        return input_pb2.Input(example_list=input_pb2.ExampleList(examples=examples))
    listed = input_pb2.ExampleListWithContext(examples=examples, context=context)
    return input_pb2.Input(example_list_with_context=listed)


def classes(result):
    return [[(c.label, c.score) for c in row.classes] for row in result.classifications]


def values(result):
    return [regression.value for regression in result.regressions]


class RpcFailure(Exception):
    """A refused call: its text is `CODE: details`."""


def refused(call):
    try:
        call()
    except grpc.RpcError as error:
        raise RpcFailure(f"{error.code().name}: {error.details()}") from error


TWO = [example(x=1.0, n=3, word=b"one"), example(x=-2.5)]


@check("Classify answers a label and a score for each class of each example, with the spec of what answered.")
def classify(context):
    reply = context.classify(TWO)
    wanted = [[("one", 1.0), ("n", 3.0), ("sum", 4.0)], [("", -2.5), ("n", 0.0), ("sum", -2.5)]]
    equal(classes(reply.result), wanted)
    spec = reply.model_spec
    equal((spec.name, spec.version.value, spec.signature_name), ("examples", 1, "serving_default"))
    equal(context.classify(TWO, "classify").model_spec.signature_name, "classify")


@check("Classify takes a signature with scores alone, or with classes alone.")
def halves(context):
    equal(classes(context.classify(TWO[:1], "scores").result), [[("", 1.0), ("", 3.0), ("", 4.0)]])
    equal(classes(context.classify(TWO[:1], "classes").result), [[("one", 0.0), ("n", 0.0), ("sum", 0.0)]])


@check("Regress answers a value for each example, from an output [batch] and from one [batch, 1].")
def regress(context):
    for signature in ("regress", "regress_vector"):
        reply = context.regress(TWO, signature)
        equal(values(reply.result), [2.5, 0.75])
        equal((reply.model_spec.signature_name, reply.model_spec.version.value), (signature, 1))


@check("The context's features count for each example that does not have them itself.")
def merged(context):
    reply = context.classify([example(n=2), example(x=5.0)], context=example(x=1.0, word=b"shared"))
    wanted = [[("shared", 1.0), ("n", 2.0), ("sum", 3.0)], [("shared", 5.0), ("n", 0.0), ("sum", 5.0)]]
    equal(classes(reply.result), wanted)
    equal(values(context.regress([example(), example(x=4.0)], context=example(x=2.0)).result), [3.0, 4.0])


@check("A request without examples, with a context or not, is INVALID_ARGUMENT: Input is empty.")
def empty(context):
    for call in (context.classify, context.regress):
        with raises(RpcFailure, "INVALID_ARGUMENT: Input is empty."):
            refused(lambda: call([]))
        with raises(RpcFailure, "INVALID_ARGUMENT: Input is empty."):
            refused(lambda: call([], context=example(x=1.0)))


@check("An Example whose feature has another type than the model wants is refused in TensorFlow's own words.")
def wrong_type(context):
    with raises(RpcFailure, "INVALID_ARGUMENT: ", "Key: x"):
        refused(lambda: context.regress([example(x=b"text")]))


@check("A thousand examples with a thousand features in their context come back in their order.")
def many(context):
    shared = example(**{f"unused_{i}": float(i) for i in range(1000)})
    reply = context.regress([example(x=float(i)) for i in range(1000)], context=shared)
    equal(values(reply.result), [0.5 * i + 2 for i in range(1000)])


@check("MultiInference answers its tasks in their order, each with its spec.")
def multi(context):
    reply = context.infer([("regress", REGRESS), ("classify", CLASSIFY), ("scores", CLASSIFY)], TWO)
    first, second, third = reply.results
    equal(values(first.regression_result), [2.5, 0.75])
    equal(classes(second.classification_result)[0], [("one", 1.0), ("n", 3.0), ("sum", 4.0)])
    equal(classes(third.classification_result)[1], [("", -2.5), ("", 0.0), ("", -2.5)])
    specs = [(r.model_spec.name, r.model_spec.version.value, r.model_spec.signature_name) for r in reply.results]
    equal(specs, [("examples", 1, name) for name in ("regress", "classify", "scores")])


@check("MultiInference feeds the examples to the input of each task, also where these differ.")
def multi_inputs(context):
    lengths, halves = context.infer([("other_input", REGRESS), ("regress", REGRESS)], TWO).results
    equal(values(lengths.regression_result), [float(e.ByteSize()) for e in TWO])
    equal(values(halves.regression_result), [2.5, 0.75])


@check("MultiInference refuses no tasks, other models, a signature twice and other methods.")
def multi_refused(context):
    unnamed = ("regress_vector", REGRESS, "")
    for code_and_text, tasks in (
        ("INVALID_ARGUMENT: ModelSpec has no name specified.", []),
        ("INVALID_ARGUMENT: ModelSpec has no name specified.", [unnamed]),
        ("INVALID_ARGUMENT: Found ModelSpec with an empty model name.", [("regress", REGRESS), unnamed]),
        (
            "INVALID_ARGUMENT: All ModelSpecs in a MultiInferenceRequest must access the same model name.",
            [("regress", REGRESS), ("regress_vector", REGRESS, "half_plus_two")],
        ),
        (
            "INVALID_ARGUMENT: Duplicate evaluation of signature: serving_default",
            [("", CLASSIFY), ("serving_default", CLASSIFY)],
        ),
        ("INVALID_ARGUMENT: Requested signature not found in model graph: nope", [("nope", CLASSIFY)]),
        ("UNIMPLEMENTED: Unsupported signature method_name: tensorflow/serving/predict", [("predict", PREDICT)]),
        ("INVALID_ARGUMENT: Expected one output Tensor.", [("classify", REGRESS)]),
        ("NOT_FOUND: Servable not found for request: Latest(nope)", [("regress", REGRESS, "nope")]),
    ):
        with raises(RpcFailure, code_and_text):
            refused(lambda tasks=tasks: context.infer(tasks, TWO))
    with raises(RpcFailure, "INVALID_ARGUMENT: Input is empty."):
        refused(lambda: context.infer([("regress", REGRESS)], []))


@check("Predict runs the same signatures on a tensor of serialized Examples.")
def predict(context):
    request = fill(predict_pb2.PredictRequest(), "classify")
    request.inputs["inputs"].CopyFrom(tf.make_tensor_proto([e.SerializeToString() for e in TWO]))
    reply = context.predictions.Predict(request, TIMEOUT)
    equal(tf.make_ndarray(reply.outputs["scores"]).tolist(), [[1.0, 3.0, 4.0], [-2.5, 0.0, -2.5]])


@check("Predict takes the default of an input that is left out.")
def defaults(context):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "multi_io"
    request.model_spec.signature_name = "defaults"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([1, 3])))
    equal(tf.make_ndarray(context.predictions.Predict(request, TIMEOUT).outputs["y"]).tolist(), [2.0, 6.0])
    request.inputs["scale"].CopyFrom(tf.make_tensor_proto(np.float32(3)))
    equal(tf.make_ndarray(context.predictions.Predict(request, TIMEOUT).outputs["y"]).tolist(), [3.0, 9.0])
    del request.inputs["x"]
    with raises(RpcFailure, "INVALID_ARGUMENT: Input 'x'"):
        refused(lambda: context.predictions.Predict(request, TIMEOUT))


@check("REST's classify and regress answer as gRPC does, plain and packed with gzip.")
def rest(context):
    body = {"examples": [{"x": 1.0, "n": 3, "word": "one"}, {"x": [-2.5], "word": {"b64": "AP8="}}]}
    got = context.post("regress", {"signature_name": "regress", **body})
    equal(got, '{\n    "results": [2.5, 0.75]\n}')
    got = context.post("classify", {"context": {"n": 1}, "examples": [{"x": 0.25}, {"n": 7}]})
    rows = '[["", 0.25], ["n", 1.0], ["sum", 1.25]], [["", 0.0], ["n", 7.0], ["sum", 7.0]]'
    equal(got, '{\n    "results": [[' + rows[1:-1] + "]\n    ]\n}")
    packed = gzip.compress(json.dumps({"signature_name": "regress", **body}).encode())
    equal(json.loads(context.post("regress", packed, {"Content-Encoding": "gzip"})), {"results": [2.5, 0.75]})


run(Context(sys.argv[1], sys.argv[2]), ["tensorflow-serving-api", "tensorflow-cpu", "grpcio"])
