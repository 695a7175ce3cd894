"""What each framework's image does where the user's script has no function of its own."""

import csv
import io
import json
import os
import tempfile

from . import codecs


class Plain:
    """An image without a framework: arrays in, arrays out."""

    # Answers and errors as the toolkit of its image gives them: sagemaker-containers, or sagemaker-inference.
    flask = True
    # Whether the image serves models without a script.
    alone = False

    def model_fn(self, model_dir):
        raise NotImplementedError(
            "\nPlease provide a model_fn implementation.\n"
            "See documentation for model_fn at https://github.com/aws/sagemaker-python-sdk\n"
        )

    def input_fn(self, data, content_type):
        return codecs.decode(data, content_type)

    def predict_fn(self, data, model):
        raise NotImplementedError(
            "\nPlease provide a predict_fn implementation.\n"
            "See documentation for predict_fn at https://github.com/aws/sagemaker-python-sdk\n"
        )

    def output_fn(self, prediction, accept):
        return codecs.Response(codecs.encode(prediction, accept), mimetype=accept)


class Sklearn(Plain):
    def input_fn(self, data, content_type):
        import numpy

        array = codecs.decode(data, content_type)
        return array.astype(numpy.float32) if content_type in codecs.UTF8_TYPES else array

    def predict_fn(self, data, model):
        return model.predict(data)


class Xgboost(Plain):
    flask = False

    def input_fn(self, data, content_type):
        import xgboost

        media = content_type.split(";")[0].strip()
        if media == codecs.CSV:
            import numpy

            text = data.decode() if isinstance(data, bytes) else data
            delimiter = csv.Sniffer().sniff(text.split("\n")[0][:512]).delimiter
            delimiter = "," if delimiter.isalnum() else delimiter
            rows = [[x or "nan" for x in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
            return xgboost.DMatrix(numpy.array(rows).astype(float))
        if media in ("text/libsvm", "text/x-libsvm"):
            with tempfile.NamedTemporaryFile(suffix=".libsvm") as file:
                file.write(data.encode() if isinstance(data, str) else data)
                file.flush()
                return xgboost.DMatrix(f"{file.name}?format=libsvm")
        raise codecs.UnsupportedFormatError(media)

    def predict_fn(self, data, model):
        return model.predict(data, validate_features=False)

    def output_fn(self, prediction, accept):
        return codecs.encode(prediction, accept)


class Pytorch(Plain):
    flask = False
    alone = True

    def model_fn(self, model_dir):
        import torch

        path = os.path.join(model_dir, "model.pt")
        if not os.path.exists(path):
            found = [name for name in os.listdir(model_dir) if name.endswith((".pt", ".pth"))]
            if len(found) != 1:
                raise ValueError(f"Exactly one .pth or .pt file is required for PyTorch models: {found}")
            path = os.path.join(model_dir, found[0])
        return torch.jit.load(path, map_location=torch.device("cpu"))

    def input_fn(self, data, content_type):
        import torch

        array = codecs.decode(data, content_type)
        return torch.FloatTensor(array) if content_type in codecs.UTF8_TYPES else torch.from_numpy(array)

    def predict_fn(self, data, model):
        import torch

        with torch.no_grad():
            model.eval()
            return model(data)

    def output_fn(self, prediction, accept):
        if hasattr(prediction, "detach"):
            prediction = prediction.detach().cpu().numpy().tolist()
        for content_type in [part.split(";")[0].strip() for part in accept.split(",")]:
            if content_type in (codecs.JSON, codecs.CSV, codecs.NPY):
                return codecs.encode(prediction, content_type), content_type
        raise codecs.UnsupportedFormatError(accept)


# Ends of the names of architectures, and what a pipeline of them does (sagemaker-huggingface-inference-toolkit). The first
# that fits counts.
TASKS = {
    "TapasForQuestionAnswering": "table-question-answering",
    "ForQuestionAnswering": "question-answering",
    "ForTokenClassification": "token-classification",
    "ForSequenceClassification": "text-classification",
    "ForMultipleChoice": "multiple-choice",
    "ForMaskedLM": "fill-mask",
    "ForCausalLM": "text-generation",
    "ForConditionalGeneration": "text2text-generation",
    "MTModel": "text2text-generation",
    "EncoderDecoderModel": "text2text-generation",
    "GPT2LMHeadModel": "text-generation",
    "T5WithLMHeadModel": "text2text-generation",
}


def task_of(model_dir):
    """What a model is for, by its architecture."""
    with open(os.path.join(model_dir, "config.json")) as file:
        architectures = json.load(file).get("architectures") or [""]
    for ending, task in TASKS.items():
        if architectures[0].endswith(ending):
            return task
    raise ValueError(f"Task couldn't be inferred from {architectures[0] or 'config.json'}: set HF_TASK")


class Huggingface(Plain):
    flask = False
    alone = True

    def model_fn(self, model_dir):
        from transformers import pipeline

        return pipeline(task=os.environ.get("HF_TASK") or task_of(model_dir), model=model_dir)

    def input_fn(self, data, content_type):
        if content_type.split(";")[0].strip() != codecs.JSON:
            raise codecs.UnsupportedFormatError(content_type)
        return json.loads(data)

    def predict_fn(self, data, model):
        parameters = data.pop("parameters", None) or {}
        inputs = data.pop("inputs", data)
        return model(inputs, **parameters)

    def output_fn(self, prediction, accept):
        return codecs.encode(prediction, accept)


FRAMEWORKS = {
    "huggingface": Huggingface, "python": Plain, "pytorch": Pytorch, "sklearn": Sklearn, "xgboost": Xgboost,
}
