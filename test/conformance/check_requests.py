"""The package requests against REST of a server of all test models: GRPC_PORT REST_PORT GRAPHPIPE_PORT MODELS.

The server gives REST requests one second.
"""

import base64
import concurrent.futures
import gzip
import json
import math
import pathlib
import socket
import sys
import time

import numpy as np
import requests

from checks import check, equal, run

TIMEOUT = 20
MULTI_IO = {"a": [[1, 2, 3], [0, -1, 0.5]], "b": [7, -2], "flag": [True, False]}
LABELS = [{"b64": base64.b64encode(label).decode()} for label in (b"7/true", b"-2/false")]


class Context:
    def __init__(self, port, models):
        self.port = int(port)
        self.models = pathlib.Path(models)
        self.root = f"http://127.0.0.1:{port}"
        self.session = requests.Session()

    def url(self, path):
        return f"{self.root}/v1/models/{path}"

    def post(self, path, document=None, **options):
        """POST of a document as JSON, or of the data in `options`; gives the response."""
        return self.session.post(self.url(path), json=document, timeout=TIMEOUT, **options)

    def predict(self, model, document=None, **options):
        """The answer to a predict that must succeed."""
        answer = self.post(f"{model}:predict", document, **options)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        equal(answer.headers["Content-Type"], "application/json")
        return answer.json()

    def refuse(self, model, status, *texts, document=None, **options):
        """Fails unless this predict is refused with the status and an error that holds the texts."""
        expect_error(self.post(f"{model}:predict", document, **options), status, *texts)

    def get(self, path):
        return self.session.get(self.url(path), timeout=TIMEOUT)


def expect_error(answer, status, *texts):
    assert answer.status_code == status, f"{answer.status_code} should be {status}: {answer.text}"
    equal(answer.headers["Content-Type"], "application/json")
    document = answer.json()
    equal(list(document), ["error"])
    missing = [text for text in texts if text not in document["error"]]
    assert not missing, f"{missing} should be in {document['error']!r}"


# Predict: what comes in, what goes out


@check("Rows of a model with one input are bare values, and so are its answers.")
def row_bare(context):
    equal(context.predict("half_plus_two", {"instances": [1.0, 2, 5]}), {"predictions": [2.5, 3.0, 4.5]})


@check("Rows of a model with several inputs are objects, and so are its answers.")
def row_objects(context):
    instances = [{name: values[i] for name, values in MULTI_IO.items()} for i in range(2)]
    first = {"sum": [8, 9, 10], "count": 3, "label_bytes": LABELS[0]}
    second = {"sum": [0, -1, 0.5], "count": 1, "label_bytes": LABELS[1]}
    equal(context.predict("multi_io", {"instances": instances}), {"predictions": [first, second]})


@check("Columns are a bare tensor for one input, else an object of tensors.")
def columns(context):
    equal(context.predict("half_plus_two", {"inputs": [1, 2]}), {"outputs": [2.5, 3]})
    equal(context.predict("half_plus_two", {"inputs": {"x": [1, 2]}}), {"outputs": [2.5, 3]})
    outputs = {"sum": [[8, 9, 10], [0, -1, 0.5]], "count": [3, 1], "label_bytes": LABELS}
    equal(context.predict("multi_io", {"inputs": MULTI_IO}), {"outputs": outputs})


@check("The signature asked for is run, with scalars in columns.")
def signature_name(context):
    document = {"signature_name": "scalar", "inputs": {"a": 1.5, "n": -3}}
    equal(context.predict("multi_io", document), {"outputs": {"product": -4.5, "text": "-3"}})
    document = {"signature_name": "fixed", "inputs": [[1, 2, 3], [4, 5, 6]]}
    equal(context.predict("multi_io", document), {"outputs": [6, 15]})


