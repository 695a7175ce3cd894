"""`content_types`, `encoders`, `errors`, `transformer` and `worker`, as scripts for scikit-learn's image use them."""

import sys
import types

from sagewright_toolkit import code as _code
from sagewright_toolkit import codecs as _codecs


def _module(name, **members):
    module = types.ModuleType(f"{__name__}.{name}")
    vars(module).update(members)
    sys.modules[module.__name__] = module
    return module


_TYPES = {name: getattr(_codecs, name) for name in ("JSON", "CSV", "OCTET_STREAM", "ANY", "NPY", "UTF8_TYPES")}
_CODECS = ("array_to_npy", "npy_to_numpy", "array_to_json", "json_to_numpy", "array_to_csv", "csv_to_numpy", "encode", "decode")

content_types = _module("content_types", **_TYPES)
encoders = _module("encoders", **{name: getattr(_codecs, name) for name in _CODECS})
errors = _module("errors", ClientError=_code.ClientError, UnsupportedFormatError=_codecs.UnsupportedFormatError)
worker = _module("worker", Response=_codecs.Response)
transformer = _module("transformer", default_input_fn=_codecs.decode)
