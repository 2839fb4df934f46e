"""Oracle's graphpipe package against a server of all test models: GRPC_PORT REST_PORT GRAPHPIPE_PORT.

The model of clients that name none is half_plus_two.
"""

import concurrent.futures
import json
import sys

import numpy as np
import requests
from graphpipe import convert, remote

from checks import check, equal, raises, run, same

# All numeric dtypes that GraphPipe has, by the echo model of each, with values at the edges of its range.
ECHOES = {
    "uint8": np.uint8([0, 255, 1]),
    "int8": np.int8([-128, 127, -1]),
    "uint16": np.uint16([0, 2**16 - 1, 1]),
    "int16": np.int16([-(2**15), 2**15 - 1, -1]),
    "uint32": np.uint32([0, 2**32 - 1, 1]),
    "int32": np.int32([-(2**31), 2**31 - 1, -1]),
    "uint64": np.array([0, 2**64 - 1, 2**63], np.uint64),
    "int64": np.int64([-(2**63), 2**63 - 1, 2**53 + 1]),
    "half": np.float16([-65504, 6e-8, np.nan]),
    "float": np.float32([-0.0, 1e-45, np.nan]),
    "double": np.float64([-0.0, 5e-324, -np.inf]),
}


def execute_on(model, arrays, inputs, outputs, uri, **config):
    """execute_multi with a config that names the model, which GraphPipe has no other place for."""
    return remote.execute_multi(uri, arrays, inputs, outputs, json.dumps({"model": model, **config}))


def refusal(uri, arrays, inputs=None, outputs=None, config=None):
    """Status and text of the answer to a request that the package has packed: its own exception has no text."""
    body = convert.serialize_infer_request(convert.InferReq(config, arrays, inputs, outputs))
    answer = requests.post(uri, data=bytes(body), timeout=10)
    equal(answer.headers["Content-Type"].split(";")[0], "text/plain")
    return answer.status_code, answer.text


@check("execute() needs only the array: the default model's input and output are found.")
def bare(uri):
    same(remote.execute(uri, np.float32([1, 2, 5])), np.float32([2.5, 3, 4.5]))


@check("execute() takes the names of input and output, as the signature or as the graph has them.")
def names(uri):
    x, y = np.float32([1, 2]), np.float32([2.5, 3])
    same(remote.execute(uri, x, "x", "y"), y)
    (graph_input,) = [tensor["Description"].split(",")[0] for tensor in describe(uri)["Inputs"]]
    (graph_output,) = [tensor["Description"].split(",")[0] for tensor in describe(uri)["Outputs"]]
    same(remote.execute(uri, x, graph_input, graph_output), y)
    same(remote.execute(uri, x, graph_input.removesuffix(":0"), "y"), y)


def describe(uri):
    return requests.get(uri, timeout=10).json()


def echo(name, uri):
    flat = ECHOES[name]
    for array in (flat, flat.reshape(3, 1, 1), flat[:0].reshape(1, 0), flat.reshape(1, 3).T, flat[1:2].reshape(())):
        (got,) = execute_on(f"echo_{name}", [array], None, None, uri)
        same(got, array)


for dtype_name in ECHOES:
    SENTENCE = f"An array of {dtype_name} comes back to the bit, of rank 0 to 3, empty, and with rows that lie apart."
    check(SENTENCE, dtype_name)(echo)


@check("Strings go in as S, U and object arrays of any rank, and come back as bytes.")
def strings(uri):
    for array in (np.array([b"gate", b"o"]), np.array(["gate", "Größe"]), np.array([b"a\xff", b""], object)):
        want = [s.encode() if isinstance(s, str) else bytes(s) for s in array.tolist()]
        (got,) = execute_on("echo_string", [array], None, None, uri)
        equal(got.tolist(), want)
        (got,) = execute_on("echo_string", [array.reshape(2, 1, 1)], None, None, uri)
        equal((got.shape, got.ravel().tolist()), ((2, 1, 1), want))


@check("execute_multi() gives all outputs in the order of their names, or those asked for in the order asked.")
def several(uri):
    arrays = [np.array([b"gate", b"\x00\xff"], object)]
    length, raw, upper = execute_on("strings", arrays, None, None, uri)
    same(length, np.int64([4, 2]))
    equal((raw.tolist(), upper.tolist()), ([b"gate", b"\x00\xff"], [b"GATE", b"\x00\xff"]))
    upper, length = execute_on("strings", arrays, ["text"], ["upper", "length"], uri)
    equal(upper.tolist(), [b"GATE", b"\x00\xff"])
    same(length, np.int64([4, 2]))