@check("Rows are stacked whatever shape is declared, and the answer has as many as the outputs have.")
def stacked(context):
    rows = [{"a": 1.5, "n": -3}, {"a": 2, "n": 4}]
    got = context.predict("multi_io", {"signature_name": "scalar", "instances": rows})
    equal(got, {"predictions": [{"product": -4.5, "text": "-3"}, {"product": 8, "text": "4"}]})
    equal(len(context.predict("no_batch", {"instances": [[1, 2], [3, 4]]})["predictions"]), 3)


@check("A version can be named in the path; the path's letters may be of any case, and the name percent-encoded.")
def paths(context):
    want = {"predictions": [2.5]}
    equal(context.predict("half_plus_two/versions/1", {"instances": [1]}), want)
    for path in ("/V1/Models/half_plus_two:predict", "/v1/models/half%5Fplus%5ftwo:predict"):
        equal(context.session.post(context.root + path, json={"instances": [1]}, timeout=TIMEOUT).json(), want)


@check("The layout is TensorFlow Serving's, to the byte.")
def layout(context):
    text = context.post("half_plus_two:predict", {"instances": [1, 2, 5]}).text
    equal(text, '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}')
    text = context.post("half_plus_two:predict", {"inputs": [1, 2, 5]}).text
    equal(text, '{\n    "outputs": [\n        2.5,\n        3.0,\n        4.5\n    ]\n}')


EXACT = {
    "bool": [True, False],
    "int8": [-128, 127],
    "int16": [-(2**15), 2**15 - 1],
    "int32": [-(2**31), 2**31 - 1],
    "int64": [-(2**63), 2**63 - 1, 2**53 + 1, -(2**53) - 1],
    "uint8": [0, 255],
    "uint32": [0, 2**32 - 1],
    "uint64": [0, 2**64 - 1, 2**63, 2**53 + 1],
    "double": [0.1, -1e300, 5e-324, 1.7976931348623157e308, 2.0**53, -0.0, math.pi],
    "string": ["", "text", "Größe 👍", '"\\/\b\f\n\r\t\x00'],
}


def exact(name, context):
    values = EXACT[name]
    got = context.predict(f"echo_{name}", {"inputs": values})["outputs"]
    equal([repr(value) for value in got], [repr(value) for value in values])
    cubes = [[[value]] for value in values]
    equal(context.predict(f"echo_{name}", {"instances": cubes}), {"predictions": cubes})
    equal(context.predict(f"echo_{name}", {"inputs": values[0]}), {"outputs": values[0]})


for dtype_name in EXACT:
    check(f"Values of {dtype_name} come back exactly, of rank 0, 1 and 3.", dtype_name)(exact)


@check("Every float32 comes back to the bit, and one beyond range becomes infinite.")
def floats(context):
    bits = np.random.default_rng(1).integers(0, 2**32, 20_000, np.uint32)
    values = bits.view(np.float32)
    values = values[np.isfinite(values)]
    got = context.predict("echo_float", {"inputs": values.astype(float).tolist()})["outputs"]
    equal(np.float32(got).tobytes(), values.tobytes())
    equal(context.predict("echo_float", {"inputs": [1e39, -1e39]})["outputs"], [math.inf, -math.inf])


@check("NaN and Infinity go in and come out as Python writes and reads them.")
def not_finite(context):
    for model in ("echo_float", "echo_double"):
        got = context.predict(model, data=json.dumps({"inputs": [math.nan, math.inf, -math.inf]}))["outputs"]
        equal((math.isnan(got[0]), got[1:]), (True, [math.inf, -math.inf]))


@check("Integers do not take points and exponents; small types wrap, large ones refuse what is out of range.")
def integers(context):
    context.refuse("echo_int32", 400, document={"inputs": [1.0]})
    context.refuse("echo_int64", 400, data='{"inputs": [1e3]}')
    equal(context.predict("echo_uint8", {"inputs": [300, -1]})["outputs"], [44, 255])
    for model, value in (("int32", 2**31), ("int64", 2**63), ("uint64", 2**64), ("uint32", 2**32), ("uint64", -1)):
        context.refuse(f"echo_{model}", 400, document={"inputs": [value]})


