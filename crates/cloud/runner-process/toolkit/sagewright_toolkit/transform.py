"""One request: the user's functions, and the framework's own where there is none."""

import importlib
import inspect
import json
import os
import sys
import traceback

from . import base, codecs
from .defaults import FRAMEWORKS

PAGE = (
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<title>500 Internal Server Error</title>\n'
    "<h1>Internal Server Error</h1>\n<p>The server encountered an internal error and was unable to complete your request. "
    "Either the server is overloaded or there is an error in the application.</p>\n"
)


class Context:
    """What functions that ask for one more argument get."""

    def __init__(self, headers):
        self.headers = headers
        self.system_properties = {"model_dir": base.MODEL, "gpu_id": None}

    def get_request_header(self, _, name):
        return self.headers.get(name)


class Transformer:
    def __init__(self, framework, module):
        self.defaults = FRAMEWORKS[framework]()
        own = {name: getattr(module, name, None) for name in ("input_fn", "predict_fn", "output_fn")}
        self.transform_fn = getattr(module, "transform_fn", None)
        if self.transform_fn and any(own.values()):
            raise ValueError(
                "Cannot use transform_fn implementation with input_fn, predict_fn, and/or output_fn"
            )
        for name, function in own.items():
            setattr(self, name, function or getattr(self.defaults, name))
        self.execution_parameters_fn = getattr(module, "execution_parameters_fn", None)
        model_fn = getattr(module, "model_fn", None) or self.defaults.model_fn
        self.model = _call(model_fn, (base.MODEL,), None)

    def invoke(self, body, headers):
        """Status, content type and body of the answer."""
        content_type = headers.get("ContentType") or headers.get("Content-Type") or codecs.JSON
        accept = headers.get("Accept")
        if not accept or accept == codecs.ANY:
            accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or codecs.JSON
        context = Context(headers)
        try:
            data = body.decode("utf-8") if content_type in codecs.UTF8_TYPES else body
            result = self._transform(data, content_type, accept, context)
            if isinstance(result, _Refusal):
                return self._refused(result)
            return self._answer(result, accept)
        except Exception as problem:  # noqa: BLE001: whatever the user's code raises
            trace = traceback.format_exc()
            base.error(f"Exception on /invocations [POST]\n{trace}")
            if self.defaults.flask:
                return 500, "text/html", PAGE.encode()
            return 500, "text/plain", f"{problem}\n{trace}".encode()

    def _transform(self, data, content_type, accept, context):
        if self.transform_fn:
            return _call(self.transform_fn, (self.model, data, content_type, accept), context)
        try:
            data = _call(self.input_fn, (data, content_type), context)
        except codecs.UnsupportedFormatError as problem:
            return _Refusal(415, problem)
        prediction = _call(self.predict_fn, (data, self.model), context)
        try:
            return _call(self.output_fn, (prediction, accept), context)
        except codecs.UnsupportedFormatError as problem:
            return _Refusal(406, problem)

    def _refused(self, refusal):
        problem, trace = refusal.problem, refusal.trace
        if not self.defaults.flask:
            return refusal.status, "text/plain", f"{problem}\n{trace}".encode()
        told = {"error": type(problem).__name__, "error-message": str(problem), "stack-trace": trace}
        return refusal.status, codecs.JSON, json.dumps(told).encode()

    def _answer(self, result, accept):
        # What a bare text is taken for: sagemaker-containers answers through Flask, sagemaker-inference as was asked for.
        content_type = "text/html" if self.defaults.flask else accept
        status = 200
        if isinstance(result, tuple):
            result, content_type = result[0], result[1]
        if isinstance(result, codecs.Response) or hasattr(result, "mimetype"):
            status, content_type = getattr(result, "status_code", 200), result.mimetype
            result = result.get_data() if hasattr(result, "get_data") else result.response
        if result is None:
            result = b""
        if isinstance(result, (dict, list)):
            result, content_type = codecs.array_to_json(result), codecs.JSON
        if isinstance(result, str):
            result = result.encode()
        if not isinstance(result, (bytes, bytearray, memoryview)):
            raise TypeError(f"the answer is neither text nor bytes, but {type(result).__name__}")
        return status, content_type, bytes(result)

    def execution_parameters(self):
        """The body of the answer; `None` where the script has no function for it."""
        if not self.execution_parameters_fn:
            return None
        return self._answer(self.execution_parameters_fn(), codecs.JSON)


class _Refusal:
    def __init__(self, status, problem):
        self.status, self.problem, self.trace = status, problem, traceback.format_exc()


def _call(function, arguments, context):
    """Calls a function, with a context where it takes one argument more."""
    try:
        taken = [
            p for p in inspect.signature(function).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
        ]
    except (TypeError, ValueError):
        taken = []
    return function(*arguments, context) if len(taken) == len(arguments) + 1 else function(*arguments)


def load(framework, program, folder):
    """Imports the user's script and loads the model."""
    module = None
    if program:
        sys.path.insert(0, folder)
        name = program[:-3] if program.endswith(".py") else program
        module = importlib.import_module(name.replace("/", "."))
    return Transformer(framework, module)
