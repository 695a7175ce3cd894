"""`content_types`, `decoder`, `encoder` and `errors`, as scripts for the newer images use them."""

import sys
import types

from sagewright_toolkit import code as _code
from sagewright_toolkit import codecs as _codecs


def _module(name, **members):
    module = types.ModuleType(f"{__name__}.{name}")
    vars(module).update(members)
    sys.modules[module.__name__] = module
    return module


_TYPES = {name: getattr(_codecs, name) for name in ("JSON", "CSV", "OCTET_STREAM", "ANY", "NPY", "NPZ", "UTF8_TYPES")}

content_types = _module("content_types", **_TYPES)
decoder = _module("decoder", decode=_codecs.decode)
encoder = _module("encoder", encode=_codecs.encode, SUPPORTED_CONTENT_TYPES={_codecs.JSON, _codecs.CSV, _codecs.NPY})
errors = _module("errors", ClientError=_code.ClientError, UnsupportedFormatError=_codecs.UnsupportedFormatError)