@check("Types that JSON has no form for are refused: 400 in rows, 501 in columns.")
def no_form(context):
    for name in ("half", "bfloat16", "uint16", "complex64", "complex128"):
        context.refuse(f"echo_{name}", 400, document={"instances": [1, 2]})
        context.refuse(f"echo_{name}", 501, document={"inputs": [1, 2]})
    context.refuse("quantized", 400, document={"instances": [1.0]})


@check("Strings go in as text or in base64; outputs called _bytes come out in base64, others as text.")
def strings(context):
    raw = b"\x00\xffz" * 40  # several lines in base64
    got = context.predict("strings", {"instances": ["größe", {"b64": base64.b64encode(b"gate").decode()}]})
    rows = got["predictions"]
    equal([row["upper"] for row in rows], ["GRößE", "GATE"])
    equal([row["length"] for row in rows], [7, 4])
    equal([base64.b64decode(row["raw_bytes"]["b64"]) for row in rows], ["größe".encode(), b"gate"])
    # Text goes out unchanged even where it is no UTF-8, so that such an answer is no JSON for most readers.
    answer = context.post("strings:predict", {"inputs": [{"b64": base64.encodebytes(raw).decode()}]})
    outputs = json.loads(answer.content.decode("latin1"), strict=False)["outputs"]
    equal((outputs["upper"][0].encode("latin1"), base64.b64decode(outputs["raw_bytes"][0]["b64"])), (b"\x00\xffZ" * 40, raw))


@check("Of equal keys the first counts, text behind the document is ignored, and so are unknown columns.")
def lenient(context):
    got = context.predict("half_plus_two", data='{"instances": [1], "instances": [5]} and more')
    equal(got, {"predictions": [2.5]})
    equal(context.predict("half_plus_two", {"inputs": {"x": [1], "y": [9]}}), {"outputs": [2.5]})


@check("The digits model knows the real images that it comes with, one at a time and 32 at once.")
def digits(context):
    samples = json.loads((context.models / "digits/samples.json").read_text())
    rows = context.predict("digits", {"instances": samples["images"]})["predictions"]
    np.testing.assert_allclose([row["scores"] for row in rows], samples["scores"], rtol=0, atol=1e-5)
    for image, row in zip(samples["images"], rows):
        equal(context.predict("digits", {"inputs": [image]})["outputs"]["classes"], [row["classes"]])


# How the body comes


@check("The Content-Type does not matter.")
def content_type(context):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"):
        got = context.predict("half_plus_two", data='{"instances": [1]}', headers={"Content-Type": kind})
        equal(got, {"predictions": [2.5]})


@check("A body in chunks, without Content-Length, is read whole.")
def chunked(context):
    def pieces():
        yield b'{"insta'
        time.sleep(0.05)
        yield b'nces": [1'
        for number in range(2, 30_000):
            yield f", {number}".encode()
        yield b"]}"

    got = context.predict("half_plus_two", data=pieces())["predictions"]
    equal((len(got), got[-1]), (29_999, 15001.5))


@check("A body packed with gzip is unpacked; one that is not what it says, or packed otherwise, is 400.")
def gzipped(context):
    body = gzip.compress(b'{"instances": [1, 2]}')
    packed = {"Content-Encoding": "gzip"}
    equal(context.predict("half_plus_two", data=body, headers=packed), {"predictions": [2.5, 3]})
    context.refuse("half_plus_two", 400, "gzip", data=b"no gzip at all", headers=packed)
    context.refuse("half_plus_two", 400, "gzip", data=body[:-9], headers=packed)
    context.refuse("half_plus_two", 400, "br", data=body, headers={"Content-Encoding": "br"})