@check("The config of a request picks model, version and signature.")
def config(uri):
    m = np.float32([[1, 2, 3], [4, 5, 6]])
    (total,) = execute_on("multi_io", [m], None, None, uri, version=1, signature="fixed")
    same(total, np.float32([6, 15]))
    same(remote.execute_multi(uri, [np.float32([1])], None, None, "no JSON at all")[0], np.float32([2.5]))


@check("metadata() describes the default model; so does GET, as JSON.")
def metadata(uri):
    equal((remote.get_input_names(uri), remote.get_output_names(uri)), (["x"], ["y"]))
    equal((remote.get_input_types(uri), remote.get_output_types(uri)), ([np.dtype("float32")], [np.dtype("float32")]))
    equal((remote.get_input_shapes(uri), remote.get_output_shapes(uri)), ([[None]], [[None]]))
    got, as_json = remote.metadata(uri), describe(uri)
    equal((got.Name(), got.Version()), (b"half_plus_two", b"1"))
    equal((as_json["Name"], as_json["Version"], as_json["Server"]), ("half_plus_two", "1", got.Server().decode()))
    equal(got.Description().decode(), as_json["Description"])
    equal([(i["Name"], i["Shape"], i["Type"]) for i in as_json["Inputs"]], [("x", [-1], 10)])


@check("An array of 32 MB goes in and comes back to the bit.")
def big(uri):
    array = np.arange(8 * 2**20, dtype=np.float32)
    (got,) = execute_on("echo_float", [array], None, None, uri)
    same(got, array)


@check("Eight threads at once each get the answer to their own request.")
def threads(uri):
    def call(number):
        x = np.full(number % 7 + 1, number, np.float32)
        same(remote.execute(uri, x), x / 2 + 2)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(200)))


@check("execute() raises for an unknown name, a wrong dtype and a wrong shape.")
def wrong(uri):
    x = np.float32([1])
    for call in (
        lambda: remote.execute(uri, x, "nope"),
        lambda: remote.execute(uri, x, "x", "nope"),
        lambda: remote.execute(uri, np.int64([1])),
        lambda: execute_on("digits", [np.zeros((1, 63), np.float32)], None, None, uri),
    ):
        with raises(requests.HTTPError, "400"):
            call()


@check("Errors are 400 with a text that names the culprit.")
def error_texts(uri):
    x = np.float32([1])
    for arguments, culprit in (
        (([x], ["nope"]), "nope"),
        (([x], None, ["nope"]), "nope"),
        (([np.int64([1])],), "DT_INT64"),
        (([x, x],), "2"),
        (([],), "x"),
        (([x], None, None, '{"model": "nope"}'), "Servable not found for request: Latest(nope)"),
        (([x], None, None, '{"version": 7}'), "Specific(half_plus_two, 7)"),
        (([x], None, None, '{"signature": "nope"}'), "nope"),
        (([x], None, None, '{"version": "new"}'), "version"),
    ):
        status, text = refusal(uri, *arguments)
        assert status == 400 and culprit in text, f"{culprit!r} should be in {status} {text}"


@check("What has a dtype that GraphPipe does not have is refused by name.")
def no_such_type(uri):
    arrays = [np.zeros((1, 3), np.float32), np.int32([1]), np.uint8([1])]
    status, text = refusal(uri, arrays, ["a", "b", "flag"], None, json.dumps({"model": "multi_io"}))
    assert status == 400 and "flag" in text, text
    status, text = refusal(uri, [np.float32([1])], None, None, json.dumps({"model": "quantized"}))
    assert status >= 400 and "DT_Q" in text, text


@check("A body that is no Request is 400, an empty one too; the next request is served.")
def garbage(uri):
    for body in (b"", b"\x00", b"hello", b"\xff" * 1000, bytes(convert.serialize_metadata_request())[:10]):
        equal(requests.post(uri, data=body, timeout=10).status_code, 400)
    whole = bytes(convert.serialize_infer_request(convert.InferReq(None, [np.float32([1, 2])], None, None)))
    for length in range(1, len(whole)):
        status = requests.post(uri, data=whole[:length], timeout=10).status_code
        assert status in (200, 400), f"{status} for a request cut after {length} bytes"
    same(remote.execute(uri, np.float32([1])), np.float32([2.5]))


@check("The control paths tell whether the server is ready and alive.")
def control(uri):
    for path in ("is_ready", "is_alive"):
        answer = requests.get(f"{uri}/control/{path}", timeout=10)
        equal((answer.status_code, answer.text), (200, "ok\n"))
    equal(requests.get(f"{uri}/control/client_count", timeout=10).status_code, 200)
    equal(requests.post(f"{uri}/control/shutdown", timeout=10).status_code, 403)


run(f"http://127.0.0.1:{sys.argv[3]}", ["graphpipe", "flatbuffers", "requests", "numpy"])
