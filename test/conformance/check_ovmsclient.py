"""ovmsclient against a server of the bundled models: GRPC_PORT REST_PORT GRAPHPIPE_PORT."""

import functools
import sys

import numpy as np
from ovmsclient import InvalidInputError, ModelNotFoundError, make_grpc_client, make_http_client

from checks import check, equal, raises, run, same

X = np.float32([1, 2, 5])
MULTI_IO = {"a": np.float32([[1, 2, 3], [0, -1, 0.5]]), "b": np.int32([7, -2]), "flag": np.array([True, False])}
# What both clients make of a version that is available.
AVAILABLE = {1: {"state": "AVAILABLE", "error_code": 0, "error_message": ""}}


class Context:
    def __init__(self, grpc_port, rest_port):
        self.clients = {
            "gRPC": make_grpc_client(f"127.0.0.1:{grpc_port}"),
            "REST": make_http_client(f"127.0.0.1:{rest_port}"),
        }


def check_both(sentence):
    """One check for each client; the function gets the client, the version to ask for being a matter of the caller."""

    def register(function):
        for door in ("gRPC", "REST"):
            check(f"{door}: {sentence}", door)(functools.partial(on_client, function))
        return function

    return register


def on_client(function, door, context):
    function(context.clients[door])


@check_both("predict() gives the one output of a model as an array.")
def one_output(client):
    got = client.predict({"x": X}, "half_plus_two", 1)
    np.testing.assert_array_equal(got, [2.5, 3, 4.5])


@check_both("predict() gives several outputs by name.")
def several_outputs(client):
    got = client.predict(MULTI_IO, "multi_io", 1)
    equal(sorted(got), ["count", "label_bytes", "sum"])
    np.testing.assert_array_equal(got["sum"], [[8, 9, 10], [0, -1, 0.5]])
    np.testing.assert_array_equal(got["count"], [3, 1])


@check_both("predict() takes a list, and an image of the digits model.")
def lists(client):
    np.testing.assert_array_equal(client.predict({"x": [1.0, 2.0]}, "half_plus_two", 1), [2.5, 3])
    got = client.predict({"images": np.zeros((1, 64), np.float32)}, "digits", 1)
    equal((got["scores"].shape, got["classes"].shape), ((1, 10), (1,)))


@check_both("get_model_status() tells that the version is available.")
def status(client):
    equal(client.get_model_status("half_plus_two", 1), AVAILABLE)


@check_both("An unknown model or version is a ModelNotFoundError in predict() and in get_model_status().")
def unknown(client):
    with raises(ModelNotFoundError, "Servable not found for request: Specific(nope, 1)"):
        client.predict({"x": X}, "nope", 1)
    # The client sends version 0 where the caller gave none, which TensorFlow Serving takes at its word.
    with raises(ModelNotFoundError, "Servable not found for request: Specific(half_plus_two, 0)"):
        client.predict({"x": X}, "half_plus_two")
    with raises(ModelNotFoundError, "Could not find any versions of model nope"):
        client.get_model_status("nope", 1)
    with raises(ModelNotFoundError, "Could not find version 7 of model half_plus_two"):
        client.get_model_status("half_plus_two", 7)


@check_both("A wrong input name, dtype or shape is an InvalidInputError.")
def invalid(client):
    with raises(InvalidInputError, "x"):
        client.predict({"y": X}, "half_plus_two", 1)
    with raises(InvalidInputError, "x"):
        client.predict({"x": ["one"]}, "half_plus_two", 1)
    with raises(InvalidInputError):
        client.predict({"images": np.zeros((1, 63), np.float32)}, "digits", 1)


@check("gRPC: predict() gives arrays of the outputs' dtypes, to the bit.")
def grpc_dtypes(context):
    got = context.clients["gRPC"].predict(MULTI_IO, "multi_io", 1)
    same(got["sum"], np.float32([[8, 9, 10], [0, -1, 0.5]]))
    same(got["count"], np.int64([3, 1]))
    equal(got["label_bytes"].tolist(), [b"7/true", b"-2/false"])


@check("gRPC: predict() sends strings and bytes.")
def grpc_strings(context):
    got = context.clients["gRPC"].predict({"text": ["gate", "Größe"]}, "strings", 1)
    equal(got["upper"].tolist(), [b"GATE", "GRößE".encode()])
    got = context.clients["gRPC"].predict({"text": np.array([b"\x01\xff"])}, "strings", 1)
    equal(got["raw_bytes"].tolist(), [b"\x01\xff"])


@check("REST: predict() sends strings as text, and bytes in base64.")
def rest_strings(context):
    got = context.clients["REST"].predict({"text": ["gate", "Größe"]}, "strings", 1)
    equal(got["upper"].tolist(), ["GATE", "GRößE"])
    got = context.clients["REST"].predict({"text": np.array([b"\x01\x7f"])}, "strings", 1)
    equal(got["raw_bytes"].tolist(), [{"b64": "AX8="}])


@check("gRPC: get_model_metadata() gives names, shapes and dtypes of serving_default.")
def grpc_metadata(context):
    got = context.clients["gRPC"].get_model_metadata("multi_io", 1)
    equal(got["model_version"], 1)
    equal(got["inputs"]["a"], {"shape": [-1, 3], "dtype": "DT_FLOAT"})
    equal(got["outputs"]["label_bytes"], {"shape": [-1], "dtype": "DT_STRING"})


@check("REST: get_model_metadata() gives the document with TensorFlow Serving's field names.")
def rest_metadata(context):
    # This client looks for OpenVINO's spelling, modelSpec, and passes on as it is what is spelt otherwise.
    got = context.clients["REST"].get_model_metadata("multi_io", 1)
    equal(got["model_spec"], {"name": "multi_io", "signature_name": "", "version": "1"})
    a = got["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]["a"]
    equal((a["dtype"], [dim["size"] for dim in a["tensor_shape"]["dim"]]), ("DT_FLOAT", ["-1", "3"]))


@check("gRPC: a call that takes longer than its timeout is a TimeoutError.")
def grpc_timeout(context):
    with raises(TimeoutError):
        context.clients["gRPC"].predict({"x": np.zeros(4_000_000, np.float32)}, "half_plus_two", 1, timeout=0.001)
    same(context.clients["gRPC"].predict({"x": X}, "half_plus_two", 1), np.float32([2.5, 3, 4.5]))


run(Context(sys.argv[1], sys.argv[2]), ["ovmsclient", "grpcio", "protobuf", "requests", "numpy"])