@check("A body of 16 MB is answered with all its numbers.")
def big(context):
    values = np.arange(2_000_000, dtype=np.float32)
    got = context.predict("echo_float", {"inputs": values.tolist()})["outputs"]
    equal(np.float32(got).tobytes(), values.tobytes())


@check("One connection serves request after request, refused ones among them.")
def keep_alive(context):
    with requests.Session() as session:
        for number in range(100):
            answer = session.post(context.url("half_plus_two:predict"), json={"instances": [number]}, timeout=TIMEOUT)
            equal(answer.json(), {"predictions": [number / 2 + 2]})
            expect_error(session.post(context.url("nope:predict"), json={"instances": [1]}, timeout=TIMEOUT), 404)
        pools = session.get_adapter(context.root).poolmanager.pools
        equal([(pools[key].num_connections, pools[key].num_requests) for key in pools.keys()], [(1, 200)])


@check("Eight threads at once each get the answer to their own request.")
def threads(context):
    def call(number):
        values = [number] * (number % 7 + 1)
        answer = requests.post(context.url("half_plus_two:predict"), json={"instances": values}, timeout=TIMEOUT)
        equal(answer.json(), {"predictions": [number / 2 + 2] * len(values)})

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(200)))


@check("Clients that go away half-way through body or answer do no harm.")
def gone(context):
    head = b"POST /v1/models/slow:predict HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n"
    for sent in (head[:30], head, head + b'{"instances"', head + b'{"instances": [300]}'.ljust(100)):
        with socket.create_connection(("127.0.0.1", context.port)) as client:
            client.sendall(sent)
            time.sleep(0.02)
    equal(context.predict("half_plus_two", {"instances": [1]}), {"predictions": [2.5]})


# What is refused


@check("An unknown model or version is 404 in TensorFlow Serving's words, with what there is.")
def unknown_model(context):
    ask = {"instances": [1]}
    context.refuse("nope", 404, "Servable not found for request: Latest(nope)", "half_plus_two", document=ask)
    context.refuse("half_plus_two/versions/7", 404, "Specific(half_plus_two, 7)", document=ask)
    context.refuse("half_plus_two/labels/canary", 400, "Unrecognized servable version label: canary", document=ask)


@check("An unknown signature is 400, with the names there are.")
def unknown_signature(context):
    ask = {"signature_name": "nope", "inputs": [1]}
    context.refuse("multi_io", 400, "nope", "serving_default", "scalar", document=ask)


@check("A body that is no JSON object is 400, an empty one too.")
def malformed(context):
    broken = (b"{", b'{"instances": [1', b'{"instances": [1,]}', b'{"instances": [nul]}', b"\xff")
    for body in (b"", b"[1]", b"1", b"null", *broken):
        context.refuse("half_plus_two", 400, data=body)
    context.refuse("half_plus_two", 400, data=b'{"instances": ' + b"[" * 200_000)


@check("Both, neither, or an empty list of instances and inputs are 400.")
def which_form(context):
    context.refuse("half_plus_two", 400, "instances", "inputs", document={"instances": [1], "inputs": [1]})
    context.refuse("half_plus_two", 400, "instances", "inputs", document={"signature_name": "serving_default"})
    for instances in ([], {}, 1, None):
        context.refuse("half_plus_two", 400, "instances", document={"instances": instances})


@check("Rows that differ in shape or kind are 400.")
def ragged(context):
    for instances in ([1, [2]], [[1], [2, 3]], [1, {"x": 2}], [{"x": 1}, 2]):
        context.refuse("half_plus_two", 400, document={"instances": instances})
    context.refuse("half_plus_two", 400, document={"inputs": [[1], [2, 3]]})
    context.refuse("digits", 400, document={"instances": [[0] * 63]})


