"""The bare model behind uvicorn, without a framework: one CSV row in, one class out.

Arguments: model, port. uvicorn takes uvloop and httptools, which are there, so that it is as fast as it gets.
"""

import sys

import numpy as np
import uvicorn
import xgboost as xgb

booster = xgb.Booster(model_file=sys.argv[1])
booster.set_param({"nthread": 1})


async def app(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    row = np.array(body.decode().split(","), dtype=np.float32).reshape(1, -1)
    answer = str(booster.inplace_predict(row)[0]).encode()
    headers = [(b"content-type", b"text/csv"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), lifespan="off", log_level="error", access_log=False)
