"""Contents of requests and answers as arrays: NPY, CSV and JSON, as AWS's toolkits read and write them."""

import csv
import io
import json

JSON = "application/json"
CSV = "text/csv"
OCTET_STREAM = "application/octet-stream"
ANY = "*/*"
NPY = "application/x-npy"
NPZ = "application/x-npz"
# Contents that functions of the user get as text.
UTF8_TYPES = [JSON, CSV]


class UnsupportedFormatError(Exception):
    """A content type that no default function reads or writes."""

    def __init__(self, content_type, **_):
        super().__init__(
            f"Content type {content_type} is not supported by this framework.\n\n"
            "            Please implement input_fn to to deserialize the request data or an output_fn to\n"
            "            serialize the response. For more information, see the SageMaker Python SDK README."
        )


def array_to_npy(array_like):
    import numpy

    buffer = io.BytesIO()
    numpy.save(buffer, array_like)
    return buffer.getvalue()


def npy_to_numpy(npy_array):
    import numpy

    return numpy.load(io.BytesIO(npy_array), allow_pickle=True)


def array_to_json(array_like):
    def default(value):
        if hasattr(value, "tolist"):
            return value.tolist()
        return json.JSONEncoder().default(value)

    return json.dumps(array_like, default=default)


def json_to_numpy(string_like, dtype=None):
    import numpy

    return numpy.array(json.loads(string_like), dtype=dtype)


def csv_to_numpy(string_like, dtype=None):
    import numpy

    rows = list(csv.reader(io.StringIO(string_like), delimiter=",", quotechar='"', doublequote=True, strict=True))
    array = numpy.array(rows).squeeze()
    try:
        # Text stays text where it is not all numbers, unless a type is asked for.
        return array.astype(dtype)
    except ValueError:
        if dtype is not None:
            raise
        return array


def array_to_csv(array_like):
    import numpy

    array = numpy.array(array_like)
    if len(array.shape) == 1:
        array = numpy.reshape(array, (array.shape[0], 1))
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n", delimiter=",", quotechar='"', doublequote=True, strict=True).writerows(array)
    return stream.getvalue()


_ENCODERS = {NPY: array_to_npy, CSV: array_to_csv, JSON: array_to_json}
_DECODERS = {NPY: npy_to_numpy, CSV: csv_to_numpy, JSON: json_to_numpy}


def decode(obj, content_type):
    if content_type not in _DECODERS:
        raise UnsupportedFormatError(content_type)
    return _DECODERS[content_type](obj)


def encode(array_like, content_type):
    if content_type not in _ENCODERS:
        raise UnsupportedFormatError(content_type)
    return _ENCODERS[content_type](array_like)


class Response:
    """An answer with its status and content type, as functions of the user may give one."""

    def __init__(self, response=None, accept=None, status=200, headers=None, mimetype=None, direct_passthrough=False):
        self.response = response
        self.status_code = int(str(status).split()[0])
        self.headers = dict(headers or {})
        self.mimetype = mimetype or JSON