@check("A missing or unknown input, and a value of another kind, are 400, by name.")
def wrong_inputs(context):
    row = {"a": [1, 2, 3], "b": 1}
    context.refuse("multi_io", 400, "flag", document={"instances": [row]})
    context.refuse("multi_io", 400, "extra", document={"instances": [{**row, "flag": True, "extra": 1}]})
    context.refuse("multi_io", 400, "flag", document={"inputs": {**MULTI_IO, "flag": [1, 0]}})
    context.refuse("half_plus_two", 400, document={"instances": ["one"]})
    context.refuse("half_plus_two", 400, document={"instances": [None]})
    context.refuse("strings", 400, document={"instances": [{"b64": "no base64!"}]})


@check("A predict that takes longer than the server's limit is 504, and the next one is answered.")
def limit(context):
    start = time.monotonic()
    context.refuse("slow", 504, document={"instances": [4000]})
    assert time.monotonic() - start < 1.8, "The answer should come when the time is up."
    equal(context.predict("half_plus_two", {"instances": [1]}), {"predictions": [2.5]})


@check("What fits no route is 400 under /v1/, 404 elsewhere.")
def routes(context):
    for method, path in (
        ("GET", "half_plus_two:predict"),
        ("POST", "half_plus_two"),
        ("POST", "half_plus_two:predict?x=1"),
        ("POST", "half_plus_two:Predict"),
        ("POST", "half_plus_two/versions/one:predict"),
        ("DELETE", "half_plus_two"),
        ("PUT", "half_plus_two:predict"),
        ("PATCH", "half_plus_two:predict"),
    ):
        answer = context.session.request(method, context.url(path), json={"instances": [1]}, timeout=TIMEOUT)
        expect_error(answer, 400, f"Malformed request: {method} /v1/models/{path}")
    equal(context.session.get(f"{context.root}/", timeout=TIMEOUT).status_code, 404)
    equal(context.session.get(f"{context.root}/v2/health/live", timeout=TIMEOUT).status_code, 404)
    answer = context.get(f"half_plus_two/versions/{2**63}")
    equal((answer.status_code, answer.text), (400, ""))


# Status and metadata

STATUS = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}


@check("Status lists the versions, or the one asked for.")
def status(context):
    for path in ("half_plus_two", "half_plus_two/versions/1"):
        equal(context.get(path).json(), {"model_version_status": [STATUS]})


@check("Status of an unknown model or version is 404.")
def status_refused(context):
    expect_error(context.get("nope"), 404, "Could not find any versions of model nope")
    expect_error(context.get("half_plus_two/versions/7"), 404, "Could not find version 7 of model half_plus_two")
    expect_error(context.get("half_plus_two?x=1"), 404, "half_plus_two?x=1")


@check("Metadata gives every signature with names, dtypes and shapes.")
def metadata(context):
    got = context.get("multi_io/metadata").json()
    equal(got["model_spec"], {"name": "multi_io", "signature_name": "", "version": "1"})
    signatures = got["metadata"]["signature_def"]["signature_def"]
    names = sorted(signatures)
    equal(names, ["__saved_model_init_op", "defaults", "fixed", "scalar", "serving_default"])
    default = signatures["serving_default"]
    equal(default["method_name"], "tensorflow/serving/predict")
    dims = [{"size": "-1", "name": ""}, {"size": "3", "name": ""}]
    want = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": "serving_default_a:0"}
    equal(default["inputs"]["a"], want)
    equal(signatures["scalar"]["outputs"]["product"]["tensor_shape"], {"dim": [], "unknown_rank": False})
    echo = context.get("echo_float/versions/1/metadata").json()["metadata"]["signature_def"]["signature_def"]
    equal(echo["serving_default"]["inputs"]["x"]["tensor_shape"], {"dim": [], "unknown_rank": True})


@check("Metadata of an unknown model or version is 404.")
def metadata_refused(context):
    expect_error(context.get("nope/metadata"), 404, "Servable not found for request: Latest(nope)")
    expect_error(context.get("half_plus_two/versions/7/metadata"), 404, "Specific(half_plus_two, 7)")


run(Context(sys.argv[2], sys.argv[4]), ["requests", "urllib3", "numpy"])
